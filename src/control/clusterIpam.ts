import { formatAddress, parseAddress } from "../plane/wire/address.ts";
import { branchEniName, eniName, hostName, natGatewayEniName } from "./entityNames.ts";
import { Ipam } from "./ipam/ipam.ts";
import type { OnStarted } from "./ipam/kubelets.ts";
import type { AddressStats, PodAddress, PodRequest } from "./ipam/types.ts";
import { type Placement, wantedAddress, wantedDevice } from "./kube/placement.ts";
import type { LabEni } from "./labEni.ts";
import { ipamNode } from "./nodeAgents.ts";
import { ec2Settings } from "./objects/labEc2.ts";
import type { State } from "./state.ts";
import type { Appointment } from "./time/timeline.ts";
import { toCidr } from "./vpc/cidr.ts";
import { SubnetAddresses } from "./vpc/subnet.ts";

/**
 * At rest nothing changes for so long, milliseconds: longer than any of ipamd's intervals and its back-off after a full
 * subnet (120 s).
 */
const QUIET = 150_000;
/** A lab whose addresses have not come to rest after so long comes up as it is. */
const SETTLE_LIMIT = 1_800_000;

/** Where a pod runs, with its address. */
export interface PodPlace {
  readonly node: string;
  readonly hostNetwork: boolean;
  /** int32; the node's primary address for a hostNetwork pod. */
  readonly address: number;
  /** Name of the ENI that has it: `node-1/eth1`. */
  readonly eni: string;
}

/** What a pod asked its node's daemon for, so that a change of it is seen. */
interface Bound {
  /** Of the pod: one that comes again under the same name asks anew. */
  readonly uid: number;
  readonly node: string;
  readonly request: PodRequest;
}

const sameRequest = (a: Bound, b: Bound): boolean =>
  a.uid === b.uid &&
  a.node === b.node &&
  a.request.deviceNumber === b.request.deviceNumber &&
  a.request.address === b.request.address &&
  a.request.securityGroups?.join() === b.request.securityGroups?.join();

/** A lab's addresses: its nodes' daemons, and the pods of its objects as they come and go. */
export class ClusterIpam {
  /** Called when a pod has its address. */
  onStarted: OnStarted = () => {};
  readonly #ipam: Ipam;
  readonly #bound = new Map<string, Bound>();
  readonly #subnets: ReadonlyMap<string, SubnetAddresses>;
  /** Names of those that are the cluster's VPC's. */
  readonly #subnetNames: ReadonlySet<string>;
  /** Addresses of NAT gateways, by their ENI and address. */
  readonly #gateways = new Map<string, { readonly subnet: string; readonly address: number }>();
  /** Time on the ipam's timeline at which the lab's own clock began. */
  #origin = 0;

