import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type CapacityAnswer, type CapacityQuestion, capacity } from "../../../src/control/ipam/capacity.ts";
import { CAPACITY_MODES } from "../../../src/control/ipam/capacityModes.ts";
import { type OthersAddresses, SubnetSupply } from "../../../src/control/ipam/subnetSupply.ts";
import { toCidr } from "../../../src/control/vpc/cidr.ts";
import { knownInstanceType } from "../../../src/control/vpc/instanceTypes.ts";

type Options = Omit<CapacityQuestion, "type" | "modes">;

function ask(type: string, mode: string, options: Options = {}): CapacityAnswer {
  const modes = CAPACITY_MODES.filter((m) => m.name === mode);
  expect(modes, mode).toHaveLength(1);
  return capacity({ type: knownInstanceType(type), modes, ...options })[0];
}

const subnet = (cidr: string, others?: OthersAddresses): SubnetSupply => new SubnetSupply(toCidr(cidr), [], others);

describe("the limit that binds first", () => {
  it.each<[string, string, string, Options, string, number, string]>([
    ["ENI slots", "m5.large", "secondary", {}, "ENI slots", 27, "3 ENIs x 9 slots = 27 addresses"],
    [
      "branch ENIs fill what the trunk's ENI took",
      "m5.large",
      "pod-eni",
      {},
      "ENI slots",
      27,
      "2 ENIs x 9 slots = 18 addresses, and 9 branch ENIs",
    ],
    [
      "max-pods, which knows no trunk",
      "m5.xlarge",
      "pod-eni",
      {},
      "max-pods",
      56,
      "max-pods is 58, less 2 for aws-node and kube-proxy",
    ],
    [
      "max-pods of a node that has nodeadm's number",
      "m5.large",
      "prefix",
      { maxPods: 29 },
      "max-pods",
      27,
      "kubelet runs with max-pods 29, less 2 for aws-node and kube-proxy",
    ],
    [
      "max-pods of Auto Mode",
      "m5.large",
      "auto",
      {},
      "max-pods",
      27,
      "max-pods is 27, an address a slot, as if every subnet were fragmented",
    ],
    [
      "the cap for few vCPUs",
      "m5.large",
      "prefix",
      {},
      "kubelet cap",
      108,
      "EKS recommends 110 pods at most with 2 vCPUs, less 2 for aws-node and kube-proxy",
    ],
    [
      "the cap for many vCPUs",
      "m5.24xlarge",
      "secondary",
      {},
      "kubelet cap",
      248,
      "EKS recommends 250 pods at most with 96 vCPUs, less 2 for aws-node and kube-proxy",
    ],
    ["the cap of Auto Mode", "m5.4xlarge", "auto", {}, "kubelet cap", 110, "Auto Mode runs 110 pods at most"],
    [
      "no prefixes on Xen",
      "m4.large",
      "prefix",
      {},
      "prefix support",
      18,
      "m4.large is on Xen, which takes no prefixes: 2 ENIs x 9 slots = 18 secondary addresses",
    ],
    [
      // 11 usable addresses: the ENI's own and 9; a tenth pod takes a second ENI, which makes 12.
      "addresses in the subnet",
      "m5.large",
      "secondary",
      { subnet: subnet("10.0.0.0/28") },
      "addresses in subnet",
      9,
      "10.0.0.0/28 has 11 free addresses; the node gets 1 address for its ENI and 9 for pods",
    ],
    [
      // 251 / 10 = 25 each: 2 ENIs of 9 slots hold 18 pods, a third ENI takes an address more.
      "addresses in the subnet, shared by nodes",
      "m5.large",
      "secondary",
      { subnet: subnet("10.0.0.0/24"), nodes: 10 },
      "addresses in subnet",
      22,
      "10.0.0.0/24 has 251 free addresses; each of 10 nodes gets 3 addresses for its ENIs and 22 for pods",
    ],
    [
      // 14 of 16: the first and the last /28 have reserved addresses.
      "prefixes in the subnet",
      "m5.large",
      "prefix",
      { subnet: subnet("10.0.0.0/24"), nodes: 3 },
      "prefixes in subnet",
      4 * 16,
      "10.0.0.0/24 has 14 free /28 blocks beside single addresses; each of 3 nodes gets 1 address for its ENI and 4 prefixes",
    ],
    [
      // 20 addresses, each in a /28 of its own, leave none; 231 addresses are free and of no use.
      "prefixes in a fragmented subnet",
      "m5.large",
      "prefix",
      { subnet: subnet("10.0.0.0/24", { count: 20, scattered: true }) },
      "prefixes in subnet",
      0,
      "10.0.0.0/24 has 0 free /28 blocks beside single addresses; the node gets 1 address for its ENI",
    ],
    [
      "a /28 never holds a prefix",
      "m5.large",
      "prefix",
      { subnet: subnet("10.0.0.0/28") },
      "prefixes in subnet",
      0,
      "10.0.0.0/28 has 0 free /28 blocks beside single addresses; the node gets 1 address for its ENI",
    ],
    [
      "a subnet without room for the nodes themselves",
      "m5.large",
      "secondary",
      { subnet: subnet("10.0.0.0/28"), nodes: 12 },
      "addresses in subnet",
      0,
      "10.0.0.0/28 has 11 free addresses, too few for the ENIs of 12 nodes",
    ],
    [
      "branch ENIs",
      "m5.large",
      "pod-eni",
      { pods: 20, securityGroupPods: 12 },
      "branch ENIs",
      8 + 9,
      "a trunk of m5.large takes 9 branch ENIs, and 12 pods match a SecurityGroupPolicy",
    ],
    [
      "branch ENIs of a type without a trunk",
      "t3.large",
      "pod-eni",
      { pods: 5, securityGroupPods: 1 },
      "branch ENIs",
      4,
      "t3.large takes no trunk, and 1 pod matches a SecurityGroupPolicy",
    ],
  ])("%s", (_, type, mode, options, kind, pods, text) => {
    const answer = ask(type, mode, options);
    expect(answer.limits[0]).toEqual({ kind, pods, text });
    expect(answer.pods).toBe(pods);
    expect(answer.sentence).toContain(`${kind}`);
    expect(answer.sentence).toContain(text);
  });

  it("says whether the pods asked for fit", () => {
    const few = ask("m5.large", "secondary", { pods: 20 });
    expect([few.fits, few.sentence]).toEqual([
      true,
      "20 pods of 27; ENI slots would bind first: 3 ENIs x 9 slots = 27 addresses",
    ]);
    const many = ask("m5.large", "secondary", { pods: 28 });
    expect([many.fits, many.sentence]).toEqual([
      false,
      "27 of 28 pods, bound by ENI slots: 3 ENIs x 9 slots = 27 addresses",
    ]);
    expect(ask("m5.large", "secondary").fits).toBeNull();
  });

  it("lists the others after it", () => {
    const { limits } = ask("m5.large", "prefix", { subnet: subnet("10.0.0.0/24"), nodes: 5 });
    expect(limits.map((l) => [l.kind, l.pods])).toEqual([
      ["prefixes in subnet", 32],
      ["kubelet cap", 108],
      ["ENI slots", 432],
    ]);
  });
});

