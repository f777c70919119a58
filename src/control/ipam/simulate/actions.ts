import { durationText } from "../../objects/duration.ts";
import { ACTION_NAMES, type ActionName, type ScenarioNodes, type TimelineEvent } from "../../objects/ipamTimeline.ts";
import type { SimulatedCluster } from "./cluster.ts";
import { expandNodes } from "./scenarioLab.ts";

type Fields<A extends ActionName> = Exclude<TimelineEvent[A], undefined>;

/** Who has the addresses that a scenario fills a subnet with. */
const ownerOf = (subnet: string): string => `scenario/${subnet}`;

const plural = (count: number, what: string): string => `${count} ${what}${count === 1 ? "" : "s"}`;

/** The one thing that an event does. */
export function actionOf(event: TimelineEvent): ActionName {
  const action = ACTION_NAMES.find((name) => event[name] !== undefined);
  if (action === undefined) throw new RangeError("an event that does nothing");
  return action;
}

/** Makes happen what a scenario's timeline says. Each action returns what happened, in a few words. */
export class Actions {
  readonly #cluster: SimulatedCluster;
  /** Highest number of the nodes of a namePrefix so far. */
  readonly #numbers = new Map<string, number>();

  constructor(cluster: SimulatedCluster) {
    this.#cluster = cluster;
  }

  /** Does the one thing that an event says. */
  run(event: TimelineEvent): string {
    const { deploy, scale, rollout, replace, addNodes, removeNodes, fillSubnet, freeSubnet, restartIpamd } = event;
    const { workload } = this.#cluster;
    if (deploy !== undefined) {
      workload.deploy(deploy.name, deploy.replicas, deploy.readyAfter, deploy.terminationGracePeriod);
      return `deploy ${deploy.name} (${deploy.replicas})`;
    }
    if (scale !== undefined) {
      workload.scale(scale.name, scale.replicas);
      return `scale ${scale.name} to ${scale.replicas}`;
    }
    if (rollout !== undefined) {
      workload.rollout(rollout.name, rollout.maxSurge, rollout.maxUnavailable);
      return `rollout ${rollout.name}`;
    }
    if (replace !== undefined) return this.#replace(replace);
    if (addNodes !== undefined) return this.addNodes(addNodes);
    if (removeNodes !== undefined) return this.#removeNodes(removeNodes);
    if (fillSubnet !== undefined) return this.#fill(fillSubnet);
    if (freeSubnet !== undefined) return this.#free(freeSubnet);
    return restartIpamd === undefined ? "nothing" : this.#restart(restartIpamd);
  }

  addNodes(entry: ScenarioNodes): string {
    const cluster = this.#cluster;
    const prefix = entry.namePrefix ?? "";
    const before = prefix === "" ? 0 : (this.#numbers.get(prefix) ?? 0);
    const nodes = expandNodes(entry, before + 1);
    if (prefix !== "") this.#numbers.set(prefix, before + nodes.length);
    const refused = nodes.map((node) => cluster.addNode(node)).filter((reason) => reason !== null);
    const added = nodes.length === 1 ? `add node ${nodes[0].name}` : `add ${nodes.length} nodes`;
    return refused.length === 0 ? added : `${added}, ${refused.length} refused: ${refused[0]}`;
  }

  /** Pods go one by one, the first at once, spread evenly. */
  #replace({ pods, over }: Fields<"replace">): string {
    const { ipam, workload } = this.#cluster;
    const begin = ipam.timeline.now;
    let done = 0;
    const next = (): void => {
      workload.replaceOne();
      done++;
      if (done < pods) ipam.timeline.at(begin + Math.round((done * over) / pods), next);
    };
    next();
    return `replace ${plural(pods, "pod")}${over === 0 ? "" : ` in ${durationText(over)}`}`;
  }

  #removeNodes({ names, count }: Fields<"removeNodes">): string {
    const { ipam, workload } = this.#cluster;
    const going = (names ?? workload.emptiestNodes(count ?? 0)).filter((name) => ipam.hasNode(name));
    for (const name of going) workload.drain(name);
    return going.length === 1 ? `drain ${going[0]}` : `drain ${going.length} nodes`;
  }

  /** Fewer than asked for where the subnet has no more. */
  #fill({ subnet, addresses, pattern }: Fields<"fillSubnet">): string {
    const { foreign, ipam } = this.#cluster;
    const count = Math.min(addresses, ipam.ec2.subnet(subnet).automaticAddresses);
    ipam.ec2.takeAddresses(subnet, count, pattern, ownerOf(subnet));
    foreign.set(subnet, (foreign.get(subnet) ?? 0) + count);
    return `fill ${subnet} (${count} ${pattern})`;
  }

  #free({ subnet, addresses }: Fields<"freeSubnet">): string {
    const { foreign, ipam } = this.#cluster;
    const count = ipam.ec2.freeAddresses(ownerOf(subnet), addresses);
    foreign.set(subnet, (foreign.get(subnet) ?? 0) - count);
    return `free ${subnet} (${count})`;
  }

  #restart({ node, checkpoint, down }: Fields<"restartIpamd">): string {
    const { ipam } = this.#cluster;
    const nodes = node === "all" ? ipam.nodes() : [node].filter((name) => ipam.hasNode(name));
    for (const name of nodes) ipam.restartAgent(name, checkpoint, down);
    const which = node === "all" ? "" : ` on ${node}`;
    return `restart ipamd${which}${checkpoint ? "" : " without checkpoint"}`;
  }
}
