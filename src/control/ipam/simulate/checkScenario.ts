import { nearMatches, suggestion } from "../../near.ts";
import { cniNotes } from "../../objects/cniNotes.ts";
import { durationText } from "../../objects/duration.ts";
import type { Finding, Findings, ObjectPath } from "../../objects/finding.ts";
import type { IpamScenario } from "../../objects/ipamScenario.ts";
import type { ScenarioNodes, TimelineEvent } from "../../objects/ipamTimeline.ts";
import { checkLab } from "../../vpc/checkLab.ts";
import { instanceType, instanceTypeNames } from "../../vpc/instanceTypes.ts";
import { checkIpamObjects } from "../checkObjects.ts";
import { occurrenceCount } from "./occurrences.ts";
import { expandNodes, labNode, scenarioLab, scenarioObjects } from "./scenarioLab.ts";

/** Most moments of one timeline, and most samples of one series. */
const OCCURRENCES_MAX = 100_000;
const SAMPLES_MAX = 10_000;

/** Everything about a scenario that its schema cannot say. */
class ScenarioCheck implements Findings {
  readonly problems: Finding[] = [];
  readonly notes: Finding[] = [];
  readonly #scenario: IpamScenario;
  /** Names that are there at some time; a prefix has the number of the last one. */
  readonly #nodes = new Set<string>();
  readonly #prefixes = new Map<string, number>();
  readonly #deployments = new Set<string>();

  constructor(scenario: IpamScenario) {
    this.#scenario = scenario;
  }

  run(): void {
    const { spec } = this.#scenario;
    for (const [i, nodes] of spec.nodes.entries()) this.#addNodes(nodes, ["spec", "nodes", i], 1);
    this.#settings();
    this.#times();
    // Names may be used before they are written further down: the order in the file is not that of time.
    for (const [i, event] of spec.timeline.entries()) this.#declare(event, ["spec", "timeline", i]);
    for (const [i, event] of spec.timeline.entries()) this.#event(event, ["spec", "timeline", i]);
  }