describe("subnets", () => {
  it("of pods bind where they are others than the nodes'", () => {
    const nodes = subnet("10.0.0.0/28");
    // 11 free: the pods' ENI and 10 pods; the node's own address is not among them.
    const own = ask("m5.4xlarge", "custom", { subnet: nodes, podSubnet: subnet("100.64.0.0/28") });
    expect(own.limits[0]).toMatchObject({ kind: "addresses in subnet", pods: 10 });
    expect(own.limits[0].text).toContain("100.64.0.0/28");
    const shared = ask("m5.4xlarge", "custom", { subnet: nodes });
    expect(shared.limits[0]).toMatchObject({ kind: "addresses in subnet", pods: 9 });
    // 12 nodes do not fit in the nodes' subnet, however large that of the pods is.
    const crowded = ask("m5.large", "custom", { subnet: nodes, podSubnet: subnet("100.64.0.0/16"), nodes: 12 });
    expect(crowded.limits[0]).toMatchObject({ kind: "addresses in subnet", pods: 0 });
    expect(crowded.limits[0].text).toContain("10.0.0.0/28");
    // Modes without subnets of pods know only the nodes'.
    expect(ask("m5.large", "secondary", { podSubnet: subnet("100.64.0.0/28") }).limits[0].kind).toBe("ENI slots");
  });

  it("that are fragmented leave Auto Mode its secondary addresses, and ipamd nothing", () => {
    const fragmented = subnet("10.0.0.0/24", { count: 20, scattered: true });
    // As many as max-pods, which is reckoned for this very case.
    expect(ask("m5.large", "auto", { subnet: fragmented }).limits.map((l) => [l.kind, l.pods])).toEqual([
      ["prefixes in subnet", 27],
      ["max-pods", 27],
      ["ENI slots", 432],
    ]);
    expect(ask("m5.large", "prefix", { subnet: fragmented }).pods).toBe(0);
    // Two prefixes are left: 2 x 16 addresses, and 25 more in the 25 slots that remain.
    const two = subnet("10.0.0.0/24", { count: 12, scattered: true });
    const limit = ask("m5.large", "auto", { subnet: two, maxPods: 110 }).limits[0];
    expect(limit).toEqual({
      kind: "prefixes in subnet",
      pods: 57,
      text: "10.0.0.0/24 has 2 free /28 blocks beside single addresses; the node gets 3 addresses for its ENIs and 2 prefixes and 25 for pods",
    });
  });

  it("hold so many nodes", () => {
    // 10 pods take 2 ENIs: 12 addresses of 251.
    const answer = ask("m5.large", "secondary", { subnet: subnet("10.0.0.0/24"), pods: 10 });
    expect(answer.nodesInSubnets).toBe(20);
    // 1 address and 2 prefixes: the nodes' addresses fit beside the reserved ones, 14 prefixes make 7 nodes.
    expect(ask("m5.large", "prefix", { subnet: subnet("10.0.0.0/24"), pods: 20 }).nodesInSubnets).toBe(7);
    expect(ask("m5.large", "secondary").nodesInSubnets).toBeNull();
  });

  it("lose an address to the trunk", () => {
    const options = { subnet: subnet("10.0.0.0/28") };
    expect(ask("m5.4xlarge", "secondary", options).pods).toBe(10);
    expect(ask("m5.4xlarge", "pod-eni", options).pods).toBe(9);
  });

  it("branch ENIs take addresses of their own beside prefixes", () => {
    // 11 + 16 x 14 + 15 = 251: 3 single addresses of ENIs, 9 of branch ENIs, all of which fit beside 13 prefixes and more.
    const options = { subnet: subnet("10.0.0.0/24"), pods: 100, securityGroupPods: 9 };
    expect(ask("m5.large", "pod-eni-prefix", options).limits.map((l) => l.kind)).not.toContain("addresses in subnet");
    const small = { subnet: subnet("10.0.0.0/27"), pods: 100, securityGroupPods: 9 };
    expect(ask("m5.large", "pod-eni-prefix", small).limits[0]).toMatchObject({ kind: "prefixes in subnet", pods: 9 });
  });
});

