import type { Cluster } from "../../../src/control/cluster.ts";
import { loadLab } from "../../../src/lab/files/load.ts";
import { Replay, type ReplayOptions } from "../../../src/lab/replay/replay.ts";
import type { ReplayEvent, ReplaySummary } from "../../../src/lab/replay/replayEvent.ts";
import { replayLine } from "../../../src/lab/replay/replayText.ts";
import type { Capture } from "../../../src/observe/capture/capture.ts";
import { tcp } from "../plane/packets.ts";
import { type Conversation, senderOf } from "./conversation.ts";

const FIXTURES = "test/unit/replay/fixtures";
export const SERVICE = "172.20.0.17:80";
export const NAMES = "172.20.0.18:53";

export function lab(name = "lab"): Cluster {
  return loadLab(`${FIXTURES}/${name}.yaml`).cluster;
}

/** A connection of pod/client to svc/api: handshake, a request, its answer, and the end. */
export function connection(talk: Conversation, port = 40_000): void {
  const client = `${talk.address("pod/client")}:${port}`;
  const server = `${talk.address("pod/server")}:8080`;
  const ask = (flags: string, o: Parameters<typeof tcp>[3]) => talk.send("pod/client", tcp(client, SERVICE, flags, o));
  const peer = senderOf(ask("S", { seq: 100 })[0]);
  const answer = (flags: string, o: Parameters<typeof tcp>[3]) => talk.send("pod/server", tcp(server, peer, flags, o));
  answer("S.", { seq: 900, ack: 101 });
  ask(".", { seq: 101, ack: 901 });
  ask("P.", { seq: 101, ack: 901, payload: "GET /" });
  answer(".", { seq: 901, ack: 106 });
  answer("P.", { seq: 901, ack: 106, payload: "200 OK" });
  ask("F.", { seq: 106, ack: 907 });
  answer("F.", { seq: 907, ack: 107 });
  ask(".", { seq: 107, ack: 908 });
}

export interface Outcome {
  readonly events: readonly ReplayEvent[];
  readonly summary: ReplaySummary;
  /** What a person reads, without times. */
  readonly text: readonly string[];
}

export function replay(cluster: Cluster, capture: Capture, options: Partial<ReplayOptions> = {}): Outcome {
  const run = new Replay(cluster, capture, { at: null, seed: null, settleMs: 1000, ...options });
  const generator = run.run();
  const events: ReplayEvent[] = [];
  for (;;) {
    const next = generator.next();
    if (next.done) {
      const style = { width: 80, wrap: false, colour: false };
      const text = events.map((e) => replayLine(e, false, style).replace(/^\S+ /, ""));
      return { events, summary: next.value, text };
    }
    events.push(next.value);
  }
}
