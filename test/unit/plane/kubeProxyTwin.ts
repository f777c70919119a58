import type { Endpoint, Frontend, NodeRow, ServiceRow } from "../../../src/plane/rows.ts";
import { FRONTEND_CLUSTER_IP, FRONTEND_EXTERNAL_IP, FRONTEND_LOAD_BALANCER_IP } from "../../../src/plane/rows.ts";
import { maskOf } from "../../../src/plane/wire/address.ts";

/**
 * kube-proxy as a reader of its source would do it by hand: the rules of a node written out one by one, and a packet taken
 * through them rule by rule. No table, no set, no shortcut. Random rules are taken both ways: what comes out are all
 * outcomes that are possible.
 */

export interface TwinPacket {
  src: number;
  dst: number;
  protocol: number;
  dport: number;
  /** OUTPUT instead of PREROUTING. */
  fromHost: boolean;
}

export interface Outcome {
  /** The endpoint of a DNAT, or null. */
  to: Endpoint | null;
  masquerade: boolean;
  verdict: "ACCEPT" | "REJECT" | "DROP";
}

type Match = (p: TwinPacket) => boolean;
/** A chain's name, or what ends the way through the table. */
type Target = { jump: string } | { goto: string } | { dnat: Endpoint } | "MARK" | "ACCEPT" | "REJECT" | "DROP";
interface Rule {
  match: Match;
  target: Target;
  /** A draw decides whether the rule matches. */
  random?: boolean;
  /** `recent --set`, `update @affinity`: the clients of an endpoint, where the packet's source is put. */
  set?: string;
}
interface Way {
  to: Endpoint | null;
  set: string | null;
  mark: boolean;
  end: "ACCEPT" | "REJECT" | "DROP" | null;
}

const always: Match = () => true;
const inside =
  (cidr: { prefix: number; length: number }, field: "src" | "dst"): Match =>
  (p) =>
    (p[field] & maskOf(cidr.length)) === cidr.prefix;
const not =
  (m: Match): Match =>
  (p) =>
    !m(p);

/** Clients of endpoints, by endpoint chain: when each was last put there. */
export type Recent = Map<string, Map<number, number>>;

export class KubeProxyTwin {
  readonly #chains = new Map<string, Rule[]>();
  readonly #node: NodeRow;
  readonly #nft: boolean;
  readonly #local: (address: number) => boolean;

  /** @param addresses the node's own, apart from 127.0.0.0/8 */
  constructor(
    node: NodeRow,
    addresses: readonly number[],
    services: readonly ServiceRow[],
    recent: Recent,
    now: number,
    nft: boolean,
  ) {
    this.#node = node;
    this.#nft = nft;
    this.#local = (a) => a >>> 24 === 127 || addresses.includes(a);
    for (const name of ["nat", "nodeports", "filter", "external", "firewall", "nodeport-filter", "cluster-ips"])
      this.#chains.set(name, []);
    for (const service of services) this.#service(service, recent, now);
    if (!nft) this.#add("nat", (p) => this.#local(p.dst), { jump: "nodeports" });
    else {
      this.#add("nat", (p) => p.dst === node.primaryAddress, { jump: "nodeports" });
      for (const service of services)
        for (const f of service.frontends)
          if (f.kind === FRONTEND_CLUSTER_IP) this.#add("cluster-ips", (p) => p.dst === f.address, "REJECT");
      this.#add("cluster-ips", inside(node.serviceCidr, "dst"), "DROP");
    }
  }

