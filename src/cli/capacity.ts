import { type Command, InvalidArgumentError } from "commander";
import { type CapacityQuestion, capacity } from "../control/ipam/capacity.ts";
import { CAPACITY_MODES, type CapacityMode, nodeadmMaxPods } from "../control/ipam/capacityModes.ts";
import { SubnetSupply } from "../control/ipam/subnetSupply.ts";
import { labCapacities, labCapacity } from "../control/labCapacity.ts";
import type { Cidr } from "../control/vpc/cidr.ts";
import { type InstanceType, instanceType, instanceTypeNames, unknownTypeText } from "../control/vpc/instanceTypes.ts";
import { loadLab } from "../lab/files/load.ts";
import { formatCidr, parseCidr } from "../plane/wire/address.ts";
import { allTypesText, nodesText, type TypeRow, typeText } from "./capacityText.ts";
import { type Format, print, printError, printJson, terminalWidth } from "./output.ts";
import { outputOption, parseCount, parsePositive } from "./parse.ts";

interface CapacityOptions {
  all?: boolean;
  lab?: string;
  node?: string;
  mode?: CapacityMode[];
  subnet?: Cidr;
  podSubnet?: Cidr;
  used?: number;
  scattered?: boolean;
  nodes?: number;
  pods?: number;
  sgPods?: number;
  maxEni?: number;
  maxPods?: number;
  output: Format;
}

/** Lengths of a subnet's block (VPC user guide, "Subnet sizing"). */
const SUBNET_SHORTEST = 16;
const SUBNET_LONGEST = 28;

const COLUMNS = `
Columns: ENIS of which pods get addresses; SLOTS for addresses or prefixes; IPS
for pods in them; MAX-PODS by the formula of eni-max-pods.txt; CAPPED as EKS
recommends it; NODEADM without maxPodsExpression; IDLE addresses that a node
holds before it has a pod; PODS with addresses of their own, by the limit that
binds first.
With --all: IPS for pods, then max-pods with secondary addresses (PODS),
prefixes (/28), custom networking (CUSTOM) and both (C-/28), EKS's cap (CAP),
branch ENIs (BRANCH) and max-pods in Auto Mode (AUTO).`;

function parseModes(text: string, before: CapacityMode[] = []): CapacityMode[] {
  const names = CAPACITY_MODES.map((m) => m.name);
  const modes = text.split(",").map((name) => {
    const mode = CAPACITY_MODES.find((m) => m.name === name);
    if (mode === undefined)
      throw new InvalidArgumentError(`There is no mode "${name}"; choose from ${names.join(", ")}.`);
    return mode;
  });
  return [...before, ...modes];
}

/** A subnet's block as EC2 would make it: host bits are cleared, and that is said. */
function parseSubnet(text: string): Cidr {
  const cidr = parseCidr(text);
  if (cidr === null || cidr.length < SUBNET_SHORTEST || cidr.length > SUBNET_LONGEST)
    throw new InvalidArgumentError(
      `expected a CIDR block from /${SUBNET_SHORTEST} to /${SUBNET_LONGEST}, as EC2's subnets are, got "${text}".`,
    );
  if (cidr.hostBits) printError(`note: ${text} has host bits; EC2 makes it ${formatCidr(cidr.prefix, cidr.length)}`);
  return { prefix: cidr.prefix, length: cidr.length };
}

export function capacityCommand(program: Command): void {
  program
    .command("capacity")
    .description("how many pods nodes of an EC2 instance type can have in each mode, and which limit binds first")
    .argument("[type...]", "m5.large, c7g.xlarge, ...")
    .option("-a, --all", "one row for each of all instance types")
    .option("--lab <lab>", "nodes of this lab, with their types, zones, subnets and CNI settings")
    .option("--node <name>", "one node of the lab, with all its limits")
    .option("--mode <mode,...>", CAPACITY_MODES.map((m) => m.name).join(", "), parseModes)
    .option("--subnet <cidr>", "subnet of the nodes, without which subnets do not bind", parseSubnet)
    .option(
      "--pod-subnet <cidr>",
      "subnet of pods in custom and pod-subnets modes; otherwise the nodes' own",
      parseSubnet,
    )
    .option("--used <n>", "addresses that others have in the subnet of pods", parseCount)
    .option("--scattered", "those lie in as many /28 blocks as they can, and not the lowest of the subnet")
    .option("--nodes <n>", "nodes that share the subnets (default: 1)", parsePositive)
    .option("--pods <n>", "pods of each node that need an address (default: as many as possible)", parseCount)
    .option("--sg-pods <n>", "how many of those match a SecurityGroupPolicy, in pod-eni modes", parseCount)
    .option("--max-eni <n>", "MAX_ENI of the VPC CNI", parsePositive)
    .option("--max-pods <n>", "kubelet's --max-pods (default: what EKS recommends)", parsePositive)
    .addOption(outputOption())
    .addHelpText("after", COLUMNS)
    .action((types: string[], options: CapacityOptions) => run(types, options));
}

