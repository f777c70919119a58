import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { Podplane, QUICKSTART } from "./podplane.ts";
import { until } from "./support/wait.ts";

const NAME = "connection-reset-74839";
const FIVE_LINES = [1, 2, 3, 4, 5].map((n) => `line ${n}: answered\n`).join("");

let podplane: Podplane;
beforeEach(() => {
  podplane = new Podplane();
});
afterEach(() => podplane.dispose());

/** Runs the README's steps in the lab with one line of it changed: what the client said, and the server. */
async function run(setting: string, value: string) {
  const directory = join(podplane.directory, "lab");
  cpSync(join(QUICKSTART, "..", NAME), directory, { recursive: true });
  const file = join(directory, "lab.yaml");
  const text = readFileSync(file, "utf8");
  expect(text).toMatch(new RegExp(`^ *${setting}: `, "m"));
  writeFileSync(file, text.replace(new RegExp(`^( *${setting}): \\w+`, "m"), `$1: ${value}`));
  await podplane.up(directory);
  await podplane.endpoints("server", 1);
  const client = await podplane.run(
    "exec",
    "pod/client",
    "--",
    "python3",
    join(directory, "client.py"),
    "server",
    "80",
  );
  let server = "";
  await until("the server to see the end of the connection", async () => {
    server = await podplane.must("logs", "pod/server");
    return /connection lost|the client closed/.test(server);
  });
  const states = (await podplane.get("conntrack")).filter((c) => c.protocol === "tcp").map((c) => c.state);
  const metrics = await podplane.finish();
  expect(server).toContain("sent a segment to");
  return { client, server, states, metrics };
}

it("an INVALID packet reaches the client untranslated in nftables mode, and its RST ends the connection", async () => {
  const { client, server, states } = await run("mode", "nftables");
  expect(client.stdout).toBe("line 1: answered\n");
  expect(client.stderr).toContain("line 2: Connection reset by peer");
  expect(server).toContain("connection lost: Connection reset by peer");
  expect(states).toEqual(["CLOSE", "CLOSE"]);
});

it("kube-proxy's rule of iptables mode drops it: the connection lives", async () => {
  const { client, server, metrics } = await run("mode", "iptables");
  expect(client.stderr).toBe("");
  expect(client.stdout).toBe(FIVE_LINES);
  expect(server).toContain("the client closed");
  expect(metrics.drops.INVALID_STATE).toBe(1);
});

it("tcpBeLiberal lets it pass as part of the connection, which lives", async () => {
  const { client, server } = await run("tcpBeLiberal", "true");
  expect(client.stderr).toBe("");
  expect(client.stdout).toBe(FIVE_LINES);
  expect(server).toContain("the client closed");
});
