import { autoSettings } from "../../../../src/control/ipam/auto/settings.ts";
import { type AgentSettings, Ipam, type IpamNode } from "../../../../src/control/ipam/ipam.ts";
import { HistoryHash } from "../../../../src/control/ipam/simulate/historyHash.ts";
import { ipamdSettings } from "../../../../src/control/ipam/standard/settingsOf.ts";
import type { NodeEvent, PodRequest } from "../../../../src/control/ipam/types.ts";
import { containsAddress, toCidr } from "../../../../src/control/vpc/cidr.ts";
import { Ec2Error } from "../../../../src/control/vpc/ec2/ec2Error.ts";
import { DEFAULT_EC2_SETTINGS, type Ec2Subnet } from "../../../../src/control/vpc/ec2/types.ts";
import { instanceLimits, knownInstanceType } from "../../../../src/control/vpc/instanceTypes.ts";
import { Random } from "../../../../src/plane/random.ts";
import { formatAddress } from "../../../../src/plane/wire/address.ts";

const ZONE = "us-east-1a";
const POD_TAGS = { "kubernetes.io/role/cni": "1" };

/** Small enough to run full now and then; one has ranges set aside. */
const SUBNETS: readonly Ec2Subnet[] = [
  { name: "a", cidr: toCidr("10.0.0.0/25"), availabilityZone: ZONE, tags: {}, reservations: [] },
  { name: "b", cidr: toCidr("10.0.1.0/25"), availabilityZone: ZONE, tags: POD_TAGS, reservations: [] },
  {
    name: "c",
    cidr: toCidr("10.0.2.0/25"),
    availabilityZone: ZONE,
    tags: {},
    reservations: [
      { cidr: toCidr("10.0.2.32/27"), type: "prefix" },
      { cidr: toCidr("10.0.2.96/28"), type: "explicit" },
    ],
  },
];

const VPC = { subnets: [], securityGroups: [] };

/** Environments of ipamd that differ in how it counts, and one of Auto Mode for every third node. */
const ENVIRONMENTS: readonly Readonly<Record<string, string>>[] = [
  {},
  { WARM_IP_TARGET: "2", MINIMUM_IP_TARGET: "6" },
  { ENABLE_PREFIX_DELEGATION: "true" },
  { ENABLE_PREFIX_DELEGATION: "true", WARM_IP_TARGET: "4" },
  { WARM_ENI_TARGET: "0", IP_COOLDOWN_PERIOD: "3" },
  { ENABLE_POD_ENI: "true", WARM_IP_TARGET: "1" },
];

const TYPES = ["m5.large", "t3.medium", "c5.xlarge"];
const MAX_NODES = 6;
const PODS_OF_NODE = 24;
/** The whole world is checked so often, in events; what an event touched is checked after each. */
const FULL_CHECK = 20;
const LONGEST_PAUSE = 9000;
/** A daemon is down for so long at least: one that starts sooner finds none of the addresses it got last. */
const METADATA_DELAY = 2000;
/** Who has the addresses of the subnets that are not nodes'. */
const FOREIGN = "world";

/** EC2's refusals by what they are called here. */
const KINDS: Readonly<Record<string, string>> = {
  RequestLimitExceeded: "throttled",
  InsufficientFreeAddressesInSubnet: "full",
  InsufficientCidrBlocks: "fragmented",
};

/** What came of a random history. */
export interface HistoryOutcome {
  readonly events: number;
  readonly digest: string;
  /** With the number of the event after which it was seen. */
  readonly violations: readonly string[];
  /** How often something happened, so that a test sees that it did. */
  readonly seen: ReadonlyMap<string, number>;
}

/**
 * A cluster to which random things happen: pods come and go in bursts, nodes too, daemons restart, somebody takes and gives
 * back addresses of the subnets, EC2 throttles. Everything is drawn from the seed.
 */
class RandomWorld {
  readonly #random: Random;
  readonly #ipam: Ipam;
  readonly #hash = new HistoryHash();
  readonly #seen = new Map<string, number>();
  readonly #pods = new Map<string, string>();
  readonly #owners = new Map<number, string>();
  readonly #addresses = new Map<string, number>();
  readonly #touched = new Set<string>();
  readonly #violations: string[] = [];
  /** Pods whose addresses ipamd has forgotten. */
  readonly #lost: string[] = [];
  #counter = 0;
  #events = 0;

