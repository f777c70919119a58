import { describe, expect, it } from "vitest";
import { NodeCheckpoint } from "../../../../src/control/ipam/standard/checkpoint.ts";
import { NodeState } from "../../../../src/control/ipam/standard/nodeState.ts";
import type { BranchPod } from "../../../../src/control/ipam/standard/nodeView.ts";
import { nodeViolations } from "../../../../src/control/ipam/standard/violations.ts";
import { Random } from "../../../../src/plane/random.ts";
import { slot } from "./stores.ts";
import { DEFAULTS, LIMITS, MINUTE, World } from "./world.ts";

/** An m5.large with two ENIs and a pod on 10.0.0.5. */
function state(): NodeState {
  const { timeline, ec2 } = new World();
  const node = {
    name: "node-1",
    instanceType: "m5.large",
    limits: LIMITS["m5.large"],
    subnet: "nodes",
    availabilityZone: "us-east-1a",
    maxPods: 29,
    securityGroups: [],
    clusterName: "lab",
  };
  const input = { timeline, ec2, random: new Random(1), node, podEnis: null, alive: () => true, observe: () => {} };
  const made = new NodeState(input, DEFAULTS, {
    checkpoint: new NodeCheckpoint(),
    made: new Set(),
    unattached: new Map(),
  });
  const facts = { interfaceType: "interface" as const, subnet: "nodes", securityGroups: [] };
  made.store.addEni({ ...facts, id: "eni-a", deviceNumber: 0, address: slot("10.0.0.4").prefix });
  made.store.addEni({ ...facts, id: "eni-b", deviceNumber: 1, address: slot("10.0.0.64").prefix });
  made.store.addCidr("eni-a", slot("10.0.0.5"));
  made.store.addCidr("eni-b", slot("10.0.0.6"));
  made.store.assign("pod-1");
  return made;
}

const found = (broken: NodeState, branches: ReadonlyMap<string, BranchPod> = new Map()) =>
  nodeViolations(broken, branches);

describe("violations", () => {
  it("are none where all is well", () => {
    expect(found(state())).toEqual([]);
  });

  it("an address with two owners", () => {
    const address = { address: slot("10.0.0.5").prefix, eni: "eni-x", deviceNumber: 2, vlan: 1 };
    expect(found(state(), new Map([["pod-2", { address, securityGroups: [] }]]))).toEqual([
      "10.0.0.5 is of pod-2 and of pod-1",
    ]);
    const own = state();
    own.store.addCidr("eni-b", slot("10.0.0.4"));
    own.store.assign("pod-2", 1);
    own.store.assign("pod-3", 1);
    expect(found(own)).toEqual(["10.0.0.4 is of the node (primary address of eni-a) and of pod-3"]);
  });

  it("limits of ENIs and slots", () => {
    const broken = state();
    for (let n = 0; n < 10; n++) broken.store.addCidr("eni-b", slot(`10.0.1.${n}`));
    const facts = { interfaceType: "interface" as const, subnet: "nodes", securityGroups: [] };
    for (const n of [2, 2])
      broken.store.addEni({
        ...facts,
        id: `eni-${broken.store.enis.length}`,
        deviceNumber: n,
        address: broken.store.enis.length,
      });
    expect(found(broken)).toEqual([
      "4 ENIs are over the 3 of m5.large",
      "eni-b has 11 slots, over the 9 that it can",
      "two ENIs are eth2",
    ]);
  });

  it("slots: prefixes that are not aligned, slots within slots", () => {
    const broken = state();
    broken.store.addCidr("eni-b", { prefix: slot("10.0.2.8").prefix, length: 28 });
    broken.store.addCidr("eni-a", slot("10.0.3.0/28"));
    broken.store.addCidr("eni-b", slot("10.0.3.7"));
    broken.store.addCidr("eni-b", slot("10.0.0.5"));
    expect(found(broken)).toEqual([
      "prefix 10.0.2.8/28 is not aligned",
      "10.0.0.5 of eni-b is within 10.0.0.5 of eni-a",
      "10.0.3.7 of eni-b is within 10.0.3.0/28 of eni-a",
    ]);
  });

  it("counts, and the checkpoint", () => {
    const broken = state();
    const cidr = broken.store.assign("pod-1").cidr;
    cidr.assigned++;
    expect(found(broken)).toEqual(["10.0.0.5 of eni-a has 1 pods and counts 2", "1 pods have 2 addresses"]);
    cidr.assigned--;
    broken.lasting.checkpoint.clear();
    expect(found(broken)).toEqual([
      "the checkpoint does not have 10.0.0.5 of pod-1",
      "the checkpoint has 0 pods, the store 1",
    ]);
    const other = state();
    const [address] = other.store.assign("pod-1").cidr.addresses.values();
    address.pod = "pod-9";
    expect(found(other)).toContain("10.0.0.5 of eni-a says that it is pod-9's, and that has another");
    expect(found(other)).toContain("pod-1 has 10.0.0.5, which is not its own");
  });

  it("once the daemon is at rest, what EC2 has differently", () => {
    const world = new World();
    const node = world.node("m5.large");
    world.run(5 * MINUTE);
    node.add("a");
    world.run(5 * MINUTE);
    const [first, second] = world.ec2.interfaces(node.name);
    world.ec2.forceUnassign(first.id, first.slots[8]);
    world.ec2.forceDetach(second.id);
    expect(node.ipamd.violations()).toEqual([
      expect.stringMatching(
        /^eni-00000001 has 10.0.0.5, .*10.0.0.12, and in the store 10.0.0.5, .*10.0.0.12, 10.0.0.13$/,
      ),
      "eni-00000002 is in the store, and not attached",
    ]);
    node.ipamd.poke();
    expect(node.ipamd.violations()).toEqual([]);
    world.run(5 * MINUTE);
    expect(node.ipamd.violations()).toEqual([]);
  });
});