  #problem(path: ObjectPath, message: string): void {
    this.problems.push({ path, message });
  }

  #times(): void {
    const { duration, sample, timeline } = this.#scenario.spec;
    if (duration === 0) this.#problem(["spec", "duration"], "expected a duration longer than 0s, got 0s");
    if (sample !== undefined && (sample === 0 || duration / sample > SAMPLES_MAX))
      this.#problem(
        ["spec", "sample"],
        `expected at most ${SAMPLES_MAX} samples, got one every ${durationText(sample)} of ${durationText(duration)}; choose a longer sample`,
      );
    timeline.forEach((event, i) => {
      const count = occurrenceCount(event, duration);
      const path = ["spec", "timeline", i];
      if (count > OCCURRENCES_MAX)
        this.#problem(
          [...path, "every"],
          `expected at most ${OCCURRENCES_MAX} times, got ${count}; choose a longer period`,
        );
      else if (count === 0)
        this.#problem(path, `expected a time within the duration (${durationText(duration)}), got none; change it`);
    });
  }

  #settings(): void {
    const { settings } = this.#scenario.spec;
    const names = new Map<string, number>();
    settings.forEach((one, i) => {
      const path = ["spec", "settings", i];
      const other = names.get(one.name);
      if (other !== undefined)
        this.#problem(
          [...path, "name"],
          `expected a name of its own, got "${one.name}", which is settings[${other}]'s`,
        );
      names.set(one.name, i);
      for (const { name, message } of one.env === undefined ? [] : cniNotes(one.env, one.mode))
        this.notes.push({ path: [...path, "env", name], message });
      this.#lab(i);
    });
  }

  /** What would be wrong with a lab of this VPC and these objects. */
  #lab(index: number): void {
    const settings = this.#scenario.spec.settings[index];
    const lab = scenarioLab(this.#scenario, settings);
    if (index === 0) this.problems.push(...checkLab(lab).problems);
    const objects = [...scenarioObjects(settings).values()];
    const nodes = this.#scenario.spec.nodes.flatMap((n) => expandNodes(n, 1).map(labNode));
    const withNodes = { ...lab, spec: { ...lab.spec, nodes } };
    for (const { object, path, message } of checkIpamObjects(withNodes, objects)) {
      const at = ["spec", "settings", index];
      if (object.kind === "NodeClass") this.#problem([...at, "nodeClass", ...path], message);
      else if (object.kind === "ENIConfig") {
        const place = objects.indexOf(object);
        this.#problem([...at, "eniConfigs", place, ...path.slice(1)], message);
      } else this.#problem(at, message);
    }
  }

  #addNodes(nodes: ScenarioNodes, path: ObjectPath, first: number): void {
    if (instanceType(nodes.instanceType) === null)
      this.#problem(
        [...path, "instanceType"],
        `expected an EC2 instance type, got "${nodes.instanceType}"; ${suggestion(nodes.instanceType, instanceTypeNames())}`,
      );
    if (nodes.subnet !== undefined) this.#subnet(nodes.subnet, [...path, "subnet"]);
    for (const [i, name] of (nodes.subnets ?? []).entries()) this.#subnet(name, [...path, "subnets", i]);
    for (const { name } of expandNodes(nodes, first)) {
      if (this.#nodes.has(name))
        this.#problem(path, `expected names of their own, got node ${name} twice; rename one of them`);
      this.#nodes.add(name);
    }
    if (nodes.namePrefix !== undefined) this.#prefixes.set(nodes.namePrefix, first - 1 + (nodes.count ?? 1));
  }

  #subnet(name: string, path: ObjectPath): void {
    const names = this.#scenario.spec.vpc.subnets.map((s) => s.name);
    if (!names.includes(name))
      this.#problem(path, `expected a subnet of the VPC, got "${name}"; ${suggestion(name, names)}`);
  }

  #declare({ deploy, addNodes, every }: TimelineEvent, path: ObjectPath): void {
    if (deploy !== undefined) {
      if (this.#deployments.has(deploy.name))
        this.#problem(
          [...path, "deploy", "name"],
          `expected a name of its own, got "${deploy.name}" twice; use scale or rollout`,
        );
      if (every !== undefined) this.#problem([...path, "every"], "a deployment is made once; write at for every");
      this.#deployments.add(deploy.name);
    }
    if (addNodes === undefined) return;
    if (every !== undefined && addNodes.name !== undefined)
      this.#problem([...path, "addNodes", "name"], "a node of this name is added once; write namePrefix and count");
    const before = addNodes.namePrefix === undefined ? 0 : (this.#prefixes.get(addNodes.namePrefix) ?? 0);
    this.#addNodes(addNodes, [...path, "addNodes"], before + 1);
  }

  #event(event: TimelineEvent, path: ObjectPath): void {
    for (const action of ["scale", "rollout"] as const) {
      const name = event[action]?.name;
      if (name !== undefined && !this.#deployments.has(name))
        this.#problem(
          [...path, action, "name"],
          `expected a deployment of the timeline, got "${name}"; ${suggestion(name, this.#deployments)}`,
        );
    }
    for (const action of ["fillSubnet", "freeSubnet"] as const) {
      const name = event[action]?.subnet;
      if (name !== undefined) this.#subnet(name, [...path, action, "subnet"]);
    }
    for (const [i, name] of (event.removeNodes?.names ?? []).entries())
      this.#node(name, [...path, "removeNodes", "names", i]);
    if (event.restartIpamd !== undefined && event.restartIpamd.node !== "all")
      this.#node(event.restartIpamd.node, [...path, "restartIpamd", "node"]);
  }

  /** A node of that name, at some time. Nodes that `every` adds are not known by name. */
  #node(name: string, path: ObjectPath): void {
    if (this.#nodes.has(name)) return;
    const near = nearMatches(name, this.#nodes);
    this.#problem(
      path,
      `expected a node of the scenario, got "${name}"; ${near.length > 0 ? `did you mean ${near.join(" or ")}?` : "there is none like it"}`,
    );
  }
}

export function checkScenario(scenario: IpamScenario): Findings {
  const check = new ScenarioCheck(scenario);
  check.run();
  return check;
}
