import { parseAddress } from "../plane/wire/address.ts";
import { nearMatches } from "./near.ts";

/** A name that nothing has, or a text that is no name. */
export class NameError extends Error {
  override readonly name = "NameError";
}

/** An end of a packet's way as a person names it. */
export interface ResolvedEnd {
  /** `pod/default/web-1`, `svc/default/api:80`, or the address as it was written. */
  readonly name: string;
  readonly kind: "pod" | "node" | "host" | "service" | "address";
  /** Device whose address it is; a hostNetwork pod's is its node's. -1: none. */
  readonly device: number;
  /** int32 */
  readonly address: number;
  /** null: not given. */
  readonly port: number | null;
  /** Service index, else -1. */
  readonly service: number;
}

export interface MachineEntry {
  readonly kind: "pod" | "node" | "host";
  readonly device: number;
  readonly address: number;
}

export interface ServiceEntry {
  /** null: headless or ExternalName. */
  readonly address: number | null;
  readonly ports: readonly { id: number; name: string; port: number; protocol: number }[];
}

/** Everything that has a name: machines and services by `KIND/[NAMESPACE/]NAME`. */
export interface Directory {
  readonly machines: ReadonlyMap<string, MachineEntry>;
  readonly services: Pick<ReadonlyMap<string, ServiceEntry>, "get" | "keys">;
  /** Machine names by the addresses of their devices. */
  readonly byAddress: ReadonlyMap<number, string>;
}

const FORMS = "pod/[NAMESPACE/]NAME, svc/[NAMESPACE/]NAME:PORT, host/NAME, node/NAME or an address";
const KIND_NAMES: Readonly<Record<string, string>> = {
  pod: "pod",
  pods: "pod",
  po: "pod",
  svc: "svc",
  service: "svc",
  services: "svc",
  host: "host",
  hosts: "host",
  node: "node",
  nodes: "node",
  no: "node",
};
const PORT_MAX = 65535;

function portOf(text: string | undefined, whole: string): number | null {
  if (text === undefined) return null;
  const port = Number(text);
  if (!/^\d+$/.test(text) || port < 1 || port > PORT_MAX)
    throw new NameError(`"${whole}": expected a port from 1 to ${PORT_MAX}, got "${text}"`);
  return port;
}

/** The last step of a key: the object's own name. */
function ownName(key: string): string {
  return key.slice(key.lastIndexOf("/") + 1);
}

function unknown(text: string, key: string, keys: Iterable<string>): NameError {
  const [kind] = key.split("/");
  const same = [...keys].filter((k) => k.startsWith(`${kind}/`));
  const near = nearMatches(ownName(key), new Set(same.map(ownName)));
  const meant = same.filter((k) => near.includes(ownName(k)));
  const hint = meant.length > 0 ? `; did you mean ${meant.join(" or ")}?` : "";
  return new NameError(`there is no ${text}${hint}`);
}

function resolveService(
  directory: Directory,
  key: string,
  portText: string | undefined,
  protocol: number | undefined,
  text: string,
): ResolvedEnd {
  const entry = directory.services.get(key);
  if (entry === undefined) throw unknown(text, key, directory.services.keys());
  if (entry.address === null)
    throw new NameError(`${key} has no ClusterIP: it is a name in DNS only; name one of its pods`);
  const all = entry.ports.filter((p) => protocol === undefined || p.protocol === protocol);
  const found = portText === undefined ? all : all.filter((p) => String(p.port) === portText || p.name === portText);
  const offer = [...new Set(entry.ports.map((p) => `${key}:${p.port}`))].join(", ");
  if (portText === undefined && found.length !== 1) throw new NameError(`"${text}" needs a port: ${offer}`);
  if (found.length > 0) {
    const [{ id, port }] = found;
    return { name: `${key}:${port}`, kind: "service", device: -1, address: entry.address, port, service: id };
  }
  // A port that the service does not have is worth a question of its own: what happens to such a packet?
  if (!/^\d+$/.test(portText ?? "")) throw new NameError(`${key} has no port "${portText}": there is ${offer}`);
  const port = portOf(portText, text);
  return { name: `${key}:${port}`, kind: "service", device: -1, address: entry.address, port, service: -1 };
}

function resolveAddress(directory: Directory, address: number, text: string, port: number | null): ResolvedEnd {
  const name = directory.byAddress.get(address);
  const machine = name === undefined ? undefined : directory.machines.get(name);
  if (name === undefined || machine === undefined)
    return { name: text.split(":")[0], kind: "address", device: -1, address, port, service: -1 };
  return { name, kind: machine.kind, device: machine.device, address, port, service: -1 };
}

/** See Names.resolve. */
export function resolveEnd(directory: Directory, text: string, protocol: number | undefined): ResolvedEnd {
  const [head, portText, ...more] = text.split(":");
  const steps = head.split("/");
  if (more.length > 0 || steps.includes("") || steps.length > 3)
    throw new NameError(`"${text}" is no name: write ${FORMS}`);
  const address = parseAddress(head);
  if (address !== null) return resolveAddress(directory, address, text, portOf(portText, text));
  const kind = KIND_NAMES[steps[0]];
  if (kind === undefined || steps.length < 2) throw new NameError(`"${text}" is no name: write ${FORMS}`);
  const namespaced = kind === "pod" || kind === "svc";
  if (!namespaced && steps.length === 3) throw new NameError(`"${text}" is no name: a ${kind} has no namespace`);
  const rest = namespaced && steps.length === 2 ? ["default", steps[1]] : steps.slice(1);
  const key = [kind, ...rest].join("/");
  if (kind === "svc") return resolveService(directory, key, portText, protocol, text);
  const machine = directory.machines.get(key);
  if (machine === undefined) throw unknown(text, key, directory.machines.keys());
  return { name: key, ...machine, port: portOf(portText, text), service: -1 };
}
