import { describe, expect, it } from "vitest";
import { formatAddress } from "../../../../src/plane/wire/address.ts";
import { agentNode, World } from "./world.ts";

/** When the trunk of a node that came at 0 is up: describe 200, create 1000, attach 2000 and 4000 more, milliseconds. */
const UP = 7200;
/** From a request to the annotation: create 1000, associate 500. */
const MADE = 1500;
const ROUND = 30_000;

/** A world with one node, its trunk up. */
function ready(options = {}, branchEnis = 9): World {
  const world = new World(options);
  world.addNode(agentNode("n1", branchEnis));
  world.timeline.advance(UP);
  return world;
}

describe("the trunk ENI", () => {
  it("is attached at the highest free device number, in the node's subnet", () => {
    const world = new World();
    world.addNode(agentNode("n1"));
    world.timeline.advance(UP - 1);
    expect(world.controller.capacity("n1")).toBe(0);
    expect(world.controller.settled("n1")).toBe(false);
    world.timeline.advance(UP);
    expect(world.controller.capacity("n1")).toBe(9);
    expect(world.controller.settled("n1")).toBe(true);
    expect(world.enis("trunk")).toMatchObject([
      {
        instance: "n1",
        deviceNumber: 2,
        subnet: "nodes",
        securityGroups: ["node"],
        description: "aws-k8s-trunk-eni",
        tags: {
          "node.k8s.amazonaws.com/instance_id": "n1",
          "eks:eni:owner": "eks-vpc-resource-controller",
          "kubernetes.io/cluster/test": "owned",
        },
      },
    ]);
    expect(world.logs).toEqual(["7200 n1 info: trunk ENI eni-00000002 is attached as eth2"]);
    expect(world.changes).toBe(1);
  });

  it("is of the ENIConfig's subnet and security groups where there is one", () => {
    const world = new World();
    world.addNode(agentNode("n1"), { subnet: "pods", securityGroups: ["db"] });
    world.timeline.advance(UP);
    expect(world.enis("trunk")).toMatchObject([{ subnet: "pods", securityGroups: ["db"] }]);
    world.request("p", "n1", [], "pods");
    world.timeline.advance(UP + MADE);
    expect(world.enis("branch")).toMatchObject([{ subnet: "pods", securityGroups: ["db"] }]);
  });

  it.each([
    [0, {}, "m5.large takes no trunk ENI: its pods get no branch ENIs"],
    [9, { maxEnis: 1 }, "no trunk ENI with at most 1 ENI: pods get no branch ENIs"],
  ])("is not made with %i branch ENIs and %j", (branchEnis, place, message) => {
    const world = new World();
    world.addNode(agentNode("n1", branchEnis), place);
    world.request("p");
    world.timeline.advance(UP * 100);
    expect(world.enis("trunk")).toEqual([]);
    expect(world.controller.capacity("n1")).toBe(0);
    expect(world.controller.settled("n1")).toBe(false);
    world.controller.release("p");
    expect(world.controller.settled("n1")).toBe(true);
    expect(world.logs).toEqual([`0 n1 warn: ${message}`]);
    expect(world.timeline.next()).toBeNull();
  });

  it("waits for a free place", () => {
    const world = new World();
    const node = agentNode("n1");
    world.launch(node);
    for (const deviceNumber of [1, 2]) world.run(world.attachOther("n1", deviceNumber));
    world.timeline.advance(20_000);
    world.controller.addNode(node);
    world.timeline.advance(20_200 + ROUND - 1);
    expect(world.logs).toEqual(["20200 n1 warn: no place for a trunk ENI: 3 of 3 ENIs are attached"]);
    const other = world.ec2.interfaces("n1").find((eni) => eni.deviceNumber === 1);
    world.ec2.forceDetach(other?.id ?? "");
    world.timeline.advance(20_200 + ROUND + UP);
    expect(world.enis("trunk")).toMatchObject([{ deviceNumber: 1 }]);
  });

  it("is tried again 5 minutes after EC2 refused it, and nothing stays behind", () => {
    const world = new World({ nodeLength: 28 });
    world.ec2.takeAddresses("nodes", 10, "contiguous", "others");
    world.addNode(agentNode("n1"));
    world.timeline.advance(250_000);
    expect(world.logs).toEqual([
      "1200 n1 error: no trunk ENI: The specified subnet does not have enough free addresses to satisfy the request.",
    ]);
    world.ec2.freeAddresses("others");
    world.timeline.advance(301_200 + UP - 1);
    expect(world.controller.capacity("n1")).toBe(0);
    world.timeline.advance(301_200 + UP);
    expect(world.controller.capacity("n1")).toBe(9);

    const gone = new World();
    gone.addNode(agentNode("n1"));
    gone.timeline.advance(1300);
    gone.controller.removeNode("n1");
    gone.ec2.terminateInstance("n1");
    gone.timeline.advance(100_000);
    expect([...gone.ec2.allInterfaces()]).toEqual([]);
    expect(gone.timeline.next()).toBeNull();
  });
});

