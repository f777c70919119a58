import { describe, expect, it } from "vitest";
import { Ec2Error } from "../../../../src/control/vpc/ec2/ec2Error.ts";
import { slot } from "./stores.ts";
import { MINUTE, type Node, SECOND, World } from "./world.ts";

const none = { warmEniTarget: 0 };
const HOUR = 60 * MINUTE;

/** A node at rest, its last reconciliation just over. */
function atRest(world: World, node: Node): void {
  world.run(5 * MINUTE);
  expect(node.ipamd.violations()).toEqual([]);
}

describe("nodeIPPoolReconcile", () => {
  it("TestNodeIPPoolReconcile: an address lost, an ENI attached, an ENI lost", () => {
    const world = new World();
    const node = world.node("m5.large", none);
    atRest(world, node);
    const [eni] = world.ec2.interfaces(node.name);
    expect(node.add("a")).toBe("10.0.0.5");
    expect(node.add("b")).toBe("10.0.0.6");

    world.ec2.forceUnassign(eni.id, eni.slots[0]);
    node.ipamd.poke();
    world.run(70 * SECOND);
    expect(node.ipamd.stats()).toMatchObject({ total: 8, assigned: 1 });
    expect(node.ipamd.counters.forceRemovedIps).toBe(1);
    // The pod's address has gone without its knowing; it is told nothing, and its DEL finds nothing.
    node.del("a");
    expect(node.events.at(-1)?.event).toMatchObject({ kind: "del", address: null });

    world.attach(node.name, 1, { secondaryAddresses: 3 });
    node.ipamd.poke();
    world.run(70 * SECOND);
    expect(node.slots()).toEqual([8, 3]);
    expect(node.ipamd.counters.reconciles.get("eniReconcileAdd")).toBe(1);
    expect(node.add("c", 1)).toMatch(/^10/);

    world.ec2.forceDetach(world.ec2.interfaces(node.name)[1].id);
    node.ipamd.poke();
    world.run(70 * SECOND);
    expect(node.slots()).toEqual([8]);
    expect(node.ipamd.counters).toMatchObject({ forceRemovedEnis: 1, forceRemovedIps: 2 });
    expect(node.ipamd.stats().assigned).toBe(1);
    atRest(world, node);
  });

  it("TestNodePrefixPoolReconcile: a prefix lost, one given", () => {
    const world = new World();
    const node = world.node("m5.large", { prefixDelegation: true });
    atRest(world, node);
    const [eni] = world.ec2.interfaces(node.name);
    expect(node.add("a")).toBe("10.0.0.16");
    atRest(world, node);
    world.ec2.forceUnassign(eni.id, eni.slots[0]);
    node.ipamd.poke();
    world.run(70 * SECOND);
    expect(node.ipamd.stats()).toMatchObject({ assigned: 0, total: 16, prefixes: 1 });
    world.ec2.forceAssign(eni.id, { prefixes: 1 });
    node.ipamd.poke();
    world.run(65 * SECOND);
    expect(node.ipamd.counters.reconciles.get("eniDataStorePoolReconcileAdd")).toBe(1);
  });

  it("comes a minute after the pool's last change, not before", () => {
    const world = new World();
    const node = world.node("m5.large", { warmIpTarget: 1 });
    atRest(world, node);
    node.add("a");
    world.run(6 * SECOND);
    const changed = world.timeline.now;
    const [eni] = world.ec2.interfaces(node.name);
    world.ec2.forceUnassign(eni.id, eni.slots[1]);
    node.ipamd.poke();
    world.run(58 * SECOND);
    expect(node.ipamd.stats().total).toBe(2);
    world.run(10 * SECOND);
    expect(world.timeline.now - changed).toBeLessThan(70 * SECOND);
    expect(node.logs().some((log) => log.startsWith("Reconcile and delete"))).toBe(true);
  });

  it("TestNodeIPPoolReconcileBadIMDSData: does not believe metadata that EC2 does not confirm", () => {
    const world = new World();
    const node = world.node("m5.large", none);
    atRest(world, node);
    const { metadata, describeNetworkInterfaces } = world.ec2;
    world.ec2.metadata = (name) => metadata.call(world.ec2, name).map((eni) => ({ ...eni, slots: [] }));
    const describes = world.calls("DescribeNetworkInterfaces");
    world.ec2.describeNetworkInterfaces = function* () {
      yield { signal: null, milliseconds: 10 };
      throw new Ec2Error("RequestLimitExceeded", "ec2 API call failed");
    };
    node.ipamd.poke();
    world.run(70 * SECOND);
    expect(node.logs().at(-1)).toContain("aborting reconcile of the ENI: ec2 API call failed");
    expect(node.slots()).toEqual([9]);
    world.ec2.describeNetworkInterfaces = describeNetworkInterfaces;
    world.run(70 * SECOND);
    expect(world.calls("DescribeNetworkInterfaces")).toBe(describes + 1);
    expect(node.slots()).toEqual([9]);
    world.ec2.metadata = () => [];
    world.run(70 * SECOND);
    expect(node.ipamd.counters.errors.get("reconcileFailedGetENIs")).toBeGreaterThan(0);
    expect(node.slots()).toEqual([9]);
  });

  it("does not take back what it has just freed from metadata that lags", () => {
    const world = new World({ ec2: { metadataDelay: 40 * SECOND } });
    const node = world.node("m5.large", { warmIpTarget: 1 });
    atRest(world, node);
    for (const pod of ["a", "b", "c", "d"]) node.add(pod);
    atRest(world, node);
    for (const pod of ["a", "b", "c", "d"]) node.del(pod);
    world.run(20 * MINUTE);
    expect(node.ipamd.counters.reconciles.get("eniDataStorePoolReconcileAdd")).toBeUndefined();
    expect(node.ipamd.stats()).toMatchObject({ total: 1, assigned: 0 });
    expect(node.ipamd.violations()).toEqual([]);
  });

  it("takes back what EC2 refused to take", () => {
    const world = new World();
    const node = world.node("m5.large", { warmIpTarget: 1 });
    atRest(world, node);
    node.add("a");
    world.run(10 * SECOND);
    const { unassignPrivateIpAddresses } = world.ec2;
    world.ec2.unassignPrivateIpAddresses = function* () {
      yield { signal: null, milliseconds: 10 };
      throw new Ec2Error("RequestLimitExceeded", "Request limit exceeded.");
    };
    node.del("a");
    world.run(30 * SECOND);
    expect(node.ipamd.stats().total).toBe(1);
    expect(world.ec2.interfaces(node.name)[0].slots).toHaveLength(2);
    world.ec2.unassignPrivateIpAddresses = unassignPrivateIpAddresses;
    world.run(10 * MINUTE);
    expect(node.ipamd.counters.reconciles.get("eniDataStorePoolReconcileAdd")).toBe(1);
    expect(world.ec2.interfaces(node.name)[0].slots).toHaveLength(1);
    expect(node.ipamd.violations()).toEqual([]);
  });
});

