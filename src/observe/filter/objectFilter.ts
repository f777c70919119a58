import { DIR_REPLY } from "../../plane/conntrack/info.ts";
import {
  ACT_DNAT,
  ACT_RESTORE,
  ACT_TRACK,
  type Decision,
  RULE_DEVICE,
  RULE_SERVICE,
  STAGE_DEVICE_IN,
  VERDICT_DELIVERED,
  VERDICT_NONE,
} from "../../plane/decision.ts";
import { REASONS, reasonRow } from "../../plane/reasons.ts";
import { FilterError } from "./filterError.ts";
import type { ObjectNames } from "./objectNames.ts";

/** Verdicts by their number in {@link ObjectFilter}. QUEUED: it waits for its other fragments, or to be confirmed. */
export const VERDICTS: readonly string[] = ["QUEUED", "DELIVERED", "DROPPED", "REJECTED"];
const QUEUED = VERDICTS.indexOf("QUEUED");
const DELIVERED = VERDICTS.indexOf("DELIVERED");
const DROPPED = VERDICTS.indexOf("DROPPED");
const REJECTED = VERDICTS.indexOf("REJECTED");

/** What decisions are looked for: plain data, which crosses threads. An empty list asks nothing. */
export interface ObjectFilter {
  readonly pods: readonly { readonly device: number; readonly address: number }[];
  /** Services (each has one port) by index. */
  readonly services: readonly number[];
  readonly nodes: readonly number[];
  /** Positions in {@link VERDICTS}. */
  readonly verdicts: readonly number[];
  /** Reason numbers. */
  readonly reasons: readonly number[];
  /** int32, or null. */
  readonly flow: number | null;
}

/** The part of a question about packets that names objects; src/lab/controlStreams.ts's PacketQuestion is one. */
export interface ObjectQuestion {
  /** `pod/web-1`, `pod/default/web-1`, `default/web-1`, `web-1`; hosts and nodes by their kind: `host/rds`. */
  readonly pods: readonly string[];
  /** `svc/api:80`, `svc/default/api:http`, `default/api`, `api`: without a port all its ports. */
  readonly services: readonly string[];
  /** `node-1`, `node/node-1` */
  readonly nodes: readonly string[];
  /** DELIVERED, DROPPED, REJECTED, QUEUED, in any case. */
  readonly verdicts: readonly string[];
  /** Codes of docs/reasons.md, in any case. */
  readonly reasons: readonly string[];
  /** Eight hexadecimal digits. */
  readonly flow: string | null;
}

const KINDS: Readonly<Record<string, string>> = {
  pod: "pod",
  pods: "pod",
  po: "pod",
  svc: "svc",
  service: "svc",
  services: "svc",
  node: "node",
  nodes: "node",
  no: "node",
  host: "host",
  hosts: "host",
};
const NAMESPACED = new Set(["pod", "svc"]);
const DEFAULT_NAMESPACE = "default";
const FLOW = /^[0-9a-f]{8}$/i;

/** Turns names into numbers. @throws FilterError for a name that nothing has */
export function resolveQuestion(question: ObjectQuestion, names: ObjectNames): ObjectFilter {
  const { flow } = question;
  if (flow !== null && !FLOW.test(flow))
    throw new FilterError(`"${flow}" is no flow: write the eight hexadecimal digits that a trace shows`);
  return {
    pods: question.pods.map((name) => machine(name, names)),
    services: question.services.flatMap((name) => servicePorts(name, names)),
    nodes: question.nodes.map((name) => node(name, names)),
    verdicts: question.verdicts.map(verdict),
    reasons: question.reasons.map((code) => reasonNumber(code, names)),
    flow: flow === null ? null : Number.parseInt(flow, 16) | 0,
  };
}

/** `KIND/[NAMESPACE/]NAME` of what a person wrote; without a kind it is `kind`. */
function keyOf(text: string, kind: string): string {
  const steps = text.split("/");
  const written = steps.length > 1 ? KINDS[steps[0]] : undefined;
  const rest = written === undefined ? steps : steps.slice(1);
  const own = written ?? kind;
  if (NAMESPACED.has(own) && rest.length === 1) rest.unshift(DEFAULT_NAMESPACE);
  return [own, ...rest].join("/");
}

function machine(text: string, names: ObjectNames): { device: number; address: number } {
  const key = keyOf(text, "pod");
  if (key.startsWith("svc/")) throw new FilterError(`${text} is no pod: ask for it as a service`);
  const found = names.machines.get(key);
  if (found === undefined) throw unknown(text, key, names.machines.keys(), names);
  return { device: found.device, address: found.address };
}

function servicePorts(text: string, names: ObjectNames): number[] {
  const [name, port, ...more] = text.split(":");
  const key = keyOf(name, "svc");
  if (!key.startsWith("svc/")) throw new FilterError(`${text} is no service: ask for it as a pod or a node`);
  if (more.length > 0) throw new FilterError(`"${text}" is no service: write svc/api:80`);
  const found = names.services.get(key);
  if (found === undefined) throw unknown(text, key, names.services.keys(), names);
  const routed = found.ports.filter((p) => p.id >= 0);
  if (routed.length === 0)
    throw new FilterError(`${key} has no ports that are translated: it is a name in DNS only; ask for its pods`);
  if (port === undefined) return routed.map((p) => p.id);
  const asked = routed.filter((p) => String(p.port) === port || p.name === port);
  const offer = [...new Set(routed.map((p) => `${key}:${p.port}`))].join(", ");
  if (asked.length === 0) throw new FilterError(`${key} has no port "${port}": there is ${offer}`);
  return asked.map((p) => p.id);
}

