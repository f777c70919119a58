import { parseAddress } from "../../plane/wire/address.ts";
import { LAB_API_VERSION } from "../objects/lab.ts";
import { containsAddress, toCidr } from "../vpc/cidr.ts";
import { clusterName, importCluster } from "./importCluster.ts";
import { importHosts, importNode, type ObservedNode, observedNodes } from "./importMachines.ts";
import { importObjects } from "./importObjects.ts";
import { PodImport } from "./importPods.ts";
import { importConnections } from "./importTransit.ts";
import { importVpc, vpcBlocks } from "./importVpc.ts";
import type { HostInput, LabInput, NodeInput } from "./labInput.ts";
import { UniqueNames } from "./names.ts";
import type { ImportNotes } from "./notes.ts";
import type { Observed } from "./observed.ts";
import { ImportError, settle } from "./settle.ts";
import type { StandInOptions } from "./standIns.ts";
import { vpcNames } from "./vpcNames.ts";

export interface ImportOptions extends StandInOptions {
  /** Name of the lab; null: the cluster's. */
  readonly name: string | null;
  /** Reads a ConfigMap's text. */
  readonly parseYaml: (text: string) => unknown;
}

/** A lab as files: the Lab document, and everything that has a Kubernetes or EKS kind. */
export interface ImportedLab {
  readonly lab: LabInput;
  readonly manifests: readonly Record<string, unknown>[];
}

/** The VPC with the nodes' ENIs: of all VPCs the one with most of them. */
function clusterVpc(observed: Observed, nodes: readonly ObservedNode[]): string {
  const { Vpcs, Subnets } = observed.ec2;
  if (Vpcs.length === 0 || Subnets.length === 0)
    throw new ImportError(
      "no VPC: expected the answers of aws ec2 describe-vpcs and describe-subnets among the files of --ec2; add them",
    );
  const count = new Map<string, number>();
  const add = (vpc: string) => count.set(vpc, (count.get(vpc) ?? 0) + 1);
  for (const { enis, address: text } of nodes) {
    const address = parseAddress(text);
    if (enis.length > 0) add(enis[0].VpcId);
    else if (address !== null)
      for (const subnet of Subnets) if (containsAddress(toCidr(subnet.CidrBlock), address)) add(subnet.VpcId);
  }
  const [found] = [...count].sort(([, a], [, b]) => b - a);
  if (found === undefined || !Vpcs.some((vpc) => vpc.VpcId === found[0]))
    throw new ImportError(
      `no VPC of describe-vpcs has the nodes (${Vpcs.map((vpc) => `${vpc.VpcId} ${vpcBlocks(vpc).join(", ")}`).join("; ")}); add the answers about the cluster's own VPC`,
    );
  return found[0];
}

function importNodes(nodes: readonly ObservedNode[], surroundings: Parameters<typeof importNode>[1]): NodeInput[] {
  const problems: string[] = [];
  const found = nodes.flatMap((observed) => {
    const node = importNode(observed, surroundings);
    if (typeof node !== "string") return [node];
    problems.push(`node/${observed.object.metadata.name}: ${node}`);
    return [];
  });
  if (problems.length > 0) throw new ImportError(problems.join("\n"));
  return found;
}

/** The region of an availability zone. */
function regionOf(zones: readonly string[]): string {
  const zone = zones.at(0) ?? "us-east-1a";
  // A local or wavelength zone's name goes on after the region's letter: us-west-2-lax-1a.
  return /^[a-z]{2}(?:-[a-z]+)+-\d+/.exec(zone)?.[0] ?? zone.replace(/[a-z]$/, "");
}

/**
 * Makes a lab of what was observed of a cluster: its VPCs with their ids, its nodes with their ENIs and addresses, its
 * objects, its pods on the addresses that they had.
 *
 * @throws ImportError where that comes to no lab.
 */
export function importLab(observed: Observed, options: ImportOptions, notes: ImportNotes): ImportedLab {
  const { ec2 } = observed;
  const nodes = observedNodes(observed.ofKind("Node"), ec2);
  if (nodes.length === 0)
    throw new ImportError("no nodes: expected kubectl get nodes -o json|yaml among the files of --kubectl; add it");
  const own = clusterVpc(observed, nodes);
  const names = vpcNames(ec2);
  const surroundings = { ec2, names, notes };
  const { hosts, hostOfEni } = importHosts(nodes, surroundings);
  const connections = importConnections(ec2, names, notes);
  const vpcs = ec2.Vpcs.map((vpc) => ({
    own: vpc.VpcId === own,
    vpc: importVpc(vpc, { ...surroundings, hostOfEni, networkOfGateway: connections.networkOfGateway }),
  }));
  const further = [...vpcs.filter((v) => !v.own).map((v) => v.vpc), ...connections.foreignVpcs];
  const { peerings, transitGateways, networks } = connections;
  const list = <T>(key: string, items: readonly T[]) => (items.length === 0 ? {} : { [key]: items });
  const labNodes = importNodes(nodes, surroundings);
  const [clusterOwn] = vpcs.filter((v) => v.own);
  const lab: LabInput = {
    apiVersion: LAB_API_VERSION,
    kind: "Lab",
    metadata: { name: new UniqueNames().name(options.name ?? clusterName(observed) ?? "imported") },
    spec: {
      region: regionOf(ec2.Subnets.map((s) => s.AvailabilityZone)),
      vpc: clusterOwn.vpc,
      ...list("vpcs", further),
      ...list("peerings", peerings),
      ...list("transitGateways", transitGateways),
      ...list("networks", networks),
      ...list<HostInput>("hosts", hosts),
      cluster: importCluster(observed, nodes, options.parseYaml, notes),
      nodes: labNodes,
    },
  };
  const podImport = new PodImport(observed, nodes, options, notes);
  const pods = podImport.run();
  const objects = importObjects(observed, pods, podImport, names.groups, notes);
  const documents = [...objects, ...pods.map((pod) => pod.document)];
  return { lab, manifests: settle(lab, documents, pods, notes) };
}