describe("slots that were freed (ReconcileCooldownCache)", () => {
  it("stay out for a minute, even where a node without its trunk ENI reconciles every 5 s", () => {
    const world = new World();
    const node = world.node("m5.large", { warmIpTarget: 1, podEni: true });
    world.run(MINUTE);
    node.add("a");
    world.run(MINUTE);
    world.ec2.unassignPrivateIpAddresses = function* () {
      yield { signal: null, milliseconds: 10 };
      throw new Ec2Error("RequestLimitExceeded", "Request limit exceeded.");
    };
    node.del("a");
    world.run(55 * SECOND);
    expect(world.ec2.interfaces(node.name)[0].slots).toHaveLength(2);
    expect(node.ipamd.stats().total).toBe(1);
    world.run(15 * SECOND);
    expect(node.ipamd.counters.reconciles.get("eniDataStorePoolReconcileAdd")).toBe(1);
  });

  it("are asked of EC2 when they come again, whatever store and metadata say", () => {
    const world = new World();
    const node = world.node("m5.large", { warmIpTarget: 1 });
    atRest(world, node);
    node.add("a");
    atRest(world, node);
    node.del("a");
    atRest(world, node);
    node.add("b");
    world.run(6 * SECOND);
    expect(node.shape()).toEqual(["eth0: 10.0.0.6, 10.0.0.5"]);
    const shown = world.ec2.metadata(node.name);
    world.ec2.metadata = () => shown;
    world.ec2.forceUnassign(shown[0].id, slot("10.0.0.5"));
    world.run(75 * SECOND);
    expect(node.logs()).toContain("Reconcile and delete 10.0.0.5 on ENI eni-00000001");
  });
});

