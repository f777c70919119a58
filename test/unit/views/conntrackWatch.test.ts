import { mkdtempSync, rmSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, it } from "vitest";
import { AccountingLease } from "../../../src/lab/accountingLease.ts";
import { ConntrackWatch } from "../../../src/lab/conntrackWatch.ts";
import { FrameReader, OutStream } from "../../../src/lab/controlStream.ts";
import { ConntrackEvents } from "../../../src/plane/conntrack/events.ts";
import { Bench, DEV } from "../plane/bench.ts";
import { udp } from "../plane/packets.ts";
import { NAMES } from "./names.ts";

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

/** A stream's two ends: the lab's, and what the command reads of it. */
async function pair(): Promise<{ out: OutStream; client: Socket }> {
  const directory = mkdtempSync(join(tmpdir(), "podplane-watch-"));
  const path = join(directory, "s");
  const accepted = new Promise<Socket>((resolve) => {
    const server = createServer({ allowHalfOpen: true }, resolve).listen(path);
    closers.push(() => server.close());
  });
  await new Promise((resolve) => setTimeout(resolve, 20));
  const client = connect({ path, allowHalfOpen: true });
  const socket = await accepted;
  closers.push(() => {
    client.destroy();
    socket.destroy();
    rmSync(directory, { recursive: true });
  });
  socket.resume();
  return { out: new OutStream(socket), client };
}

/** Messages that a command reads. */
function reader(client: Socket): { messages: { event?: string; lost?: number }[] } {
  const frames = new FrameReader();
  const messages: { event?: string; lost?: number }[] = [];
  client.on("data", (chunk: Buffer) => {
    for (const { payload } of frames.push(chunk)) messages.push(JSON.parse(payload.toString()));
  });
  return { messages };
}

/** A plane's end of the events, as planeThread.ts has it. */
function planeOf(b: Bench) {
  const { ct } = b.plane.context;
  return {
    ct,
    conntrackEvents: async (on: boolean) => {
      const events = ct.events ?? new ConntrackEvents();
      ct.events = on ? events : null;
      return { words: events.drain(), lost: events.lost };
    },
  };
}

const passed = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

it("events come from the first to the last, and the plane notes none once nobody watches", async () => {
  const b = new Bench();
  const plane = planeOf(b);
  const watch = new ConntrackWatch(plane, () => NAMES);
  const { client, out } = await pair();
  const { messages } = reader(client);
  b.send(DEV.client, udp("10.0.1.32:1", "10.0.1.48:9"));
  const watching = watch.watch(out);
  await passed(10);
  b.send(DEV.client, udp("10.0.1.32:2", "10.0.1.48:9"));
  await passed(150);
  expect(messages.map((m) => m.event)).toEqual(["NEW"]);
  b.send(DEV.second, udp("10.0.1.48:9", "10.0.1.32:2"));
  // The command wants no more: what has happened still comes.
  client.end();
  expect(await watching).toBeNull();
  await passed(20);
  expect(messages.map((m) => m.event)).toEqual(["NEW", "UPDATE"]);
  expect(plane.ct.events).toBeNull();
});

it("events that the ring or a slow command lost are counted for it", async () => {
  const b = new Bench();
  const plane = planeOf(b);
  const watch = new ConntrackWatch(plane, () => NAMES);
  const { client, out } = await pair();
  const watching = watch.watch(out);
  await passed(10);
  b.send(DEV.client, udp("10.0.1.32:1", "10.0.1.48:9"));
  const burst = (count: number) => {
    for (let i = 0; i < count; i++) plane.ct.events?.push(2, plane.ct, null, 0, 0);
  };
  // Nobody reads: the socket fills, and what comes then is lost.
  burst(16_384);
  await passed(400);
  burst(100);
  await passed(150);
  const { messages } = reader(client);
  await passed(400);
  burst(1);
  await passed(150);
  client.end();
  await watching;
  await passed(50);
  const lost = messages.reduce((sum, m) => sum + (m.lost ?? 0), 0);
  const events = messages.filter((m) => m.event !== undefined).length;
  expect(lost).toBeGreaterThanOrEqual(100);
  expect(events + lost).toBe(1 + 16_384 + 100 + 1);
});

it("connections are counted for as long as somebody asks", async () => {
  const said: boolean[] = [];
  const lease = new AccountingLease({ accounting: async (on) => void said.push(on) }, false);
  await lease.hold(60);
  await lease.hold(60);
  expect([said, lease.isOn]).toEqual([[true], true]);
  await passed(120);
  expect([said, lease.isOn]).toEqual([[true, false], false]);
  const always = new AccountingLease({ accounting: async (on) => void said.push(on) }, true);
  await always.hold(1);
  expect([said.length, always.isOn]).toEqual([2, true]);
});