describe("a pod's branch ENI", () => {
  it("is created, associated with the lowest free VLAN, and told to the node's daemon", () => {
    const world = new World();
    world.addNode(agentNode("n1"));
    world.request("pod/a/web-1");
    const annotations = world.controller.forNode("n1");
    world.timeline.advance(UP + MADE - 1);
    expect(annotations.address("pod/a/web-1")).toBeNull();
    expect(world.controller.used("n1")).toBe(1);
    world.timeline.advance(UP + MADE);
    const address = annotations.address("pod/a/web-1");
    expect(address).toMatchObject({ eni: "eni-00000003", deviceNumber: 2, vlan: 1 });
    expect(formatAddress(address?.address ?? 0)).toBe("10.0.1.6");
    expect(world.controller.forNode("n2").address("pod/a/web-1")).toBeNull();
    expect(world.ec2.interface("eni-00000003")).toMatchObject({
      interfaceType: "branch",
      instance: "n1",
      deviceNumber: null,
      securityGroups: ["web"],
      description: "aws-k8s-branch-eni",
      tags: {
        "vpcresources.k8s.aws/vlan-id": "1",
        "vpcresources.k8s.aws/trunk-eni-id": "eni-00000002",
        "node.k8s.amazonaws.com/instance_id": "n1",
      },
    });
    expect(world.ec2.trunkOf("eni-00000003")).toEqual({ trunk: "eni-00000002", vlan: 1 });
    expect(world.timeline.next()).toBeNull();
  });

  it("is one, however often it is asked for", () => {
    const world = ready();
    world.request("a");
    world.request("a");
    world.timeline.advance(UP + MADE);
    world.request("a");
    world.timeline.advance(UP + 2 * MADE);
    expect(world.branches()).toHaveLength(1);
  });

  it("is made when the node comes later than the pod", () => {
    const world = new World();
    world.request("a");
    world.timeline.advance(1000);
    world.addNode(agentNode("n1"));
    world.timeline.advance(1000 + UP + MADE);
    expect(world.vlan("a")).toBe(1);
  });

  it("keeps its VLAN, address and place until it is deleted, in the first round after its cooldown", () => {
    const world = ready();
    for (const pod of ["a", "b", "c"]) world.request(pod);
    world.timeline.advance(20_000);
    expect(["a", "b", "c"].map((pod) => world.vlan(pod))).toEqual([1, 2, 3]);
    world.controller.release("b");
    expect(world.vlan("b")).toBeNull();
    expect([world.controller.used("n1"), world.controller.cooling("n1")]).toEqual([2, 1]);
    expect(world.controller.settled("n1")).toBe(false);
    world.request("d");
    world.timeline.advance(30_000);
    expect(world.vlan("d")).toBe(4);
    // Cooled down at 80 s; the round after that is the third after the trunk.
    const deleted = UP + 3 * ROUND + 500;
    world.timeline.advance(deleted - 1);
    expect(world.branches()).toHaveLength(4);
    world.timeline.advance(deleted);
    expect(world.branches()).toHaveLength(3);
    expect(world.controller.settled("n1")).toBe(true);
    world.request("e");
    world.timeline.advance(deleted + MADE);
    expect(world.vlan("e")).toBe(2);
    expect(world.ec2.violations()).toEqual([]);
  });

  it("is not deleted in a round at the very end of its cooldown", () => {
    const world = ready();
    world.request("a");
    world.timeline.advance(UP + ROUND);
    world.controller.release("a");
    world.timeline.advance(UP + 3 * ROUND + 1000);
    expect(world.branches()).toHaveLength(1);
    world.timeline.advance(UP + 4 * ROUND + 500);
    expect(world.branches()).toHaveLength(0);
  });

  it("is not deleted where its cooldown ends while a round is at others", () => {
    const world = ready();
    for (const pod of ["a", "b"]) world.request(pod);
    world.timeline.advance(20_000);
    world.controller.release("a");
    // The round of 97.2 s deletes the first one until 97.7 s. The next is 30 s after that.
    world.timeline.advance(37_700);
    world.controller.release("b");
    world.timeline.advance(127_700 + 499);
    expect(world.branches()).toHaveLength(1);
    world.timeline.advance(127_700 + 500);
    expect(world.branches()).toHaveLength(0);
  });

  it("cools down for 30 s at least", () => {
    const world = ready({ cooldown: 1000 });
    world.request("a");
    world.timeline.advance(UP + ROUND - 1);
    world.controller.release("a");
    world.timeline.advance(UP + ROUND + 1000);
    expect(world.branches()).toHaveLength(1);
    world.timeline.advance(UP + 2 * ROUND + 500);
    expect(world.branches()).toHaveLength(0);
  });

  it("waits for as long as the node has no place, looking again after each cooldown", () => {
    const world = ready({}, 2);
    for (const pod of ["a", "b", "c"]) world.request(pod);
    world.timeline.advance(20_000);
    expect(["a", "b", "c"].map((pod) => world.vlan(pod))).toEqual([1, 2, null]);
    expect(world.controller.settled("n1")).toBe(false);
    world.controller.release("a");
    // Deleted at 97.7 s. The pod was looked at with the trunk's first moment and every 60 s since: 127.2 s is next.
    world.timeline.advance(UP + 120_000 + MADE - 1);
    expect(world.vlan("c")).toBeNull();
    world.timeline.advance(UP + 120_000 + MADE);
    expect(world.vlan("c")).toBe(1);
    expect(world.ec2.calls.get("CreateNetworkInterface")).toMatchObject({ calls: 4, errors: new Map() });
  });

  it("is deleted without cooldown where its pod went before it was made", () => {
    const world = ready();
    world.request("a");
    world.timeline.advance(UP + 700);
    world.controller.release("a");
    expect(world.controller.used("n1")).toBe(1);
    world.timeline.advance(UP + ROUND - 1);
    expect(world.controller.used("n1")).toBe(0);
    expect(world.branches()).toHaveLength(1);
    world.timeline.advance(UP + ROUND + 500);
    expect(world.branches()).toHaveLength(0);
    expect(world.timeline.next()).toBeNull();
  });

  it("is another one when the pod comes again, on this node or the next", () => {
    const world = ready();
    world.addNode(agentNode("n2"));
    world.request("a");
    world.timeline.advance(20_000);
    world.controller.release("a");
    world.request("a");
    world.timeline.advance(25_000);
    expect(world.vlan("a")).toBe(2);
    world.request("a", "n2");
    world.timeline.advance(30_000);
    expect(world.vlan("a")).toBeNull();
    expect(world.vlan("a", "n2")).toBe(1);
    expect(world.controller.cooling("n1")).toBe(2);
    world.timeline.advance(300_000);
    expect(world.branches()).toHaveLength(1);
  });

  it("is made for 30 pods at a time", () => {
    const world = ready({}, 54);
    for (let i = 0; i < 31; i++) world.request(`p${i}`);
    world.timeline.advance(UP + MADE);
    expect(world.branches()).toHaveLength(30);
    expect(world.vlan("p29")).toBe(30);
    expect(world.vlan("p30")).toBeNull();
    world.timeline.advance(UP + 2 * MADE);
    expect(world.vlan("p30")).toBe(31);
  });
});

