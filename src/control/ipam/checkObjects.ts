import { suggestion } from "../near.ts";
import type { EniConfig } from "../objects/eniConfig.ts";
import type { ObjectPath } from "../objects/finding.ts";
import type { LabObject } from "../objects/kinds.ts";
import type { Lab } from "../objects/lab.ts";
import type { ObjectProblem } from "../objects/objectError.ts";
import type { PodSpec } from "../objects/pod.ts";
import type { SecurityGroupPolicy } from "../objects/securityGroupPolicy.ts";
import { DEFAULT_SERVICE_ACCOUNT } from "../objects/serviceAccount.ts";
import { findSecurityGroup, findSubnet, unknownReference } from "../vpc/references.ts";
import { checkNodeClasses } from "./auto/checkNodeClass.ts";

function checkGroups(lab: Lab, object: LabObject, path: ObjectPath, groups: readonly string[]): ObjectProblem[] {
  const { vpc } = lab.spec;
  return groups.flatMap((group, i) =>
    findSecurityGroup(vpc, group) === null
      ? [{ object, path: [...path, i], message: unknownReference("security group", group, vpc.securityGroups) }]
      : [],
  );
}

function checkEniConfig(lab: Lab, config: EniConfig): ObjectProblem[] {
  const { vpc } = lab.spec;
  const message = unknownReference("subnet", config.spec.subnet, vpc.subnets);
  return [
    ...(findSubnet(vpc, config.spec.subnet) === null ? [{ object: config, path: ["spec", "subnet"], message }] : []),
    ...checkGroups(lab, config, ["spec", "securityGroups"], config.spec.securityGroups),
  ];
}

function podSpecOf(object: LabObject): { spec: PodSpec; path: ObjectPath } | null {
  if (object.kind === "Pod") return { spec: object.spec, path: ["spec"] };
  if (object.kind === "Deployment") return { spec: object.spec.template.spec, path: ["spec", "template", "spec"] };
  return null;
}

/**
 * Service accounts of pods in namespaces where a policy selects by them: a name that no ServiceAccount has would match
 * nothing without a word. Kubernetes refuses such pods; elsewhere a lab need not write what nothing reads.
 */
function checkServiceAccounts(
  objects: readonly LabObject[],
  policies: readonly SecurityGroupPolicy[],
): ObjectProblem[] {
  const selecting = policies.filter((p) => p.spec.serviceAccountSelector !== undefined);
  const namespaces = new Set(selecting.map((p) => p.metadata.namespace));
  const accounts = objects.filter((o) => o.kind === "ServiceAccount");
  return objects.flatMap((object) => {
    const pod = podSpecOf(object);
    if (pod === null || !("namespace" in object.metadata)) return [];
    const { namespace } = object.metadata;
    const name = pod.spec.serviceAccountName;
    const inNamespace = accounts.filter((a) => a.metadata.namespace === namespace).map((a) => a.metadata.name);
    const known = [DEFAULT_SERVICE_ACCOUNT, ...inNamespace];
    if (!namespaces.has(namespace) || known.includes(name)) return [];
    const message = `expected a ServiceAccount of namespace ${namespace}, got "${name}"; ${suggestion(name, known)}`;
    return [{ object, path: [...pod.path, "serviceAccountName"], message }];
  });
}

/** NodeClasses are of EKS Auto Mode alone. */
function checkMode(lab: Lab): ObjectProblem[] {
  if (lab.spec.cluster.mode === "auto") return [];
  return lab.spec.nodes.flatMap((node, i) =>
    node.nodeClass === undefined
      ? []
      : [
          {
            object: lab,
            path: ["spec", "nodes", i, "nodeClass"],
            message: `expected no nodeClass in a cluster of mode ${lab.spec.cluster.mode}, got "${node.nodeClass}"; remove it, or write cluster.mode: auto`,
          },
        ],
  );
}

/** What ENIConfigs, SecurityGroupPolicies and NodeClasses say that the lab has not. */
export function checkIpamObjects(lab: Lab, objects: readonly LabObject[]): ObjectProblem[] {
  const policies = objects.filter((o) => o.kind === "SecurityGroupPolicy");
  const nodeClasses = objects.filter((o) => o.kind === "NodeClass");
  return [
    ...objects.filter((o) => o.kind === "ENIConfig").flatMap((config) => checkEniConfig(lab, config)),
    ...policies.flatMap((policy) =>
      checkGroups(lab, policy, ["spec", "securityGroups", "groupIds"], policy.spec.securityGroups.groupIds),
    ),
    ...checkServiceAccounts(objects, policies),
    ...checkMode(lab),
    ...(lab.spec.cluster.mode === "auto" ? checkNodeClasses(lab, nodeClasses) : []),
  ];
}
