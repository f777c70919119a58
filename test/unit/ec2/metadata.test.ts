import { describe, expect, it } from "vitest";
import { slotText } from "../../../src/control/vpc/eni.ts";
import { slot, World } from "./world.ts";

const seen = (world: World) =>
  world.ec2.metadata("node-1").map((eni) => `${eni.id.at(-1)}: ${eni.slots.map(slotText).join(" ")}`.trim());

describe("instance metadata", () => {
  it("shows slots at once without lag", () => {
    const world = new World();
    const eni = world.launch("node-1");
    world.run(world.ec2.assignPrivateIpAddresses(eni, { secondaryAddresses: 2 }));
    expect(seen(world)).toEqual(["1: 10.0.1.5 10.0.1.6"]);
    world.ec2.forceUnassign(eni, slot("10.0.1.5"));
    expect(seen(world)).toEqual(["1: 10.0.1.6"]);
  });

  it("lags behind by metadataDelay, in every step", () => {
    const world = new World({ metadataDelay: 3000 });
    const eni = world.launch("node-1");
    expect(seen(world)).toEqual(["1:"]);
    world.timeline.advance(10_000);
    world.ec2.forceAssign(eni, { secondaryAddresses: 1 });
    world.timeline.advance(12_000);
    world.ec2.forceAssign(eni, { prefixes: 1 });
    world.ec2.forceUnassign(eni, slot("10.0.1.5"));
    world.timeline.advance(12_999);
    expect(seen(world)).toEqual(["1:"]);
    world.timeline.advance(13_000);
    expect(seen(world)).toEqual(["1: 10.0.1.5"]);
    world.timeline.advance(14_999);
    expect(seen(world)).toEqual(["1: 10.0.1.5"]);
    world.timeline.advance(15_000);
    expect(seen(world)).toEqual(["1: 10.0.1.16/28"]);
  });

  it("still shows a detached ENI while it lags", () => {
    const world = new World({ metadataDelay: 5000 });
    world.launch("node-1");
    const eni = world.attach("node-1", 1);
    expect(seen(world)).toEqual(["1:", "2:"]);
    world.ec2.forceDetach(eni);
    expect(world.ec2.interfaces("node-1")).toHaveLength(1);
    expect(seen(world)).toEqual(["1:", "2:"]);
    world.timeline.advance(world.timeline.now + 5000);
    expect(seen(world)).toEqual(["1:"]);
  });

  it("shows an attached ENI after attachDelay, though EC2 has it attached", () => {
    const world = new World({ attachDelay: 4000 });
    world.launch("node-1");
    const { id } = world.run(
      world.ec2.createNetworkInterface({
        subnet: "a",
        securityGroups: [],
        description: "",
        tags: {},
        secondaryAddresses: 1,
        prefixes: 0,
      }),
    );
    const attach = world.ec2.attachNetworkInterface(id, "node-1", 1);
    attach.next();
    world.timeline.advance(world.timeline.now + 2000);
    attach.next();
    expect(world.ec2.interfaces("node-1")).toHaveLength(2);
    expect(seen(world)).toEqual(["1:"]);
    world.timeline.advance(world.timeline.now + 3999);
    expect(seen(world)).toEqual(["1:"]);
    world.timeline.advance(world.timeline.now + 1);
    expect(seen(world)).toEqual(["1:", "2: 10.0.1.6"]);
  });

  it("has nothing of a terminated instance, and begins anew with one of the same name", () => {
    const world = new World({ metadataDelay: 5000 });
    world.launch("node-1");
    world.timeline.advance(10_000);
    world.ec2.terminateInstance("node-1");
    expect(seen(world)).toEqual([]);
    world.timeline.advance(11_000);
    world.launch("node-1");
    expect(seen(world)).toEqual(["2:"]);
  });
});