describe("ENIs that leak", () => {
  it("AllocENI: one that cannot be attached is deleted at once", () => {
    const world = new World();
    const node = world.node("m5.large");
    world.run(5 * SECOND);
    const { attachNetworkInterface } = world.ec2;
    world.ec2.attachNetworkInterface = function* () {
      yield { signal: null, milliseconds: 10 };
      throw new Ec2Error("AttachmentLimitExceeded", "Interface count 4 exceeds the limit for m5.large");
    };
    node.add("a");
    world.run(8 * SECOND);
    expect(world.calls("CreateNetworkInterface")).toBe(1);
    expect(world.calls("DeleteNetworkInterface")).toBe(1);
    expect([...world.ec2.allInterfaces()]).toHaveLength(1);
    expect(node.logs().join()).toContain("Interface count 4 exceeds the limit for m5.large");
    world.ec2.attachNetworkInterface = attachNetworkInterface;
    world.run(MINUTE);
    expect(node.slots()).toEqual([9, 9]);
  });

  it("cleanUpLeakedENIs: one that cannot be deleted either goes within the hour", () => {
    const world = new World();
    const node = world.node("m5.large", none);
    world.run(10 * MINUTE);
    const { deleteNetworkInterface } = world.ec2;
    const { attachNetworkInterface } = world.ec2;
    world.ec2.attachNetworkInterface = function* () {
      yield { signal: null, milliseconds: 10 };
      throw new Ec2Error("InvalidParameterValue", "no");
    };
    const refused = new Map<string, number>();
    world.ec2.deleteNetworkInterface = function* (eni) {
      refused.set(eni, (refused.get(eni) ?? 0) + 1);
      yield { signal: null, milliseconds: 10 };
      throw new Ec2Error("RequestLimitExceeded", "Request limit exceeded.");
    };
    node.add("a", 1);
    world.run(10 * MINUTE);
    // Twelve attempts to undo a creation, up to a minute apart; then the next.
    expect([...refused][0]).toEqual(["eni-00000002", 12]);
    expect(world.calls("CreateNetworkInterface")).toBe(2);
    node.del("a");
    world.run(10 * MINUTE);
    world.ec2.deleteNetworkInterface = deleteNetworkInterface;
    world.ec2.attachNetworkInterface = attachNetworkInterface;
    expect([...world.ec2.allInterfaces()]).toHaveLength(3);
    world.run(HOUR);
    expect([...world.ec2.allInterfaces()]).toHaveLength(1);
    expect(world.timeline.next()).toBeNull();
  });

  it("an ENI that an operator detached goes within the hour, if the daemon made it", () => {
    const world = new World();
    const node = world.node("m5.large", { warmIpTarget: 10 });
    world.run(5 * MINUTE);
    expect(node.slots()).toEqual([9, 1]);
    const [, own] = node.ipamd.enis();
    const other = world.attach(node.name, 2);
    for (const id of [other, own.id]) world.ec2.forceDetach(id);
    node.ipamd.poke();
    world.run(2 * MINUTE);
    expect([...world.ec2.allInterfaces()].filter(({ instance }) => instance === null)).toHaveLength(2);
    world.run(HOUR + 10 * MINUTE);
    expect([...world.ec2.allInterfaces()].filter(({ instance }) => instance === null).map(({ id }) => id)).toEqual([
      other,
    ]);
  });

  it("a daemon that ends between making and attaching leaves one, which the next run deletes", () => {
    const world = new World();
    const node = world.node("m5.large");
    world.run(5 * SECOND);
    node.add("a");
    world.run(4900);
    expect(world.calls("AttachNetworkInterface")).toBe(1);
    node.ipamd.stop(true);
    expect([...world.ec2.allInterfaces()]).toHaveLength(2);
    node.ipamd.start();
    // The first clean-up has come; this one is not five minutes old yet, as it would be if it were being attached.
    world.run(285 * SECOND);
    expect([...world.ec2.allInterfaces()]).toHaveLength(3);
    world.run(2 * HOUR);
    expect([...world.ec2.allInterfaces()]).toHaveLength(2);
  });

  it("FreeENI: one that cannot be detached comes back at the next reconciliation", () => {
    const world = new World();
    const node = world.node("m5.large");
    world.run(5 * SECOND);
    node.add("a");
    world.run(2 * MINUTE);
    const { detachNetworkInterface } = world.ec2;
    world.ec2.detachNetworkInterface = function* () {
      yield { signal: null, milliseconds: 10 };
      throw new Ec2Error("OperationNotPermitted", "no");
    };
    node.del("a");
    world.run(40 * SECOND);
    expect(node.slots()).toEqual([9]);
    world.run(10 * MINUTE);
    expect(node.ipamd.counters.errors.get("decreaseIPPoolFreeENIFailed")).toBeGreaterThan(0);
    world.ec2.detachNetworkInterface = detachNetworkInterface;
    world.run(15 * MINUTE);
    expect([...world.ec2.allInterfaces()]).toHaveLength(1);
    expect(node.ipamd.violations()).toEqual([]);
  });
});
