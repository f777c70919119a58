import { describe, expect, it } from "vitest";
import { TCP_STATE_NAMES } from "../../../src/plane/conntrack/tcpStates.ts";
import { PROTO_TCP, PROTO_UDP } from "../../../src/plane/packet.ts";
import { SNAT_NONE } from "../../../src/plane/rows.ts";
import { DEV, VIP } from "./bench.ts";
import { tcp, udp } from "./packets.ts";
import { port, Wire } from "./wire.ts";

/** What happens to connections through a service while its endpoints come and go, and while time passes. */

const CLIENT = "10.0.1.32";
const SOCKET = `${CLIENT}:40000`;
const API0 = "10.0.2.32:8080";
const API1 = "10.0.2.33:8080";
const NODE = "10.0.1.10";
const SECOND = 1000;

const tcpService = (...endpoints: string[]) => port(0, PROTO_TCP, 80, endpoints, 30_080);
const udpService = (...endpoints: string[]) => port(1, PROTO_UDP, 53, endpoints, 30_053);

/** A TCP connection through the service, told from the client's end. */
class Connection {
  readonly wire: Wire;
  readonly socket: string;
  /** api0 or api1, and its socket. */
  server = "";
  #client = 1000;
  #served = 9000;

  constructor(wire: Wire, socket = SOCKET) {
    this.wire = wire;
    this.socket = socket;
  }

  /** Sends a segment and says where it arrived. */
  send(flags: string, o: { seq?: number; payload?: string } = {}): string {
    const seq = o.seq ?? this.#client;
    const ack = flags.includes(".") ? this.#served : 0;
    const bytes = tcp(this.socket, `${VIP}:80`, flags, { seq, ack, payload: o.payload ?? "" });
    this.#client = seq + (o.payload ?? "").length + (/[SF]/.test(flags) ? 1 : 0);
    return this.wire
      .send(DEV.client, bytes)
      .map((a) => a.device)
      .join();
  }

