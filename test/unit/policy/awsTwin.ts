import { type Difference, type Differences, type Entry, entriesOf, type NumberedPort } from "./awsResolve.ts";
import { endOf, isInBlock, matches, throughService, type Verdict } from "./referenceTwin.ts";
import { addressOf, type Direction, type Flow, type Pod, type World } from "./world.ts";

/**
 * What AWS's node agent does with a connection, slowly (aws-network-policy-agent, pkg/fwruleprocessor, pkg/ebpf/c): one
 * longest prefix in a table of a pod and its like. Each difference from the API can be switched off.
 */

/** MAX_PORT_PROTOCOL: ports that one prefix of the agent's tables has room for. */
export const PORTS_MAX = 24;
const lengthOf = (block: string): number => Number(block.split("/")[1]);

/** GetPodIdentifier: what the pods of a ReplicaSet have in common, and others by chance. */
export function identifierOf({ name, namespace }: Pod): string {
  const cut = name.lastIndexOf("-");
  return `${cut < 0 ? name : name.slice(0, cut)}@${namespace}`;
}

function mapOf(world: World, pod: Pod, on: Differences): Pod[] {
  if (!on.has("replicas-share-maps")) return [pod];
  return world.pods.filter((p) => !p.hostNetwork && p.node === pod.node && identifierOf(p) === identifierOf(pod));
}

/** Ports without repetition; null in a list stands for all ports. */
type PortList = readonly (NumberedPort | null)[];

function distinct(ports: PortList): PortList {
  const seen = new Map(ports.map((p) => [JSON.stringify(p), p]));
  return [...seen.values()];
}

function fits(ports: PortList, flow: Flow): boolean {
  return ports.some((p) => {
    if (p === null) return true;
    if (p.protocol !== flow.protocol) return false;
    return p.port === 0 || flow.port === p.port || (flow.port > p.port && flow.port <= p.endPort);
  });
}

const portsOf = (entry: Entry): PortList => entry.ports ?? [null];

/** Every entry that an address is in, whichever has the longer prefix; those whose prefix is longer first. */
function anyEntry(entries: readonly Entry[], address: string): PortList | null {
  const found = entries
    .filter((e) => isInBlock(address, e.cidr) && !e.except.some((block) => isInBlock(address, block)))
    .sort((a, b) => lengthOf(b.cidr) - lengthOf(a.cidr));
  return found.length === 0 ? null : found.flatMap(portsOf);
}

/** ComputeMapEntriesFromEndpointRules, then the longest prefix that has the address. */
function longestPrefix(entries: readonly Entry[], address: string): PortList | null {
  interface Cell {
    cidr: string;
    except: readonly string[];
    ports: PortList;
  }
  const cells: Cell[] = [];
  const sorted = [...entries].sort((a, b) => lengthOf(a.cidr) - lengthOf(b.cidr));
  const sameBlock = (a: string, b: string) => lengthOf(a) === lengthOf(b) && isInBlock(a.split("/")[0], b);
  for (const entry of sorted) {
    const [base] = entry.cidr.split("/");
    const cell = cells.find((c) => sameBlock(entry.cidr, c.cidr));
    if (cell !== undefined) {
      cell.ports = [...portsOf(entry), ...cell.ports];
      cell.except = [...entry.except, ...cell.except];
      continue;
    }
    // Only the block's first address is looked for in wider blocks and their excepts.
    const first = firstAddress(base, lengthOf(entry.cidr));
    const wider = cells.filter(
      (c) => lengthOf(c.cidr) < 32 && isInBlock(first, c.cidr) && !c.except.some((e) => isInBlock(first, e)),
    );
    cells.push({ ...entry, ports: [...portsOf(entry), ...wider.flatMap((c) => c.ports)] });
  }
  for (const block of entries.flatMap((e) => e.except))
    if (!cells.some((c) => sameBlock(block, c.cidr))) cells.push({ cidr: block, except: [], ports: [] });
  const hits = cells.filter((c) => isInBlock(address, c.cidr));
  return hits.sort((a, b) => lengthOf(b.cidr) - lengthOf(a.cidr))[0]?.ports ?? null;
}

function firstAddress(address: string, length: number): string {
  const number = address.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
  const size = 2 ** (32 - length);
  const first = number - (number % size);
  return [24, 16, 8, 0].map((shift) => Math.floor(first / 2 ** shift) % 256).join(".");
}

function side(world: World, direction: Direction, pod: Pod, other: string, flow: Flow, on: Differences): Verdict {
  const name = direction.toLowerCase();
  const pods = mapOf(world, pod, on);
  const selected = world.policies.filter(
    (p) => p.namespace === pod.namespace && pods.some((q) => matches(p.spec.podSelector ?? {}, q.labels)),
  );
  const entries = entriesOf(world, selected, pod, direction, on);
  if (entries === null) return { allowed: true, by: `${name}: not isolated` };
  if (other === addressOf(world, pod.node)) return { allowed: true, by: `${name}: the pod's own node` };
  const find = on.has("except-of-another-rule") ? longestPrefix : anyEntry;
  const ports = distinct(find(entries, other) ?? []);
  const allowed = fits(on.has("port-limit") ? ports.slice(0, PORTS_MAX) : ports, flow);
  return { allowed, by: `${name}: ${selected.map((p) => p.name).join(", ")}` };
}

/** Whether the agent lets a connection through, with the differences that are switched on. */
export function evaluateAws(world: World, flow: Flow, on: Differences): Verdict {
  const through = throughService(world, flow);
  const source = endOf(world, flow.from);
  const destination = endOf(world, through?.endpoint.id ?? flow.to);
  const atPod: Flow = { ...flow, port: through?.port ?? flow.port };
  const beforeDnat = on.has("cluster-ip-before-dnat") && through !== null;
  const itself = source.pod !== null && source.pod === destination.pod;
  if (itself && !beforeDnat) return { allowed: true, by: "itself" };
  if (source.pod !== null && !source.pod.hostNetwork) {
    const [address, seen] = beforeDnat ? [addressOf(world, flow.to), flow] : [destination.address, atPod];
    const verdict = side(world, "Egress", source.pod, address, seen, on);
    if (!verdict.allowed) return verdict;
  }
  // What comes back to its own sender is masqueraded: the pod sees its node, which is always allowed.
  if (itself || destination.pod === null || destination.pod.hostNetwork) return { allowed: true, by: "egress" };
  return side(world, "Ingress", destination.pod, source.address, atPod, on);
}

/** The one difference that a verdict other than the API's comes from; null: none explains it. */
export function differenceOf(world: World, flow: Flow, all: Differences, specified: boolean): Difference | null {
  for (const one of all) if (evaluateAws(world, flow, new Set([one])).allowed !== specified) return one;
  for (const one of all) {
    const others = new Set([...all].filter((d) => d !== one));
    if (evaluateAws(world, flow, others).allowed === specified) return one;
  }
  return null;
}