  /** The lab's machines, their daemons at rest as if they had been up for a while. */
  constructor(state: State) {
    const { lab, model, primaries } = state;
    const ipam = new Ipam({
      seed: lab.spec.seed,
      ec2: ec2Settings(lab),
      subnets: lab.spec.vpc.subnets.map((s) => ({
        name: s.name,
        cidr: toCidr(s.cidrBlock),
        availabilityZone: s.availabilityZone,
        tags: s.tags,
        reservations: s.reservations.map((r) => ({ cidr: toCidr(r.cidrBlock), type: r.type })),
      })),
      onStarted: (pod, node, milliseconds) => this.onStarted(pod, node, milliseconds),
    });
    this.#ipam = ipam;
    this.#subnetNames = new Set(lab.spec.vpc.subnets.map((s) => s.name));
    // What is in other VPCs is no business of the nodes' daemons.
    this.#subnets = new Map(
      [...model.subnets.values()].map(({ name, cidr, reservations }) => [
        name,
        this.#subnetNames.has(name) ? ipam.ec2.subnet(name) : new SubnetAddresses(cidr, { reservations }),
      ]),
    );
    for (const host of lab.spec.hosts) {
      const address = parseAddress(host.address);
      if (host.subnet !== undefined && address !== null) this.#take(host.subnet, address, hostName(host.name));
    }
    this.#syncGateways(state);
    for (const node of lab.spec.nodes)
      ipam.addNode(ipamNode(lab, node, primaries.get(node.name) ?? null, state.objects));
    this.#adopt(state);
    this.settle();
  }

  /** Milliseconds since the lab's clock began. */
  get now(): number {
    return this.#ipam.timeline.now - this.#origin;
  }

  /** Grows with every change that matters to what the plane forwards by. */
  get version(): number {
    return this.#ipam.version;
  }

  get ipam(): Ipam {
    return this.#ipam;
  }

  /** Lets time pass until the addresses have come to rest, and begins the lab's clock there. */
  settle(): void {
    this.#ipam.settle(QUIET, SETTLE_LIMIT);
    this.#origin = this.#ipam.timeline.now;
  }

  /** @param time milliseconds since the lab's clock began; earlier than now is now. */
  advance(time: number): void {
    this.#ipam.advance(this.#origin + time);
  }

  /** When something is to happen next, milliseconds since the lab's clock began; null: nothing. */
  next(): number | null {
    const next = this.#ipam.timeline.next();
    return next === null ? null : next - this.#origin;
  }

  /** Lets something happen at a time, milliseconds since the lab's clock began. */
  at(time: number, run: () => void): Appointment {
    return this.#ipam.timeline.at(this.#origin + time, run);
  }

  cancel(appointment: Appointment): void {
    this.#ipam.timeline.cancel(appointment);
  }

  /** Takes addresses from pods that went, and asks for those of pods that came, as their nodes' kubelets do. */
  sync(state: State): void {
    this.#configure(state);
    this.#syncGateways(state);
    const wanted = boundPods(state);
    for (const [pod, bound] of this.#bound) {
      const now = wanted.get(pod);
      if (now !== undefined && sameRequest(now, bound)) continue;
      this.#bound.delete(pod);
      this.#ipam.removePod(pod);
    }
    for (const [pod, bound] of wanted) {
      if (this.#bound.has(pod)) continue;
      this.#bound.set(pod, bound);
      this.#ipam.addPod(bound.request, bound.node);
    }
  }

  /** The address of a pod that has a node; null: it waits for one. */
  place(pod: string, placement: Placement): PodPlace | null {
    const { node, hostNetwork } = placement;
    if (hostNetwork) {
      const { address, name } = this.enis(node)[0];
      return { node, hostNetwork, address, eni: name };
    }
    const address = this.#ipam.address(pod);
    return address === null ? null : { node, hostNetwork, address: address.address, eni: nameOf(node, address) };
  }

  /** What the last ADD for a pod without address said. */
  waitingFor(pod: string): string {
    return this.#ipam.waiting(pod)?.message ?? "kubelet has not asked for its address yet";
  }

  enis(node: string): LabEni[] {
    return this.#ipam.enis(node).map((eni) => ({ ...eni, name: nameOf(node, eni) }));
  }

  stats(node: string): AddressStats {
    return this.#ipam.agent(node).stats();
  }

  subnets(): ReadonlyMap<string, SubnetAddresses> {
    return this.#subnets;
  }

  /** Pods with an address of their own have had it since before the daemons' start: these know them, as after a restart. */
  #adopt(state: State): void {
    const taken = new Set<number>();
    for (const [pod, bound] of boundPods(state)) {
      const { request, node } = bound;
      if (request.address === undefined || request.address === null || taken.has(request.address)) continue;
      taken.add(request.address);
      this.#bound.set(pod, bound);
      this.#ipam.adoptPod({ ...request, address: request.address }, node);
    }
  }

  /** Gives NAT gateways that came the addresses that they are to have, and takes those of gateways that went. */
  #syncGateways(state: State): void {
    const wanted = new Map(
      state.model.natGateways.map(({ name, subnet }) => {
        const address = state.natGateways.get(name) ?? 0;
        const key: string = `${natGatewayEniName(name)} ${formatAddress(address)}`;
        return [key, { name, subnet, address }] as const;
      }),
    );
    for (const [key, { subnet, address }] of this.#gateways) {
      if (wanted.has(key)) continue;
      this.#gateways.delete(key);
      const [owner] = key.split(" ");
      if (this.#subnetNames.has(subnet)) this.#ipam.ec2.freeAddresses(owner);
      else this.#subnets.get(subnet)?.release(address);
    }
    for (const [key, { name, subnet, address }] of wanted) {
      if (this.#gateways.has(key)) continue;
      this.#gateways.set(key, { subnet, address });
      this.#take(subnet, address, natGatewayEniName(name));
    }
  }

  #take(subnet: string, address: number, owner: string): void {
    if (this.#subnetNames.has(subnet)) this.#ipam.ec2.takeAddress(subnet, address, owner);
    else this.#subnets.get(subnet)?.take(address, owner);
  }

  /** Restarts the daemons whose settings changed, as a changed DaemonSet does, their checkpoints kept. */
  #configure(state: State): void {
    for (const node of state.lab.spec.nodes) {
      const before = this.#ipam.node(node.name);
      const now = ipamNode(state.lab, node, before.address, state.objects);
      if (JSON.stringify(now) !== JSON.stringify(before)) this.#ipam.configure(now);
    }
  }
}

/** What the pods that have a node ask for, in the order in which the scheduler bound them. */
function boundPods(state: State): Map<string, Bound> {
  const bound = new Map<string, Bound>();
  const pods = new Map(state.pods.map((pod) => [pod.key, pod]));
  for (const [key, place] of state.placements.nodes) {
    const pod = pods.get(key);
    if (pod === undefined || place.hostNetwork) continue;
    const securityGroups = state.branchGroups.get(pod.key) ?? null;
    const deviceNumber = wantedDevice(pod) ?? null;
    bound.set(pod.key, {
      uid: state.controllers.get(pod.key)?.uid ?? 0,
      node: place.node,
      request: { key: pod.key, deviceNumber, address: wantedAddress(pod) ?? null, securityGroups },
    });
  }
  return bound;
}

function nameOf(node: string, eni: Pick<PodAddress, "deviceNumber" | "vlan">): string {
  return eni.vlan === 0 ? eniName(node, eni.deviceNumber) : branchEniName(node, eni.vlan);
}