  /** The server sends a segment. @returns what the client saw of it, as a line */
  answer(flags: string): string {
    const device = this.server === "api0" ? DEV.api0 : DEV.api1;
    const address = this.server === "api0" ? API0 : API1;
    const bytes = tcp(address, this.socket, flags, { seq: this.#served, ack: this.#client });
    this.#served += /[SF]/.test(flags) ? 1 : 0;
    return this.wire
      .send(device, bytes)
      .map((a) => a.line)
      .join();
  }

  open(seq = this.#client): this {
    this.server = this.send("S", { seq });
    expect(this.answer("S.")).toContain(`${VIP}.80 > ${this.socket.replace(":", ".")}`);
    expect(this.send(".")).toBe(this.server);
    return this;
  }

  /** The client closes, the server closes. */
  close(): this {
    this.send("F.");
    this.answer("F.");
    this.send(".");
    return this;
  }

  /** State of its entry on the client's node, and how many seconds are left. */
  entry(): [string, number] {
    const { ct } = this.wire.plane.context;
    let found: [string, number] = ["absent", 0];
    ct.forEach((e) => {
      if (ct.zone(e) === 0 && ct.sport(e, 0) === Number(this.socket.split(":")[1]) && !ct.isGone(e, this.wire.now))
        found = [TCP_STATE_NAMES[ct.tcpState(e)], Math.ceil(ct.timeoutLeft(e, this.wire.now) / SECOND)];
    });
    return found;
  }
}

describe("a port that is used again while its last connection is in TIME_WAIT", () => {
  it("begins a new connection, whose endpoint is drawn anew", () => {
    const servers = new Set<string>();
    for (let seed = 1; seed <= 20; seed++) {
      const wire = new Wire([tcpService(API0, API1)], { seed });
      const first = new Connection(wire).open().close();
      expect(first.entry()).toEqual(["TIME_WAIT", 120]);
      const again = new Connection(wire).open(50_000);
      expect(again.entry()[0]).toBe("ESTABLISHED");
      expect(wire.plane.context.ct.count(0)).toBe(1);
      servers.add(`${first.server} ${again.server}`);
    }
    expect([...servers].sort()).toEqual(["api0 api0", "api0 api1", "api1 api0", "api1 api1"]);
  });

  it("reaches an endpoint that is left when the last one is gone", () => {
    for (let seed = 1; seed <= 6; seed++) {
      const wire = new Wire([tcpService(API0, API1)], { seed });
      const first = new Connection(wire).open().close();
      const left = first.server === "api0" ? "api1" : "api0";
      wire.put(tcpService(left === "api0" ? API0 : API1));
      expect(new Connection(wire).open(50_000).server).toBe(left);
    }
  });

  it("is rejected when no endpoint is left: nothing of the old connection holds for the new one", () => {
    const wire = new Wire([tcpService(API0)]);
    new Connection(wire).open().close();
    wire.put(tcpService());
    const got = wire.send(DEV.client, tcp(SOCKET, `${VIP}:80`, "S", { seq: 50_000 }));
    expect(got.map((a) => a.device)).toEqual(["client"]);
    expect(wire.drops("SERVICE_NO_ENDPOINTS")).toBe(1);
    expect(wire.plane.context.ct.count(0)).toBe(0);
  });

  it("does so after a RST of its own, too, but stays with its endpoint after the server's", () => {
    for (const [ended, open] of [
      [(c: Connection) => c.send("R"), true],
      [(c: Connection) => c.answer("R"), false],
    ] as const) {
      const wire = new Wire([tcpService(API0)]);
      const first = new Connection(wire).open();
      ended(first);
      expect(first.entry()).toEqual(["CLOSE", 10]);
      wire.put(tcpService(API1));
      const where = new Connection(wire).send("S", { seq: 50_000 });
      expect(where).toBe(open ? "api1" : "api0");
    }
  });
});

describe("an endpoint that goes", () => {
  it("keeps its established TCP connections: kube-proxy never deletes them", () => {
    const wire = new Wire([tcpService(API0, API1)]);
    const c = new Connection(wire).open();
    wire.put(tcpService(c.server === "api0" ? API1 : API0));
    expect(c.send("P.", { payload: "hello" })).toBe(c.server);
    wire.put(tcpService());
    expect(c.send("P.", { payload: "hello" })).toBe(c.server);
    wire.gone(tcpService());
    expect(c.send("P.", { payload: "hello" })).toBe(c.server);
  });

  it("keeps a SYN that is sent again for two minutes: the repetitions do not renew it", () => {
    const wire = new Wire([tcpService(API0)]);
    const c = new Connection(wire);
    c.send("S", { seq: 1 });
    wire.put(tcpService(API1));
    for (let i = 0; i < 11; i++) {
      wire.wait(10 * SECOND);
      expect(c.send("S", { seq: 1 })).toBe("api0");
    }
    expect(c.entry()).toEqual(["SYN_SENT", 10]);
    wire.wait(11 * SECOND);
    expect(c.send("S", { seq: 1 })).toBe("api1");
  });

  it.each([
    ["reconciler", "api1"],
    ["reconcilerSkipsEmpty", "api1"],
    ["event", "api1"],
    ["none", "api0"],
  ] as const)("loses its UDP flows with the clean-up %s: the next packet reaches %s", (udpCleanup, next) => {
    const wire = new Wire([udpService(API0)], { udpCleanup });
    for (const to of [`${VIP}:53`, `${NODE}:30053`])
      expect(wire.send(DEV.client, udp(SOCKET, to)).map((a) => a.device)).toEqual(["api0"]);
    wire.put(udpService(API1));
    for (const to of [`${VIP}:53`, `${NODE}:30053`])
      expect(wire.send(DEV.client, udp(SOCKET, to)).map((a) => a.device)).toEqual([next]);
  });

  it.each([
    ["reconciler", "client"],
    ["reconcilerSkipsEmpty", "api0"],
    ["event", "client"],
    ["none", "api0"],
  ] as const)("as the last one of a UDP service, %s: the next packet ends at %s", (udpCleanup, where) => {
    const wire = new Wire([udpService(API0)], { udpCleanup });
    wire.send(DEV.client, udp(SOCKET, `${VIP}:53`));
    wire.put(udpService());
    // A stream that never pauses for 30 s: without the clean-up it is lost for ever.
    for (let i = 0; i < 10; i++) {
      wire.wait(20 * SECOND);
      const got = wire.send(DEV.client, udp(SOCKET, `${VIP}:53`));
      expect(got.map((a) => a.device)).toEqual([where]);
      if (where === "client")
        expect(got[0].line).toContain(`port unreachable (type 3 code 3), for [10.0.1.32.40000 > ${VIP}.53`);
    }
  });
});

describe("a connection that is closed on one side", () => {
  const halfClosed = (settings = {}): Connection => {
    const c = new Connection(new Wire([tcpService(API0)], { settings })).open();
    c.send("F.");
    c.answer(".");
    return c;
  };

  it("is kept for 60 s by the kernel, and for an hour as kube-proxy sets it", () => {
    expect(halfClosed().entry()).toEqual(["CLOSE_WAIT", 60]);
    expect(halfClosed({ tcpTimeoutCloseWait: 3600 }).entry()).toEqual(["CLOSE_WAIT", 3600]);
  });

  it("is answered after five quiet minutes with the hour, and not with the minute", () => {
    const long = halfClosed({ tcpTimeoutCloseWait: 3600 });
    long.wire.wait(300 * SECOND);
    expect(long.answer("P.")).toContain(`${VIP}.80 > `);
    const short = halfClosed();
    short.wire.wait(300 * SECOND);
    // The entries of both nodes are gone: the answer is taken for a connection of the server's own.
    expect(short.answer("P.")).not.toContain(`${VIP}.80 > `);
  });
});

describe("a connection that was opened halfway", () => {
  it("is gone after 120 s without an answer, and after 60 s without the handshake's last ACK", () => {
    const wire = new Wire([tcpService(API0)]);
    const c = new Connection(wire);
    c.server = c.send("S");
    expect(c.entry()).toEqual(["SYN_SENT", 120]);
    c.answer("S.");
    expect(c.entry()).toEqual(["SYN_RECV", 60]);
    wire.wait(61 * SECOND);
    expect(c.entry()).toEqual(["absent", 0]);
  });

  it("and is established lives five days by the kernel, a day as kube-proxy sets it", () => {
    for (const [settings, seconds] of [
      [{}, 432_000],
      [{ tcpTimeoutEstablished: 86_400 }, 86_400],
    ] as const) {
      const c = new Connection(new Wire([tcpService(API0)], { settings })).open();
      expect(c.entry()).toEqual(["ESTABLISHED", seconds]);
    }
  });
});

it("a node whose ports to one server are all in TIME_WAIT goes on: SYNs take them over", () => {
  const server = "203.0.113.10";
  const wire = new Wire([], { snatMode: SNAT_NONE, capacity: 8192, limit: 8192 });
  const from = (device: number, address: string, sport: number, seq: number): number => {
    const [out] = wire.send(device, tcp(`${address}:${sport}`, `${server}:80`, "S", { seq }));
    if (out === undefined) return -1;
    const sent = Number(/\.(\d+) > /.exec(out.line)?.[1]);
    const [back, ack] = [`198.51.100.10:${sent}`, seq + 1];
    wire.send(DEV.web, tcp(`${server}:80`, back, "S.", { seq: 500, ack }));
    wire.send(device, tcp(`${address}:${sport}`, `${server}:80`, ".", { seq: ack, ack: 501 }));
    wire.send(device, tcp(`${address}:${sport}`, `${server}:80`, "F.", { seq: ack, ack: 501 }));
    wire.send(DEV.web, tcp(`${server}:80`, back, "F.", { seq: 501, ack: ack + 1 }));
    wire.send(device, tcp(`${address}:${sport}`, `${server}:80`, ".", { seq: ack + 1, ack: 502 }));
    return sent;
  };
  for (let sport = 1; sport <= 511; sport++) expect(from(DEV.client, CLIENT, sport, 1000)).toBe(sport);
  expect(wire.plane.context.ct.count(0)).toBe(511);
  for (let sport = 1; sport <= 200; sport++) expect(from(DEV.second, "10.0.1.48", sport, 9000)).toBeGreaterThan(0);
  expect(wire.drops("NAT_PORTS_EXHAUSTED")).toBe(0);
  expect(wire.plane.context.ct.count(0)).toBe(511);
  // Behind what the old connections sent, there is none.
  expect(from(DEV.second, "10.0.1.48", 300, 10)).toBe(-1);
  expect(wire.drops("NAT_PORTS_EXHAUSTED")).toBe(1);
});