describe("a subnet's supply", () => {
  it("leaves out what EC2 reserves and what others have", () => {
    const clean = subnet("10.0.0.0/24");
    expect([clean.freeAddresses, clean.freePrefixes]).toEqual([251, 14]);
    const packed = subnet("10.0.0.0/24", { count: 20, scattered: false });
    expect([packed.freeAddresses, packed.freePrefixes]).toEqual([231, 13]);
    const scattered = subnet("10.0.0.0/24", { count: 14, scattered: true });
    expect([scattered.freeAddresses, scattered.freePrefixes]).toEqual([237, 0]);
    const given = new SubnetSupply(toCidr("10.0.0.0/24"), [0x0a000010, 0x0a000001, 0x0b000020]);
    expect([given.freeAddresses, given.freePrefixes]).toEqual([250, 13]);
    expect(() => subnet("10.0.0.0/28", { count: 12, scattered: false })).toThrow(
      "expected at most 11 used addresses in 10.0.0.0/28, got 12",
    );
  });

  it("counts prefixes beside single addresses as taking them one by one does", () => {
    const cidr = toCidr("10.0.0.0/25");
    const address = fc.integer({ min: 0, max: 127 });
    fc.assert(
      fc.property(fc.uniqueArray(address, { maxLength: 60 }), fc.integer({ min: 0, max: 130 }), (taken, singles) => {
        const used = new Set([0, 1, 2, 3, 127, ...taken]);
        const supply = new SubnetSupply(
          cidr,
          taken.map((offset) => cidr.prefix + offset),
        );
        expect(supply.freeAddresses).toBe(128 - used.size);
        let left = singles;
        for (let offset = 0; offset < 128 && left > 0; offset++)
          if (!used.has(offset)) {
            used.add(offset);
            left--;
          }
        let prefixes = 0;
        for (let block = 0; block < 128; block += 16)
          if (Array.from({ length: 16 }, (_, i) => block + i).every((offset) => !used.has(offset))) prefixes++;
        expect(supply.prefixesBeside(singles)).toBe(prefixes);
        expect(supply.shortage(singles, prefixes)).toBe(left > 0 ? "addresses" : null);
        expect(supply.shortage(singles, prefixes + 1)).toBe(left > 0 ? "addresses" : "prefixes");
      }),
      { seed: 20260901, numRuns: 300 },
    );
  });
});
