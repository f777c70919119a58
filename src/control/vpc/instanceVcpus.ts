/** vCPUs of sizes that are not counted in xlarge. */
const SMALL_SIZES: ReadonlyMap<string, number> = new Map([
  ["nano", 2],
  ["micro", 2],
  ["small", 2],
  ["medium", 1],
  ["large", 2],
  ["xlarge", 4],
]);
const VCPUS_PER_XLARGE = 4;

/**
 * Types whose size does not tell: no hyper-threads sold (hpc), burstable ones, old ones, and metal. Sources: Karpenter,
 * website/content/en/preview/reference/instance-types.md of aws/karpenter-provider-aws at 1d927085 (1363 types) and, for
 * dl1, f1, mac and p3, ec2_instance_types.go of kubernetes/autoscaler at 55c37cd5; both are of EC2 DescribeInstanceTypes.
 */
const EXCEPTIONS = `
1: m1.small t1.micro t2.micro t2.nano t2.small
2: c1.medium m2.xlarge t2.medium t3.medium t3a.medium t4g.medium
4: m2.2xlarge
8: c1.xlarge m2.4xlarge mac2-m2.metal mac2.metal
10: mac-m4.metal
12: mac1.metal mac2-m2pro.metal
14: mac-m4pro.metal
16: a1.metal
20: mac2-m1ultra.metal
24: hpc7a.12xlarge
36: c4.8xlarge d2.8xlarge
48: hpc7a.24xlarge m5zn.metal x2iezn.metal z1d.metal
64: c6g.metal c6gd.metal c7g.metal c7gd.metal c7gn.metal g5g.metal hpc6id.32xlarge m6g.metal m6gd.metal m7g.metal
  m7gd.metal r6g.metal r6gd.metal r7g.metal r7gd.metal x2gd.metal
72: c5n.metal
96: c5.metal c5d.metal g4dn.metal hpc6a.48xlarge hpc7a.48xlarge i3en.metal m5.metal m5d.metal m5dn.metal m5n.metal
  r5.metal r5b.metal r5d.metal r5dn.metal r5n.metal
128: c6i.metal c6id.metal c6in.metal i4i.metal m6i.metal m6id.metal m6idn.metal m6in.metal r6i.metal r6id.metal
  r6idn.metal r6in.metal x2idn.metal x2iedn.metal
192: c6a.metal hpc7a.96xlarge hpc8a.96xlarge m6a.metal r6a.metal
`;

/** A size that neither source lists and whose name would mislead. */
const UNKNOWN: ReadonlySet<string> = new Set(["hs1.8xlarge"]);

function readExceptions(): ReadonlyMap<string, number> {
  const table = new Map<string, number>();
  for (const line of EXCEPTIONS.trim().split(/\n(?! )/)) {
    const [vcpus, types] = line.split(":");
    for (const type of types.trim().split(/\s+/)) table.set(type, Number(vcpus));
  }
  return table;
}

const TABLE = readExceptions();

/**
 * Default vCPUs of an instance type: 4 for each xlarge of its size, unless it is an exception.
 *
 * @param name an instance type that there is, such as m5.large.
 * @returns null where no source says: ten metal types (EC2's older u-*tb1 among them) and hs1.8xlarge.
 */
export function vcpusOf(name: string): number | null {
  const known = TABLE.get(name);
  if (known !== undefined) return known;
  if (UNKNOWN.has(name)) return null;
  const size = name.slice(name.indexOf(".") + 1);
  const multiple = /^(?:metal-)?(\d+)xl(?:arge)?$/.exec(size);
  if (multiple !== null) return Number(multiple[1]) * VCPUS_PER_XLARGE;
  return SMALL_SIZES.get(size) ?? null;
}