function run(names: string[], options: CapacityOptions): void {
  checkOptions(names, options);
  if (options.lab !== undefined) {
    const { cluster, objects } = loadLab(options.lab);
    if (options.node === undefined) {
      const nodes = labCapacities(cluster.lab, objects, overrides(options));
      if (options.output === "json") printJson(nodes);
      else print(nodesText(nodes, terminalWidth()));
      return;
    }
    const question = labCapacity(cluster.lab, objects, options.node);
    printTypes([{ ...question, ...overrides(options) }], options.output);
    return;
  }
  const subnets = supplies(options);
  const types = options.all === true ? instanceTypeNames() : names;
  const questions = types.map((name) => ({ type: typeNamed(name), ...subnets, ...overrides(options) }));
  if (options.all === true && options.output === "table") print(allTypesText(questions.map(typeRow), terminalWidth()));
  else printTypes(questions, options.output);
}

function checkOptions(names: readonly string[], options: CapacityOptions): void {
  const ways = [names.length > 0, options.all === true, options.lab !== undefined].filter(Boolean).length;
  if (ways === 0) throw new Error("name an instance type such as m5.large, or use --all, or --lab");
  if (ways > 1) throw new Error("instance types, --all and --lab exclude each other; use one of them");
  if (options.lab === undefined && options.node !== undefined)
    throw new Error("--node is of a lab; add --lab, or leave it out");
  const own = options.subnet ?? options.podSubnet ?? options.used;
  if (options.lab !== undefined && own !== undefined)
    throw new Error("a lab has its own subnets; leave out --subnet, --pod-subnet and --used");
  if (options.used !== undefined && options.subnet === undefined && options.podSubnet === undefined)
    throw new Error("--used counts in a subnet; add --subnet CIDR");
  if (options.sgPods !== undefined && options.pods !== undefined && options.sgPods > options.pods)
    throw new Error(`--sg-pods ${options.sgPods} are among --pods ${options.pods}; make the first the smaller one`);
}

/** @throws Error for an unknown type, with those near it. */
function typeNamed(name: string): InstanceType {
  const type = instanceType(name);
  if (type !== null) return type;
  throw new Error(
    `${unknownTypeText(name)} (on a type that nodeadm cannot find, kubelet runs with max-pods ${nodeadmMaxPods(null)})`,
  );
}

/** What others have is in the subnet of pods, where there are two. */
function supplies({
  subnet,
  podSubnet,
  used,
  scattered,
}: CapacityOptions): Pick<CapacityQuestion, "subnet" | "podSubnet"> {
  const others = { count: used ?? 0, scattered: scattered === true };
  return {
    subnet: subnet === undefined ? null : new SubnetSupply(subnet, [], podSubnet === undefined ? others : undefined),
    podSubnet: podSubnet === undefined ? null : new SubnetSupply(podSubnet, [], others),
  };
}

/** What the command line says; what it does not say is left to the lab or to the defaults. */
function overrides({ mode, nodes, pods, sgPods, maxEni, maxPods }: CapacityOptions): Partial<CapacityQuestion> {
  return {
    ...(mode === undefined ? {} : { modes: mode }),
    ...(nodes === undefined ? {} : { nodes }),
    ...(pods === undefined ? {} : { pods }),
    ...(sgPods === undefined ? {} : { securityGroupPods: sgPods }),
    ...(maxEni === undefined ? {} : { maxEni }),
    ...(maxPods === undefined ? {} : { maxPods }),
  };
}

function typeRow(question: CapacityQuestion): TypeRow {
  return { type: question.type, answers: new Map(capacity(question).map((a) => [a.mode, a])) };
}

function printTypes(questions: readonly CapacityQuestion[], output: Format): void {
  const answers = questions.map((question) => ({ type: question.type, modes: capacity(question) }));
  if (output === "json") printJson(answers);
  else print(answers.map(({ type, modes }) => typeText(type, modes, terminalWidth())).join("\n\n"));
}