describe("what EC2 refuses", () => {
  it("is tried 5 times again, then when all pods are listed", () => {
    const world = ready();
    world.ec2.takeAddresses("pods", 251, "contiguous", "others");
    world.request("a", "n1", ["web"], "pods");
    world.timeline.advance(1_700_000);
    const message =
      "no branch ENI for a: The specified subnet does not have enough free addresses to satisfy the request.";
    // 1 s for each answer, and 5, 10, 20, 40, 80 ms between them.
    expect(world.logs.slice(1)).toEqual(
      [8200, 9205, 10_215, 11_235, 12_275, 13_355].map((time) => `${time} n1 error: ${message}`),
    );
    world.ec2.freeAddresses("others");
    world.timeline.advance(1_800_000 + MADE - 1);
    expect(world.vlan("a")).toBeNull();
    world.timeline.advance(1_800_000 + MADE);
    expect(world.vlan("a")).toBe(1);
  });

  it("leaves no ENI where the association fails", () => {
    const world = ready();
    world.ec2.failing.associate = 1;
    world.request("a");
    world.timeline.advance(UP + 1000);
    expect(world.logs.slice(1)).toEqual(["8200 n1 error: no branch ENI for a: no association today"]);
    world.timeline.advance(UP + 1005 + MADE);
    expect(world.vlan("a")).toBe(2);
    expect(world.branches()).toHaveLength(2);
    world.timeline.advance(UP + ROUND + 500);
    expect(world.branches()).toHaveLength(1);
    world.request("b");
    world.timeline.advance(UP + ROUND + 500 + MADE);
    expect(world.vlan("b")).toBe(1);
  });

  it("is deleted at the third try, at once", () => {
    const world = ready();
    world.request("a");
    world.timeline.advance(10_000);
    world.controller.release("a");
    world.ec2.failing.delete = 2;
    world.timeline.advance(UP + 3 * ROUND + 500);
    expect(world.branches()).toEqual([]);
    expect(world.logs.slice(1)).toEqual([
      "97200 n1 error: branch ENI eni-00000003 was not deleted: in use",
      "97200 n1 error: branch ENI eni-00000003 was not deleted: in use",
    ]);
  });

  it("is tried again before the next one", () => {
    const world = ready();
    for (const pod of ["a", "b"]) world.request(pod);
    world.timeline.advance(10_000);
    for (const pod of ["a", "b"]) world.controller.release(pod);
    world.ec2.failing.delete = 3;
    world.timeline.advance(200_000);
    expect(world.branches()).toEqual(["eni-00000003"]);
  });

  it("is left to the cleaner after the third try, and its VLAN to nobody", () => {
    const world = ready();
    world.request("a");
    world.timeline.advance(10_000);
    world.controller.release("a");
    world.ec2.failing.delete = 4;
    world.timeline.advance(UP + 3 * ROUND + 500);
    expect(world.controller.cooling("n1")).toBe(0);
    expect(world.branches()).toHaveLength(1);
    // Seen at 30 minutes, not deleted at 60, deleted at 90.
    world.timeline.advance(5_400_000);
    expect(world.branches()).toHaveLength(1);
    expect(world.logs.at(-1)).toBe("3600000 n1 error: leaked branch ENI eni-00000003 was not deleted: in use");
    world.timeline.advance(5_400_500);
    expect(world.branches()).toEqual([]);
    expect(world.timeline.next()).toBeNull();
    world.request("b");
    world.timeline.advance(5_402_000);
    expect(world.vlan("b")).toBe(2);
  });
});