  /** All outcomes of a NEW packet. @param remember what to do with the clients of a chosen endpoint */
  outcomes(p: TwinPacket): (Outcome & { set: string | null })[] {
    if (this.#nft) {
      const early = this.#walk("firewall", p).find((w) => w.end === "DROP");
      if (early !== undefined) return [{ to: null, masquerade: false, verdict: "DROP", set: null }];
    }
    return this.#walk("nat", p).map((way) => {
      if (way.to !== null) return { to: way.to, masquerade: way.mark, verdict: "ACCEPT", set: way.set };
      return { to: null, masquerade: way.mark, verdict: this.#filter(p), set: null };
    });
  }

  #filter(p: TwinPacket): Outcome["verdict"] {
    const local = this.#local(p.dst);
    // Chains in the order that the hooks see them; only one verdict is possible for a packet in each.
    const output = this.#nft ? ["filter", "cluster-ips"] : ["firewall", "filter"];
    const input = this.#nft ? ["nodeport-filter", "filter"] : ["firewall", "external"];
    const forward = this.#nft ? ["filter", "cluster-ips"] : ["firewall", "filter", "external"];
    const hooks = p.fromHost ? [...output, ...(local ? input : [])] : local ? input : forward;
    for (const chain of hooks) {
      const [way] = this.#walk(chain, p);
      if (way.end === "REJECT" || way.end === "DROP") return way.end;
    }
    return "ACCEPT";
  }

  #add(chain: string, match: Match, target: Target, more: Partial<Rule> = {}): void {
    const rules = this.#chains.get(chain) ?? [];
    rules.push({ match, target, ...more });
    this.#chains.set(chain, rules);
  }

  #service(s: ServiceRow, recent: Recent, now: number): void {
    const node = this.#node;
    const mine = s.nodes.find((n) => n.node === node.id);
    const cluster = mine?.cluster ?? s.cluster;
    const local = mine?.local ?? [];
    const pod = node.clusterCidr === null ? null : inside(node.clusterCidr, "src");
    const src: Match = (p) => this.#local(p.src);
    const name = `svc${s.id}`;
    const port =
      (n: number): Match =>
      (p) =>
        p.protocol === s.protocol && p.dport === n;
    const at =
      (f: Frontend): Match =>
      (p) =>
        p.dst === f.address && port(f.port)(p);
    const [svc, svl, ext, fw] = [`${name}-cluster`, `${name}-local`, `${name}-ext`, `${name}-fw`];
    for (const chain of [svc, svl, ext, fw]) this.#chains.set(chain, []);
    const internal = s.internalLocal ? svl : svc;
    const external = s.externalLocal ? svl : svc;
    const hasInternal = s.hasEndpoints && !(s.internalLocal && local.length === 0);
    const hasExternal = s.hasEndpoints && !(s.externalLocal && local.length === 0);
    const refusal = s.hasEndpoints ? "DROP" : "REJECT";
    const balancers = s.frontends.filter((f) => f.kind === FRONTEND_LOAD_BALANCER_IP);
    const ranges = s.sourceRanges.map((r) => inside(r, "src"));
    if (s.sourceRanges.some((r) => (node.primaryAddress & maskOf(r.length)) === r.prefix))
      for (const f of balancers) ranges.push((p) => p.src === f.address);
    const guarded = balancers.length > 0 && s.sourceRanges.length > 0;
    for (const f of s.frontends.filter((x) => x.kind === FRONTEND_CLUSTER_IP)) {
      if (hasInternal) this.#add("nat", at(f), this.#to(internal));
      else this.#add("filter", at(f), refusal);
    }
    const externals = [FRONTEND_EXTERNAL_IP, FRONTEND_LOAD_BALANCER_IP];
    for (const f of s.frontends.filter((x) => externals.includes(x.kind as 1 | 2))) {
      const firewall = guarded && f.kind === FRONTEND_LOAD_BALANCER_IP;
      if (s.hasEndpoints) this.#add("nat", at(f), this.#to(firewall && !this.#nft ? fw : ext));
      if (!hasExternal) this.#add(this.#nft ? "filter" : "external", at(f), refusal);
      if (firewall && this.#nft) this.#add("firewall", at(f), { goto: fw });
      else if (firewall && s.hasEndpoints) this.#add("firewall", at(f), "DROP");
    }
    for (const f of s.frontends.filter((x) => x.kind === 3)) {
      if (s.hasEndpoints) this.#add("nodeports", port(f.port), this.#to(ext));
      const primary: Match = (p) => p.dst === node.primaryAddress;
      const here: Match = this.#nft ? primary : (p) => this.#local(p.dst);
      if (!hasExternal)
        this.#add(this.#nft ? "nodeport-filter" : "external", (p) => here(p) && port(f.port)(p), refusal);
    }
    if (guarded && this.#nft) this.#add(fw, (p) => !ranges.some((r) => r(p)), "DROP");
    else for (const range of ranges) this.#add(fw, range, { jump: ext });
    if (!s.externalLocal) this.#add(ext, always, "MARK");
    else {
      if (pod !== null) this.#add(ext, pod, this.#to(svc));
      this.#add(ext, src, "MARK");
      this.#add(ext, src, this.#to(svc));
    }
    if (hasExternal) this.#add(ext, always, this.#to(external));
    for (const f of s.frontends.filter((x) => x.kind === FRONTEND_CLUSTER_IP)) {
      if (node.masqueradeAll) this.#add(internal, at(f), "MARK");
      else if (pod !== null) this.#add(internal, (p) => at(f)(p) && not(pod)(p), "MARK");
    }
    this.#endpoints(s, svc, cluster, recent, now);
    this.#endpoints(s, svl, local, recent, now);
  }

  /** writeServiceToEndpointRules, and the endpoints' own chains. */
  #endpoints(s: ServiceRow, chain: string, members: readonly number[], recent: Recent, now: number): void {
    const sep = (i: number): string => `sep-${s.id}-${s.endpoints[i].address}:${s.endpoints[i].port}`;
    for (const i of members) {
      if (s.affinity === 0) break;
      const known: Match = (p) => {
        const seen = recent.get(sep(i))?.get(p.src);
        if (seen === undefined) return false;
        return this.#nft ? now - seen < s.affinity * 1000 : now - seen <= s.affinity * 1000;
      };
      this.#add(chain, known, this.#to(sep(i)));
    }
    members.forEach((i, k) => {
      this.#add(chain, always, this.#to(sep(i)), { random: k < members.length - 1 });
      const e = s.endpoints[i];
      this.#chains.set(sep(i), []);
      this.#add(sep(i), (p) => p.src === e.address, "MARK");
      this.#add(sep(i), always, { dnat: e }, s.affinity === 0 ? {} : { set: sep(i) });
    });
  }

  #to(chain: string): Target {
    return this.#nft ? { goto: chain } : { jump: chain };
  }

  /** All ways through a chain: each ends with a verdict, or comes back from it with `end` null. */
  #walk(chain: string, p: TwinPacket, mark = false, from = 0): Way[] {
    const rules = this.#chains.get(chain) ?? [];
    for (let i = from; i < rules.length; i++) {
      const rule = rules[i];
      if (!rule.match(p)) continue;
      const skipped = rule.random === true ? this.#walk(chain, p, mark, i + 1) : [];
      return [...skipped, ...this.#follow(rule, chain, i, p, mark)];
    }
    return [{ to: null, set: null, mark, end: null }];
  }

  #follow(rule: Rule, chain: string, i: number, p: TwinPacket, mark: boolean): Way[] {
    const { target } = rule;
    if (target === "MARK") return this.#walk(chain, p, true, i + 1);
    if (typeof target === "string") return [{ to: null, set: null, mark, end: target }];
    if ("dnat" in target) return [{ to: target.dnat, set: rule.set ?? null, mark, end: "ACCEPT" }];
    if ("goto" in target) return this.#walk(target.goto, p, mark);
    return this.#walk(target.jump, p, mark).flatMap((way) =>
      way.end === null ? this.#walk(chain, p, way.mark, i + 1) : [way],
    );
  }
}
