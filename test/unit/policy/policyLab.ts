import { Cluster } from "../../../src/control/cluster.ts";
import type { Snapshot } from "../../../src/control/compile.ts";
import { diff } from "../../../src/control/diff.ts";
import { planeOptions } from "../../../src/lab/question.ts";
import { Decision, VERDICT_DELIVERED } from "../../../src/plane/decision.ts";
import { Plane } from "../../../src/plane/plane.ts";
import { REASONS } from "../../../src/plane/reasons.ts";
import { formatAddress } from "../../../src/plane/wire/address.ts";
import { type Fields, labDocument, podDocument, read } from "../control/documents.ts";
import { INIT } from "../plane/nodeWalk.ts";
import { ip } from "../plane/packets.ts";
import { build, VNET } from "../plane/slowPacket.ts";
import {
  addressOf,
  type Flow,
  HOSTS,
  NODES,
  type Pod,
  type Policy,
  type Protocol,
  type Service,
  type World,
} from "./world.ts";

export type Engine = "aws" | "upstream";

const NUMBERS: Record<Protocol, number> = { TCP: 6, UDP: 17, SCTP: 132 };
const SYN = 2;
const CLIENT_PORT = 40_000;
/** More than any of these labs has: a question copies what is counted by device. */
const DEVICES = 64;

/** What became of a packet. */
export interface Fate {
  readonly allowed: boolean;
  /** Who got it, or the reason why nobody did. */
  readonly by: string;
}

const podKey = (id: string): string => `pod/${id}`;

function podOf({ name, namespace, labels, node, hostNetwork, ports }: Pod): Fields {
  const containerPorts = ports.map((p) => ({ name: p.name, containerPort: p.number, protocol: p.protocol }));
  const containers = [{ name: "main", ports: containerPorts }];
  return podDocument(name, { nodeName: node, hostNetwork, containers }, { namespace, labels });
}

function serviceOf({ name, namespace, selector, port, targetPort, protocol }: Service): Fields {
  const spec = { selector, ports: [{ port, targetPort, protocol }] };
  return { apiVersion: "v1", kind: "Service", metadata: { name, namespace }, spec };
}

function policyOf({ name, namespace, spec }: Policy): Fields {
  return { apiVersion: "networking.k8s.io/v1", kind: "NetworkPolicy", metadata: { name, namespace }, spec };
}

/** All objects of a world by their keys; every namespace that there was stays one. */
export function documentsOf(world: World): Map<string, Fields> {
  return new Map([
    ...Object.entries(world.namespaces).map(([name, labels]): [string, Fields] => [
      `namespace/${name}`,
      { apiVersion: "v1", kind: "Namespace", metadata: { name, labels } },
    ]),
    ...world.pods.map((p): [string, Fields] => [podKey(p.id), podOf(p)]),
    ...world.services.map((s): [string, Fields] => [`svc/${s.id}`, serviceOf(s)]),
    ...world.policies.map((p): [string, Fields] => [`networkpolicy/${p.namespace}/${p.name}`, policyOf(p)]),
  ]);
}

/** A pod, node or host by the name that the lab has for it. */
export function nameOf(key: string): string {
  if (key.includes("/")) return podKey(key);
  return NODES.some((node) => node === key) ? `node/${key}` : `host/${key}`;
}

/** Fields of the lab's spec: two nodes, two other machines, an engine without delays. */
export function specOf(engine: Engine, networkPolicy: Fields = {}): Fields {
  const hosts = Object.entries(HOSTS).map(([name, address], i) => ({
    name,
    subnet: i === 0 ? "nodes-a" : "nodes-b",
    address,
  }));
  return { hosts, cluster: { networkPolicy: { engine, reconcileSeconds: 0, ...networkPolicy } } };
}

/** A lab of a world: its objects go through the cluster's controllers into a plane, and packets through that. */
export class PolicyLab {
  readonly #cluster: Cluster;
  readonly #plane: Plane;
  readonly #decision = new Decision();
  #snapshot: Snapshot;
  #world: World;
  #keys: readonly string[];

  /** @param networkPolicy fields of the lab's `networkPolicy` besides the engine */
  constructor(world: World, engine: Engine, networkPolicy: Fields = {}) {
    const documents = documentsOf(world);
    this.#cluster = new Cluster(read(labDocument(specOf(engine, networkPolicy)), ...documents.values()));
    this.#plane = new Plane({ ...planeOptions(this.#cluster, 1, false), devices: DEVICES });
    this.#snapshot = this.#cluster.snapshot();
    this.#plane.apply(diff(null, this.#snapshot));
    this.#plane.tick(0);
    this.#keys = [...documents.keys()];
    this.#world = this.#withAddresses(world);
  }

  /** With the addresses that pods and services have. */
  get world(): World {
    return this.#world;
  }

  /** Changes objects as a user would: what is gone is deleted, what is new or different applied. */
  become(world: World): void {
    const documents = documentsOf(world);
    const gone = this.#keys.filter((key) => !documents.has(key));
    if (gone.length > 0) this.#cluster.remove(gone);
    this.#cluster.apply(read(...documents.values()));
    const next = this.#cluster.snapshot();
    this.#plane.apply(diff(this.#snapshot, next));
    this.#snapshot = next;
    this.#keys = [...documents.keys()];
    this.#world = this.#withAddresses(world);
  }

  /** Sends a connection's first packet as if nothing had been sent before, and forgets it. */
  ask(flow: Flow): Fate {
    const plane = this.#plane;
    const { device, address } = this.#snapshot.names.resolve(nameOf(flow.from));
    const bytes = build({
      protocol: NUMBERS[flow.protocol],
      src: address,
      dst: ip(addressOf(this.#world, flow.to)),
      sport: CLIENT_PORT,
      dport: flow.port,
      flags: SYN,
      ...(flow.protocol === "SCTP" ? { tag: 0, payload: INIT } : {}),
    });
    const at = plane.slotOffset(0);
    plane.context.arena.set(bytes, at - VNET);
    const decision = this.#decision;
    plane.whatIf(device, at, bytes.length - VNET, decision);
    if (decision.verdict === VERDICT_DELIVERED) return { allowed: true, by: `arrives at device ${decision.receiver}` };
    const { code } = REASONS[decision.outcomeReason];
    if (!code.startsWith("POLICY_")) throw new Error(`${JSON.stringify(flow)}: ${code}`);
    return { allowed: false, by: code };
  }

  #withAddresses(world: World): World {
    const addresses = new Map<string, string>(Object.entries(HOSTS));
    const { names } = this.#snapshot;
    for (const key of [...NODES, ...world.pods.map((p) => p.id)])
      addresses.set(key, formatAddress(names.resolve(nameOf(key)).address));
    for (const { id, port, protocol } of world.services)
      addresses.set(`svc/${id}`, formatAddress(names.resolve(`svc/${id}:${port}`, NUMBERS[protocol]).address));
    return { ...world, addresses };
  }
}
