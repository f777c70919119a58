/**
 * Security groups and network ACLs the slow way, as the EC2 and VPC User Guides describe them: lists of rules, a list of
 * connections, addresses as text. Nothing is shared with the plane.
 */

export interface TwinRule {
  /** "all" or a number. */
  protocol: "all" | number;
  /** TCP, UDP: first and last port. ICMP: type and code, null: any. */
  from: number | null;
  to: number | null;
  /** A block as `a.b.c.d/n`, or a group. */
  other: string | { group: number };
}

export interface TwinGroup {
  ingress: TwinRule[];
  egress: TwinRule[];
}

export interface TwinPacket {
  protocol: number;
  src: string;
  dst: string;
  /** ICMP: the identifier. */
  sport: number;
  dport: number;
  type: number;
  code: number;
  syn: boolean;
  ack: boolean;
  fin: boolean;
  rst: boolean;
  /** The packet that an ICMP error quotes. */
  about: TwinPacket | null;
}

export interface TwinAclRule extends Omit<TwinRule, "other"> {
  number: number;
  allow: boolean;
  block: string;
}

type Direction = "ingress" | "egress";

interface Connection {
  eni: number;
  protocol: number;
  /** The first packet's ends, and which way it went. */
  began: Direction;
  local: string;
  localPort: number;
  remote: string;
  remotePort: number;
  type: number;
  code: number;
  answered: boolean;
  transactions: number;
  fins: Set<Direction>;
  reset: boolean;
  deadline: number;
}

const QUESTIONS: Record<number, number> = { 8: 0, 13: 14, 15: 16, 17: 18 };
const opposite = (d: Direction): Direction => (d === "ingress" ? "egress" : "ingress");
const bits = (address: string): string =>
  address
    .split(".")
    .map((byte) => Number(byte).toString(2).padStart(8, "0"))
    .join("");

export function inBlock(address: string, block: string): boolean {
  const [network, length] = block.split("/");
  return bits(address).slice(0, Number(length)) === bits(network).slice(0, Number(length));
}

/** Whether protocol and port (ICMP: type and code) are what a rule names. */
function isAbout(rule: { protocol: "all" | number; from: number | null; to: number | null }, p: TwinPacket): boolean {
  if (rule.protocol === "all") return true;
  if (rule.protocol !== p.protocol) return false;
  if (p.protocol === 1) return (rule.from === null || rule.from === p.type) && (rule.to === null || rule.to === p.code);
  if (p.protocol !== 6 && p.protocol !== 17) return true;
  return p.dport >= (rule.from ?? 0) && p.dport <= (rule.to ?? 65_535);
}

export class SecurityTwin {
  groups = new Map<number, TwinGroup>();
  members = new Map<number, number[]>();
  /** Addresses of each ENI. */
  addresses = new Map<number, string[]>();
  connections: Connection[] = [];