function node(text: string, names: ObjectNames): number {
  const key = keyOf(text, "node");
  if (!key.startsWith("node/")) throw new FilterError(`${text} is no node: write node/NAME`);
  const name = key.slice("node/".length);
  const index = names.nodes.indexOf(name);
  if (index >= 0) return index;
  const near = names.near(name, names.nodes);
  throw new FilterError(`there is no node ${text}${didYouMean(near)}`);
}

function verdict(text: string): number {
  const found = VERDICTS.indexOf(text.toUpperCase());
  if (found < 0) throw new FilterError(`"${text}" is no verdict: write one of ${VERDICTS.join(", ")}`);
  return found;
}

function reasonNumber(text: string, names: ObjectNames): number {
  const codes = REASONS.map((r): string => r.code);
  const code = text.toUpperCase().replaceAll("-", "_");
  const number = codes.indexOf(code);
  if (number > 0) return number;
  if (number === 0) throw new FilterError("NONE is no reason to drop a packet: ask for the verdict DELIVERED");
  const near = names.near(code, codes.slice(1));
  throw new FilterError(
    `there is no reason ${text}${near.length > 0 ? didYouMean(near) : ": docs/reasons.md has them all"}`,
  );
}

function unknown(text: string, key: string, keys: Iterable<string>, names: ObjectNames): FilterError {
  const [kind] = key.split("/");
  const ownName = (k: string) => k.slice(k.lastIndexOf("/") + 1);
  const same = [...keys].filter((k) => k.startsWith(`${kind}/`));
  const near = names.near(ownName(key), new Set(same.map(ownName)));
  const what = kind === "svc" ? "service" : kind;
  return new FilterError(
    `there is no ${what} ${text}${didYouMean(near.flatMap((n) => same.filter((k) => ownName(k) === n)))}`,
  );
}

function didYouMean(near: readonly string[]): string {
  return near.length === 0 ? "" : `; did you mean ${near.join(" or ")}?`;
}

/**
 * Whether a packet's decision is looked for. Allocates nothing.
 *
 * @param flow the flow's number (FlowIds)
 * @param destination the address that the packet had when it was read, int32: what was dropped at once never had another.
 *   0, or left out: unknown
 */
export type ObjectTest = (d: Decision, flow: number, destination?: number) => boolean;

/** A filter's test: all kinds of conditions must hold, of each kind one. */
export function objectTest(filter: ObjectFilter): ObjectTest {
  const devices = Int32Array.from(filter.pods, (p) => p.device);
  const addresses = Int32Array.from(filter.pods, (p) => p.address);
  const services = Int32Array.from(filter.services);
  const nodes = Int32Array.from(filter.nodes);
  const reasons = Int32Array.from(filter.reasons);
  const verdicts = filter.verdicts.reduce((bits, v) => bits | (1 << v), 0);
  const { flow: wanted } = filter;
  return (d, flow, destination = 0) => {
    if (wanted !== null && flow !== wanted) return false;
    if (verdicts !== 0 && (verdicts & (1 << verdictOf(d))) === 0) return false;
    if (reasons.length > 0 && !reasons.includes(d.outcomeReason)) return false;
    if (nodes.length > 0 && !passesNode(d, nodes)) return false;
    if (services.length > 0 && !meetsService(d, services)) return false;
    return devices.length === 0 || concernsPod(d, devices, addresses, destination);
  };
}

/** Position in {@link VERDICTS}. */
function verdictOf(d: Decision): number {
  if (d.verdict === VERDICT_NONE) return QUEUED;
  if (d.verdict === VERDICT_DELIVERED) return DELIVERED;
  return reasonRow(d.outcomeReason).verdict === "REJECTED" ? REJECTED : DROPPED;
}

function passesNode(d: Decision, nodes: Int32Array): boolean {
  for (let i = 0; i < d.count; i++) if (nodes.includes(d.node[i])) return true;
  return false;
}

function meetsService(d: Decision, services: Int32Array): boolean {
  for (let i = 0; i < d.count; i++) if (d.ruleKind[i] === RULE_SERVICE && services.includes(d.rule[i])) return true;
  return false;
}

/** Whether a pod sent the packet, received it, or was its destination anywhere on its way. */
function concernsPod(d: Decision, devices: Int32Array, addresses: Int32Array, destination: number): boolean {
  if (d.receiver >= 0 && devices.includes(d.receiver)) return true;
  if (destination !== 0 && addresses.includes(destination)) return true;
  for (let i = 0; i < d.count; i++) {
    const action = d.action[i];
    if (d.stage[i] === STAGE_DEVICE_IN && d.ruleKind[i] === RULE_DEVICE) {
      if (devices.includes(d.rule[i])) return true;
    } else if (action === ACT_TRACK) {
      // A reply goes to who began the connection.
      if (addresses.includes(d.b[i] === DIR_REPLY ? d.e[i] : d.f[i])) return true;
    } else if (action === ACT_DNAT) {
      if (addresses.includes(d.a[i]) || addresses.includes(d.c[i])) return true;
    } else if (action === ACT_RESTORE && addresses.includes(d.c[i])) return true;
  }
  return false;
}