describe("a node that goes", () => {
  it("has its branch ENIs deleted a minute later, cooled down or not", () => {
    const world = ready();
    for (const pod of ["a", "b"]) world.request(pod);
    world.timeline.advance(20_000);
    world.controller.release("a");
    world.controller.removeNode("n1");
    expect(world.vlan("b")).toBeNull();
    expect(world.controller.capacity("n1")).toBe(0);
    world.timeline.advance(80_000);
    expect(world.branches()).toHaveLength(2);
    world.timeline.advance(81_000);
    expect(world.branches()).toEqual([]);
    expect(world.timeline.next()).toBeNull();
  });

  it("may be terminated by then, and another of its name may be there", () => {
    const world = ready();
    for (const pod of ["a", "b"]) world.request(pod);
    world.timeline.advance(UP + 1200);
    world.controller.removeNode("n1");
    world.ec2.terminateInstance("n1");
    world.timeline.advance(20_000);
    world.addNode(agentNode("n1"));
    world.request("a");
    world.timeline.advance(20_000 + UP + MADE);
    expect(world.vlan("a")).toBe(1);
    world.timeline.advance(300_000);
    expect(world.vlan("a")).toBe(1);
    expect(world.branches()).toHaveLength(1);
    expect(world.ec2.violations()).toEqual([]);
    expect(world.timeline.next()).toBeNull();
  });

  it("leaves what was made for its pods all that time to the cleaner", () => {
    const world = ready();
    world.ec2.associationDelay = 100_000;
    world.request("a");
    world.timeline.advance(10_000);
    world.controller.removeNode("n1");
    world.ec2.terminateInstance("n1");
    world.timeline.advance(3_600_000);
    expect(world.branches()).toEqual(["eni-00000003"]);
    world.timeline.advance(3_600_500);
    expect(world.branches()).toEqual([]);
    expect(world.timeline.next()).toBeNull();
  });
});