  allows(eni: number, way: Direction, p: TwinPacket, now: number): boolean {
    const mine = this.members.get(eni);
    if (mine === undefined) return true;
    this.connections = this.connections.filter((c) => c.deadline > now);
    const known = this.connections.find((c) => this.#belongs(c, eni, way, p));
    if (known !== undefined) {
      const over = known.reset || known.fins.size === 2;
      if (!(over && this.#starts(p))) {
        this.#note(known, way, p, now);
        return true;
      }
      this.connections = this.connections.filter((c) => c !== known);
    }
    if (p.about !== null) {
      // An error goes back where the packet came from: a packet turned round goes as it does.
      const turned = turnedRound(p.about);
      if (this.connections.some((c) => this.#belongs(c, eni, way, turned)) || this.#isUntracked(eni, way, turned))
        return true;
    }
    if (!this.#hasRule(eni, way, p, () => true)) return false;
    if (!this.#starts(p) || this.#isUntracked(eni, way, p)) return true;
    const connection: Connection = {
      eni,
      protocol: p.protocol,
      began: way,
      local: way === "egress" ? p.src : p.dst,
      remote: way === "egress" ? p.dst : p.src,
      localPort: way === "egress" ? p.sport : p.dport,
      remotePort: way === "egress" ? p.dport : p.sport,
      type: p.type,
      code: p.code,
      answered: false,
      transactions: 0,
      fins: new Set(),
      reset: false,
      deadline: 0,
    };
    connection.deadline = now + this.#idle(connection);
    this.connections.push(connection);
    return true;
  }

  #starts(p: TwinPacket): boolean {
    if (p.protocol === 6) return p.syn && !p.ack && !p.fin && !p.rst;
    return p.protocol !== 1 || QUESTIONS[p.type] !== undefined;
  }

  #belongs(c: Connection, eni: number, way: Direction, p: TwinPacket): boolean {
    const [local, remote] = way === "egress" ? [p.src, p.dst] : [p.dst, p.src];
    if (c.eni !== eni || c.protocol !== p.protocol || c.local !== local || c.remote !== remote) return false;
    if (p.protocol === 6 || p.protocol === 17) {
      const [localPort, remotePort] = way === "egress" ? [p.sport, p.dport] : [p.dport, p.sport];
      return c.localPort === localPort && c.remotePort === remotePort;
    }
    if (p.protocol !== 1) return true;
    const id = c.began === "egress" ? c.localPort : c.remotePort;
    if (id !== p.sport || c.code !== p.code) return false;
    return c.began === way ? c.type === p.type : QUESTIONS[c.type] === p.type;
  }

  #note(c: Connection, way: Direction, p: TwinPacket, now: number): void {
    if (way !== c.began) {
      if (!c.answered) c.transactions++;
      c.answered = true;
    } else if (c.protocol === 17) c.answered = false;
    if (p.protocol === 6 && p.fin) c.fins.add(way);
    if (p.protocol === 6 && p.rst) c.reset = true;
    c.deadline = now + this.#idle(c);
  }

  #idle(c: Connection): number {
    if (c.protocol === 17) return c.transactions > 1 ? 180_000 : 30_000;
    if (c.protocol !== 6) return 600_000;
    if (c.reset) return 10_000;
    if (c.fins.size === 2) return 120_000;
    return c.transactions > 0 ? 432_000_000 : 600_000;
  }

  #isUntracked(eni: number, way: Direction, p: TwinPacket): boolean {
    if (p.protocol !== 6 && p.protocol !== 17) return false;
    const forAll = (rule: TwinRule): boolean => rule.other === "0.0.0.0/0";
    const allPorts = (rule: TwinRule): boolean =>
      forAll(rule) && (rule.protocol === "all" || (rule.from === 0 && rule.to === 65_535));
    const back = turnedRound(p);
    const [there, answer] = [way, opposite(way)];
    return (
      (this.#hasRule(eni, there, p, forAll) && this.#hasRule(eni, answer, back, allPorts)) ||
      (this.#hasRule(eni, there, p, allPorts) && this.#hasRule(eni, answer, back, forAll))
    );
  }

  #hasRule(eni: number, way: Direction, p: TwinPacket, like: (rule: TwinRule) => boolean): boolean {
    const remote = way === "egress" ? p.dst : p.src;
    return (this.members.get(eni) ?? []).some((id) =>
      (this.groups.get(id)?.[way] ?? []).some(
        (rule) => like(rule) && isAbout(rule, p) && this.#names(rule.other, remote),
      ),
    );
  }

  #names(other: TwinRule["other"], address: string): boolean {
    if (typeof other === "string") return inBlock(address, other);
    if (!this.groups.has(other.group)) return false;
    for (const [eni, addresses] of this.addresses)
      if (addresses.includes(address)) return (this.members.get(eni) ?? []).includes(other.group);
    return false;
  }
}

/** What ACL rules decide, and by which number; 0: none matched. */
export function aclDecides(
  rules: readonly TwinAclRule[],
  way: Direction,
  p: TwinPacket,
): { allow: boolean; number: number } {
  const remote = way === "egress" ? p.dst : p.src;
  const ordered = [...rules].sort((a, b) => a.number - b.number);
  const first = ordered.find((r) => inBlock(remote, r.block) && isAbout(r, p));
  return first === undefined ? { allow: false, number: 0 } : { allow: first.allow, number: first.number };
}

/** The answer to a packet. */
function turnedRound(p: TwinPacket): TwinPacket {
  const answers = Object.entries(QUESTIONS);
  const asked = answers.find(([, answer]) => answer === p.type);
  const type = QUESTIONS[p.type] ?? (asked === undefined ? -1 : Number(asked[0]));
  return { ...p, src: p.dst, dst: p.src, sport: p.protocol === 1 ? p.sport : p.dport, dport: p.sport, type };
}