  constructor(seed: number) {
    this.#random = new Random(seed);
    this.#ipam = new Ipam({
      seed: this.#random.nextInt(),
      ec2: {
        ...DEFAULT_EC2_SETTINGS,
        jitter: 0.5,
        metadataDelay: METADATA_DELAY,
        throttle: { bucket: 4, refillPerSecond: 0.5 },
        addressSelection: "random",
      },
      subnets: SUBNETS,
      observe: (node, event) => this.#observe(node, event),
      onStarted: (pod, node, milliseconds) => this.#record("started", `${pod} ${node} ${milliseconds}`),
    });
  }

  run(events: number): HistoryOutcome {
    const { timeline } = this.#ipam;
    for (let i = 0; i < 3; i++) this.#addNode();
    let next = 0;
    while (this.#events < events && this.#violations.length === 0) {
      const time = timeline.next();
      if (time !== null && time <= next) timeline.step();
      else {
        timeline.advance(next);
        this.#act();
        next = timeline.now + this.#random.below(LONGEST_PAUSE);
      }
      this.#events++;
      this.#check();
    }
    for (const { errors } of this.#ipam.ec2.calls.values())
      for (const [code, count] of errors) this.#count(KINDS[code] ?? code, count);
    return {
      events: this.#events,
      digest: this.#hash.digest(),
      violations: this.#violations,
      seen: this.#seen,
    };
  }

  #record(kind: string, text: string): void {
    this.#hash.add(this.#ipam.timeline.now, `${kind} ${text}`);
    this.#count(kind);
  }

  #count(kind: string, times = 1): void {
    this.#seen.set(kind, (this.#seen.get(kind) ?? 0) + times);
  }

  #observe(node: string, event: NodeEvent): void {
    this.#touched.add(node);
    switch (event.kind) {
      case "add":
        this.#got(event.pod, event.address.address);
        this.#count(event.address.vlan > 0 ? "branch" : this.#ipam.node(node).agent.mode);
        this.#record("add", `${node} ${event.pod} ${formatAddress(event.address.address)}`);
        break;
      case "addFailed":
        this.#record("addFailed", `${node} ${event.pod} ${event.message}`);
        break;
      case "del":
        this.#record("del", `${node} ${event.pod}`);
        break;
      case "log":
        this.#forgotten(event.message);
        this.#record("log", `${node} ${event.level} ${event.message}`);
        break;
      case "changed":
        this.#record("changed", node);
        break;
    }
  }

  /** No two pods have an address at the same time. */
  #got(pod: string, address: number): void {
    const owner = this.#owners.get(address);
    if (owner !== undefined && owner !== pod) this.#violations.push(`${pod} got the address of ${owner}`);
    this.#owners.set(address, pod);
    this.#addresses.set(pod, address);
  }

  /**
   * ipamd forgets an address that it freed less than a minute ago and that EC2 has given it again, whatever pod has it
   * (pkg/ipamd/ipamd.go, verifyAndAddIPsToDatastore: what was freed recently is skipped, what was skipped is deleted). It
   * may give it again then. Whoever sees it deletes the pod.
   */
  #forgotten(message: string): void {
    const block = /^Reconcile and delete (\d[\d./]*) on ENI/.exec(message)?.[1];
    if (block === undefined) return;
    const cidr = toCidr(block.includes("/") ? block : `${block}/32`);
    for (const [address, pod] of this.#owners) if (containsAddress(cidr, address)) this.#lost.push(pod);
  }

  #gone(pod: string): void {
    this.#pods.delete(pod);
    const address = this.#addresses.get(pod);
    if (address !== undefined) this.#owners.delete(address);
    this.#addresses.delete(pod);
  }

  #check(): void {
    for (const pod of this.#lost.splice(0)) {
      this.#record("lost", pod);
      this.#removePod(pod);
    }
    const found = [...this.#touched].flatMap((node) =>
      this.#ipam.hasNode(node) ? this.#ipam.agent(node).violations() : [],
    );
    this.#touched.clear();
    if (this.#events % FULL_CHECK === 0) found.push(...this.#ipam.violations());
    this.#violations.push(...found.map((text) => `after event ${this.#events}: ${text}`));
  }

  #act(): void {
    const dice = this.#random.below(100);
    if (dice < 45) this.#addPods();
    else if (dice < 80) this.#removePods();
    else if (dice < 84) this.#addNode();
    else if (dice < 87) this.#removeNode();
    else if (dice < 92) this.#restart();
    else if (dice < 97) this.#takeAddresses();
    else this.#giveBack();
  }

  #draw<T>(list: readonly T[]): T | undefined {
    return list.length === 0 ? undefined : list[this.#random.below(list.length)];
  }

  #podsOn(node: string): string[] {
    return [...this.#pods].filter(([, at]) => at === node).map(([pod]) => pod);
  }

  #addPods(): void {
    const node = this.#draw(this.#ipam.nodes());
    if (node === undefined) return;
    const room = PODS_OF_NODE - this.#podsOn(node).length;
    const { agent, limits } = this.#ipam.node(node);
    const branches = agent.mode === "standard" && agent.settings.podEni && limits.branchEnis > 0;
    for (let i = Math.min(room, 1 + this.#random.below(6)); i > 0; i--) {
      const key = `pod/default/p-${++this.#counter}`;
      const free = this.#ipam.branches(node).capacity - this.#ipam.branches(node).used;
      const securityGroups = branches && free > 2 && this.#random.below(4) === 0 ? ["sg-pods"] : null;
      const request: PodRequest = { key, deviceNumber: null, securityGroups };
      this.#pods.set(key, node);
      this.#record("bind", `${key} ${node}`);
      this.#ipam.addPod(request, node);
    }
  }

  #removePods(): void {
    for (let i = 1 + this.#random.below(6); i > 0; i--) {
      const pod = this.#draw([...this.#pods.keys()]);
      if (pod !== undefined) this.#removePod(pod);
    }
  }

  #removePod(pod: string): void {
    const node = this.#pods.get(pod) ?? "";
    this.#touched.add(node);
    this.#gone(pod);
    this.#record("unbind", pod);
    this.#ipam.removePod(pod);
  }

  #settings(instanceType: string): AgentSettings {
    if (this.#random.below(3) === 0) {
      const assignOrder = this.#draw(["lowest", "random"] as const) ?? "lowest";
      return { mode: "auto", settings: autoSettings(VPC, null, ZONE, { assignOrder }) };
    }
    const env = this.#draw(ENVIRONMENTS) ?? {};
    const nitro = instanceLimits(knownInstanceType(instanceType)).prefixes;
    const assignOrder = this.#draw(["lowest", "random"] as const) ?? "lowest";
    return {
      mode: "standard",
      settings: ipamdSettings(env, { customNetworking: "off", nitro, assignOrder }).settings,
    };
  }

  #addNode(): void {
    if (this.#ipam.nodes().length >= MAX_NODES) return;
    const name = `node-${++this.#counter}`;
    const instanceType = this.#draw(TYPES) ?? "m5.large";
    const node: IpamNode = {
      name,
      instanceType,
      limits: instanceLimits(knownInstanceType(instanceType)),
      subnet: this.#draw(SUBNETS)?.name ?? "a",
      availabilityZone: ZONE,
      maxPods: 110,
      securityGroups: ["sg-nodes"],
      clusterName: "world",
      address: null,
      agent: this.#settings(instanceType),
    };
    try {
      this.#ipam.addNode(node);
      this.#record("addNode", `${name} ${instanceType} ${node.subnet} ${JSON.stringify(node.agent)}`);
    } catch (error) {
      if (!(error instanceof Ec2Error)) throw error;
      this.#record("launchFailed", `${name} ${error.code}`);
    }
  }

  #removeNode(): void {
    const node = this.#draw(this.#ipam.nodes());
    if (node === undefined) return;
    for (const pod of this.#podsOn(node)) this.#gone(pod);
    this.#ipam.removeNode(node);
    this.#record("removeNode", node);
  }

  /** Without its checkpoint a daemon gives addresses twice, as the real one does: a wiped node has no pods either. */
  #restart(): void {
    const node = this.#draw(this.#ipam.nodes());
    if (node === undefined) return;
    const checkpoint = this.#random.below(4) > 0;
    if (!checkpoint) for (const pod of this.#podsOn(node)) this.#removePod(pod);
    this.#ipam.restartAgent(node, checkpoint, METADATA_DELAY + this.#random.below(20_000));
    this.#record(checkpoint ? "restart" : "wipe", node);
  }

  #takeAddresses(): void {
    const subnet = this.#draw(SUBNETS)?.name ?? "a";
    const { ec2 } = this.#ipam;
    const count = Math.min(this.#random.below(40), ec2.subnet(subnet).automaticAddresses);
    ec2.takeAddresses(subnet, count, this.#draw(["scattered", "contiguous"] as const) ?? "scattered", FOREIGN);
    this.#record("take", `${subnet} ${count}`);
  }

  #giveBack(): void {
    this.#record("giveBack", String(this.#ipam.ec2.freeAddresses(FOREIGN, this.#random.below(80))));
  }
}

/** A random history of so many events; it ends with the first violation. */
export function randomHistory(seed: number, events: number): HistoryOutcome {
  return new RandomWorld(seed).run(events);
}
