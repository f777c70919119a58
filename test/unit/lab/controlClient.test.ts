import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ask, ControlError, findLab, HungLabError, isListening } from "../../../src/lab/controlClient.ts";
import { STATE_VARIABLE } from "../../../src/lab/stateDirectory.ts";

/** Nobody has to wait long for an answer that never comes. */
const PATIENCE_MS = 20;

let state: string;
let servers: Server[];

beforeEach(() => {
  state = mkdtempSync("/tmp/podplane-unit-");
  servers = [];
  process.env[STATE_VARIABLE] = state;
});
afterEach(() => {
  delete process.env[STATE_VARIABLE];
  for (const server of servers) server.close();
  rmSync(state, { recursive: true, force: true });
});

/** Listens at a lab's control socket. @param answer null: it never answers */
async function listen(lab: string, answer: string | null): Promise<void> {
  const server = createServer((socket) => {
    socket.on("data", () => {
      if (answer !== null) socket.end(answer);
    });
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(join(state, `${lab}.sock`), resolve));
}

describe("a request", () => {
  it("gets the lab's answer, or its refusal", async () => {
    await listen("good", '{"result":[{"name":"web"}]}\n');
    await listen("bad", '{"error":"there is no pod/web"}\n');
    expect(await ask("good", "get", { what: "pods", name: null })).toEqual([{ name: "web" }]);
    await expect(ask("bad", "logs", { name: "pod/web" })).rejects.toThrow(new ControlError("there is no pod/web"));
  });

  it("is given up where the lab does not answer, and names the process that has its socket", async () => {
    await listen("test", null);
    const error = await ask("test", "status", null, { patience: PATIENCE_MS }).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(HungLabError);
    expect(error).toMatchObject({ lab: "test", pid: process.pid });
    expect(String(error)).toContain(
      `lab test (process ${process.pid}) has not answered for 0.02 s: ask again, or end it with ` +
        `\`podplane down --force --name test\`, or with \`kill -9 ${process.pid}\``,
    );
  });

  it("of a lab that is not there says how to start it", async () => {
    await expect(ask("test", "status", null)).rejects.toThrow("lab test is not running: start it with `podplane up`");
  });

  it("that is cut off says so", async () => {
    await listen("test", "");
    await expect(ask("test", "status", null)).rejects.toThrow("lab test went down before it answered");
  });
});

describe("the lab that a command means", () => {
  it("is the only one that listens, also where it does not answer; what others left is removed", async () => {
    await listen("test", null);
    writeFileSync(join(state, "stale.sock"), "");
    expect(await isListening("stale")).toBe(false);
    expect(await findLab(undefined)).toBe("test");
    expect(readdirSync(state)).toEqual(["test.sock"]);
  });

  it("has to be named where there are several", async () => {
    await listen("a", null);
    await listen("b", '{"result":null}\n');
    await expect(findLab(undefined)).rejects.toThrow("several labs are running (a, b): choose one with --name");
    expect(await findLab("b")).toBe("b");
  });
});
