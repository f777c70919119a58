import type { EniConfig } from "../../objects/eniConfig.ts";
import type { IpamScenario, ScenarioSettings } from "../../objects/ipamScenario.ts";
import type { ScenarioNodes } from "../../objects/ipamTimeline.ts";
import { type LabObject, objectKey } from "../../objects/kinds.ts";
import { LAB_API_VERSION, type Lab, labSchema } from "../../objects/lab.ts";
import { type NodeClass, nodeClassSchema } from "../../objects/nodeClass.ts";
import { DEFAULT_NODE_CLASS } from "../auto/checkNodeClass.ts";

/** A node as a scenario describes it, with its own name. */
export interface ScenarioNode {
  readonly name: string;
  readonly instanceType: string;
  readonly subnet: string;
  readonly maxPods: number | null;
  readonly labels: Readonly<Record<string, string>>;
}

/**
 * The nodes that an entry asks for.
 *
 * @param first number of the first one of a namePrefix: 1, or one more than there have been of that prefix.
 */
export function expandNodes(entry: ScenarioNodes, first: number): ScenarioNode[] {
  const { name, namePrefix, instanceType, labels } = entry;
  const subnets = entry.subnets ?? [entry.subnet ?? ""];
  return Array.from({ length: entry.count ?? 1 }, (_, i) => ({
    name: name ?? `${namePrefix}-${first + i}`,
    instanceType,
    subnet: subnets[(first - 1 + i) % subnets.length],
    maxPods: entry.maxPods ?? null,
    labels,
  }));
}

/**
 * A Lab that has the scenario's VPC and the settings' cluster, so that a simulated node is set up by the rules that a
 * lab's nodes are set up by.
 */
export function scenarioLab(scenario: IpamScenario, settings: ScenarioSettings): Lab {
  const { vpc, ec2, seed } = scenario.spec;
  const lab = labSchema.parse({
    apiVersion: LAB_API_VERSION,
    kind: "Lab",
    metadata: { name: scenario.metadata.name },
    spec: {
      seed,
      vpc: { cidrBlocks: vpc.cidrBlocks },
      cluster: { mode: settings.mode, cni: { env: settings.env ?? {} } },
    },
  });
  return { ...lab, spec: { ...lab.spec, vpc, ec2 } };
}

/** The node as the Lab's own. */
export function labNode(node: ScenarioNode): Lab["spec"]["nodes"][number] {
  const { name, instanceType, subnet, labels, maxPods } = node;
  return {
    name,
    instanceType,
    subnet,
    labels: { ...labels },
    annotations: {},
    tags: {},
    taints: [],
    securityGroups: [],
    sourceDestCheck: true,
    enis: [],
    ...(maxPods === null ? {} : { maxPods }),
  };
}

/** The settings' objects beside the Lab, by their keys: ENIConfigs, or the NodeClass that all nodes use. */
export function scenarioObjects(settings: ScenarioSettings): Map<string, LabObject> {
  const meta = { labels: {}, annotations: {} };
  const configs = (settings.eniConfigs ?? []).map(
    ({ name, subnet, securityGroups }): EniConfig => ({
      apiVersion: "crd.k8s.amazonaws.com/v1alpha1",
      kind: "ENIConfig",
      metadata: { ...meta, name },
      spec: { subnet, securityGroups },
    }),
  );
  const classes: NodeClass[] =
    settings.nodeClass === undefined
      ? []
      : [
          {
            apiVersion: nodeClassSchema.shape.apiVersion.value,
            kind: "NodeClass",
            metadata: { ...meta, name: DEFAULT_NODE_CLASS },
            spec: settings.nodeClass.spec,
          },
        ];
  return new Map([...configs, ...classes].map((object) => [objectKey(object), object]));
}
