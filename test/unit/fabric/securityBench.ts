import { C_DROPS } from "../../../src/plane/counters.ts";
import { enterEni, enterSubnet, leaveEni, leaveSubnet } from "../../../src/plane/fabric/security.ts";
import { PARSE_OK } from "../../../src/plane/packet.ts";
import { Plane } from "../../../src/plane/plane.ts";
import { type ReasonCode, reason } from "../../../src/plane/reasons.ts";
import type { AclRule, EniRow, Row, SecurityGroupRule } from "../../../src/plane/rows.ts";
import { parseCidr } from "../../../src/plane/wire/address.ts";
import { parsePacket } from "../../../src/plane/wire/parse.ts";
import { ip } from "../plane/packets.ts";
import { build, type Spec, VNET } from "../plane/slowPacket.ts";

export const IN = 0;
export const OUT = 1;
export const SYN = 2;
export const ACK = 16;
export const FIN = 1;
export const RST = 4;

/** One direction of a flow as text: `tcp 10.0.0.1:40000 10.0.0.2:80`; ICMP: identifier and type. */
export interface Flow {
  protocol: number;
  src: string;
  dst: string;
  sport?: number;
  dport?: number;
  type?: number;
  code?: number;
  flags?: number;
  payload?: Uint8Array;
  id?: number;
}

const PROTOCOLS: Record<string, number> = { icmp: 1, tcp: 6, udp: 17, all: -1 };

/** A rule: `tcp 80 10.0.0.0/8`, `tcp 1-100 group:3`, `icmp 8/0 0.0.0.0/0`, `icmp any 0.0.0.0/0`, `all any group:1`. */
export function rule(text: string): SecurityGroupRule {
  const [name, range, other] = text.split(" ");
  const protocol = PROTOCOLS[name] ?? Number(name);
  const group = other.startsWith("group:") ? Number(other.slice("group:".length)) : -1;
  const cidr = parseCidr(group < 0 ? other : "0.0.0.0/0") ?? { prefix: 0, length: 0 };
  let fromPort = protocol === 1 ? -1 : 0;
  let toPort = protocol === 1 ? -1 : 65_535;
  if (range !== "any") {
    const parts = range.split(/[-/]/).map(Number);
    fromPort = parts[0];
    toPort = parts[1] ?? (protocol === 1 ? -1 : parts[0]);
  }
  return { protocol, fromPort, toPort, prefix: cidr.prefix, length: cidr.length, group };
}

/** A rule of an ACL: `100 allow tcp 80 10.0.0.0/8`. */
export function aclRule(text: string): AclRule {
  const [number, action, ...rest] = text.split(" ");
  const { group: _, ...fields } = rule(rest.join(" "));
  return { number: Number(number), allow: action === "allow", ...fields };
}

export function eniRow(id: number, address: string, o: Partial<EniRow> = {}): EniRow {
  return {
    t: "eni",
    id,
    node: -1,
    deviceNumber: 0,
    subnet: 0,
    vpc: 0,
    address: ip(address),
    mtu: 9001,
    publicAddress: 0,
    sourceDestCheck: true,
    hostDevice: -1,
    ...o,
  };
}

export function group(id: number, ingress: string[], egress: string[], vpc = 0): Row {
  return { t: "securityGroup", id, vpc, ingress: ingress.map(rule), egress: egress.map(rule) };
}

/** A plane whose four filters are called one by one. */
export class SecurityBench {
  readonly plane: Plane;
  now = 0;

  constructor(rows: Row[], trackedCapacity = 4096) {
    this.plane = new Plane({
      slots: 2,
      devices: 4,
      nodes: 2,
      conntrackCapacity: 16,
      hashKey: Int32Array.of(1, 2, 3, 4),
      seed: 1,
      settings: {},
      trackedCapacity,
    });
    this.put(...rows);
  }

  put(...rows: Row[]): void {
    this.plane.apply({ put: rows, gone: [] });
  }

  gone(...rows: Row[]): void {
    this.plane.apply({ put: [], gone: rows });
  }

  wait(ms: number): void {
    this.now += ms;
    this.plane.tick(this.now);
  }

  load(bytes: Uint8Array): void {
    const { context: c } = this.plane;
    const at = this.plane.slotOffset(0);
    c.arena.set(bytes, at - VNET);
    if (parsePacket(c.p, at, bytes.length - VNET) !== PARSE_OK) throw new Error("the packet does not parse");
  }

  /** Whether the groups of an ENI let a packet pass. */
  eni(eni: number, direction: number, packet: Flow | Uint8Array): boolean {
    this.load(packet instanceof Uint8Array ? packet : bytesOf(packet));
    return direction === OUT ? leaveEni(this.plane.context, eni) : enterEni(this.plane.context, eni);
  }

  /** Whether the ACL of a subnet lets a packet pass. */
  subnet(subnet: number, direction: number, packet: Flow | Uint8Array): boolean {
    this.load(packet instanceof Uint8Array ? packet : bytesOf(packet));
    return direction === OUT ? leaveSubnet(this.plane.context, subnet) : enterSubnet(this.plane.context, subnet);
  }

  dropped(code: ReasonCode): number {
    return this.plane.context.counters[C_DROPS + reason(code)];
  }

  get tracked(): number {
    return this.plane.context.tracked.table.count;
  }
}

export function bytesOf(flow: Flow): Uint8Array {
  const spec: Spec = {
    ...flow,
    src: ip(flow.src),
    dst: ip(flow.dst),
    ...(flow.protocol === 6 ? { flags: flow.flags ?? SYN } : {}),
  };
  return build(spec);
}

/** `tcp("10.0.0.1:40000", "10.0.0.2:80")` */
export function tcp(from: string, to: string, flags = SYN): Flow {
  return { ...ends(from, to), protocol: 6, flags };
}

export function udp(from: string, to: string): Flow {
  return { ...ends(from, to), protocol: 17 };
}

export function icmp(src: string, dst: string, type: number, id = 7, code = 0): Flow {
  return { protocol: 1, src, dst, type, code, sport: id };
}

/** An ICMP error of a type and code that quotes a packet. */
export function icmpError(src: string, dst: string, type: number, code: number, about: Flow): Flow {
  const rest = bytesOf(about).subarray(VNET, VNET + 28);
  return { protocol: 1, src, dst, type, code, payload: rest };
}

function ends(from: string, to: string): { src: string; dst: string; sport: number; dport: number } {
  const [src, sport] = from.split(":");
  const [dst, dport] = to.split(":");
  return { src, dst, sport: Number(sport), dport: Number(dport) };
}
