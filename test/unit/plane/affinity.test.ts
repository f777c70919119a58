import { describe, expect, it } from "vitest";
import { FROM_ENI, FROM_POD } from "../../../src/plane/from.ts";
import * as R from "../../../src/plane/rows.ts";
import { Bench, type BenchOptions, DEV, ENI } from "./bench.ts";
import { walk } from "./nodeWalk.ts";
import { ip } from "./packets.ts";
import { clusterIP, nodePort, serviceRow } from "./serviceRow.ts";

const VIP = "172.20.0.41";
const POD = "10.0.1.32";
const ENDPOINTS = ["10.0.2.32:80", "10.0.2.33:80", "10.0.1.48:80", "10.0.2.40:80", "10.0.2.41:80", "10.0.2.42:80"];

function row(o: Partial<R.ServiceRow> = {}): R.ServiceRow {
  const frontends = [clusterIP(VIP, 80), nodePort(30_001)];
  return serviceRow({ id: 9, frontends, affinity: 10, ...o, endpoints: o.endpoints ?? ENDPOINTS });
}

class Client {
  readonly b: Bench;
  #port = 1024;

  constructor(o: BenchOptions = {}, spec: Partial<R.ServiceRow> = {}) {
    this.b = new Bench({ capacity: 65_536, limit: 65_536, ...o });
    this.b.plane.apply({ put: [row(spec)], gone: [] });
  }

  /** The endpoint's address that a new connection of the pod gets. */
  connect(dst = VIP, dport = 80): string {
    return this.#walk(FROM_POD, DEV.client, ip(POD), dst, dport);
  }

  /** ... of somebody from outside. */
  from(src: number, dst = "10.0.1.10", dport = 30_001): string {
    return this.#walk(FROM_ENI, ENI.n0e0, src, dst, dport);
  }

  /** How many endpoints a client gets in some connections, `gap` ms apart. */
  spread(gap: number, connect: () => string = () => this.connect()): number {
    const seen = new Set<string>();
    for (let i = 0; i < 24; i++) {
      this.wait(gap);
      seen.add(connect());
    }
    return seen.size;
  }

  wait(ms: number): void {
    this.b.plane.tick((this.b.plane.context.now + ms) | 0);
  }

  #walk(from: number, via: number, src: number, dst: string, dport: number): string {
    this.#port = this.#port === 65_535 ? 1024 : this.#port + 1;
    const w = walk(this.b, from, via, { src, dst: ip(dst), sport: this.#port, dport });
    return `${w.to?.address}:${w.to?.port}`;
  }
}

const IPTABLES: BenchOptions = { serviceMode: R.SERVICE_MODE_IPTABLES };
const NFTABLES: BenchOptions = { serviceMode: R.SERVICE_MODE_NFTABLES };
const IPVS: BenchOptions = { serviceMode: R.SERVICE_MODE_IPVS };
const CILIUM: BenchOptions = { serviceMode: R.SERVICE_MODE_CILIUM };

describe("session affinity", () => {
  it.each([IPTABLES, NFTABLES, IPVS, CILIUM])(
    "keeps a client's endpoint, refreshed by each connection (%o)",
    (mode) => {
      const spec = mode === IPVS ? { scheduler: R.SCHEDULER_RR } : {};
      expect(new Client(mode, spec).spread(9999)).toBe(1);
      expect(new Client(mode, spec).spread(10_001)).toBeGreaterThan(3);
      expect(new Client(mode, { ...spec, affinity: 0 }).spread(0)).toBeGreaterThan(3);
    },
  );

  it("holds at exactly its timeout in xt_recent and not in an nftables set", () => {
    expect(new Client(IPTABLES).spread(10_000)).toBe(1);
    expect(new Client(NFTABLES).spread(10_000)).toBeGreaterThan(3);
  });

  it("is kept across the wrap of the clock, and not taken for fresh long after", () => {
    const c = new Client(IPTABLES);
    c.wait(0x7fff_ffff - 5000);
    expect(c.spread(1000)).toBe(1);
    expect(c.spread(0x7fff_0000)).toBeGreaterThan(3);
  });

  it("is shared by all addresses of a service port with kube-proxy, and each address's own in IPVS and Cilium", () => {
    const both = (mode: BenchOptions): number => {
      let moved = 0;
      for (let seed = 1; seed <= 20; seed++) {
        const c = new Client({ ...mode, seed });
        if (c.connect() !== c.connect("10.0.1.10", 30_001)) moved++;
      }
      return moved;
    };
    expect(both(IPTABLES)).toBe(0);
    expect(both(NFTABLES)).toBe(0);
    expect(both(IPVS)).toBeGreaterThan(5);
    expect(both(CILIUM)).toBeGreaterThan(5);
  });

  it("is one service port's: another one of the same address knows nothing of it", () => {
    let moved = 0;
    for (let seed = 1; seed <= 20; seed++) {
      const c = new Client({ ...IPTABLES, seed });
      c.b.plane.apply({ put: [{ ...row(), id: 10, frontends: [clusterIP(VIP, 81)] }], gone: [] });
      if (c.connect() !== c.connect(VIP, 81)) moved++;
    }
    expect(moved).toBeGreaterThan(5);
  });

  it("forgets the oldest of more than 100 clients of an endpoint in iptables mode alone", () => {
    const kept = (mode: BenchOptions, clients: number): number => {
      const c = new Client(mode, {
        endpoints: ENDPOINTS.slice(0, 1).map((e) => row({}).endpoints[ENDPOINTS.indexOf(e)]),
      });
      for (let i = 0; i < clients; i++) c.from(ip("198.18.0.0") + i);
      return c.b.plane.context.tables.services.affinity.clients(9, 0);
    };
    expect(kept(IPTABLES, 100)).toBe(100);
    expect(kept(IPTABLES, 150)).toBe(100);
    expect(kept(NFTABLES, 150)).toBe(150);
    // Who is forgotten is the one that was not seen for longest: the first comes back in time.
    const c = new Client(IPTABLES);
    const first = c.from(ip("198.18.0.0"));
    for (let i = 1; i < 2000; i++) {
      c.from(ip("198.18.0.0") + i);
      if (i % 40 === 0) expect(c.from(ip("198.18.0.0"))).toBe(first);
    }
    let moved = 0;
    for (let i = 1; i < 30; i++) {
      const before = c.from(ip("198.19.0.0") + i);
      for (let k = 0; k < 1200; k++) c.from(ip("198.20.0.0") + k);
      if (c.from(ip("198.19.0.0") + i) !== before) moved++;
    }
    expect(moved).toBeGreaterThan(10);
  });

  it("lets go of an endpoint that leaves, and does not know it when it comes back", () => {
    let moved = 0;
    for (let seed = 1; seed <= 12; seed++) {
      const c = new Client({ ...IPTABLES, seed });
      const before = c.connect();
      const full = row();
      const gone = full.endpoints.findIndex((e) => `${e.address}:${e.port}` === before);
      const endpoints = full.endpoints.filter((_, i) => i !== gone);
      c.b.plane.apply({ put: [row({ endpoints, cluster: [0, 1, 2, 3, 4] })], gone: [] });
      expect(c.b.plane.context.tables.services.affinity.clients(9, 0)).toBe(0);
      c.b.plane.apply({ put: [full], gone: [] });
      if (c.connect() !== before) moved++;
    }
    expect(moved).toBeGreaterThan(6);
  });

  it("stays with its endpoint when others come and go before it", () => {
    const c = new Client(IPTABLES, { endpoints: row().endpoints.slice(3), cluster: [0, 1, 2] });
    const before = c.connect();
    c.b.plane.apply({ put: [row()], gone: [] });
    expect(c.spread(1)).toBe(1);
    expect(c.connect()).toBe(before);
  });

  it("is not changed by a what-if", () => {
    const c = new Client(IPTABLES);
    c.b.plane.context.ct.beginTrial();
    c.connect();
    c.b.plane.context.ct.rollback();
    expect(c.b.plane.context.tables.services.affinity.clients(9, 0)).toBe(0);
  });
});
