import { describe, expect, it } from "vitest";
import { pathText } from "../../../src/control/objects/finding.ts";
import { ec2Settings } from "../../../src/control/objects/labEc2.ts";
import { readObjects } from "../../../src/control/objects/read.ts";
import { checkLab } from "../../../src/control/vpc/checkLab.ts";
import { DEFAULT_EC2_SETTINGS } from "../../../src/control/vpc/ec2/types.ts";
import { placeMachines } from "../../../src/control/vpc/machines.ts";
import { vpcModel } from "../../../src/control/vpc/model.ts";
import { formatAddress } from "../../../src/plane/wire/address.ts";
import { labDocument, readLab, vpc } from "./objects.ts";

const problemsOf = (ec2: object) =>
  readObjects(labDocument({ ec2 })).problems.map((p) => `${pathText(p.path)}: ${p.message}`);

describe("how a lab's EC2 answers", () => {
  it("is AWS's way unless the lab says otherwise", () => {
    expect(ec2Settings(readLab())).toEqual(DEFAULT_EC2_SETTINGS);
    expect(ec2Settings(readLab({ ec2: {} }))).toEqual(DEFAULT_EC2_SETTINGS);
  });

  it("is set field by field", () => {
    const ec2 = {
      latency: { AssignPrivateIpAddresses: 0 },
      jitter: 0.5,
      attachDelay: 10,
      metadataDelay: 60_000,
      throttle: { bucket: 2 },
      addressSelection: "random",
    };
    expect(ec2Settings(readLab({ ec2 }))).toEqual({
      latency: { ...DEFAULT_EC2_SETTINGS.latency, AssignPrivateIpAddresses: 0 },
      jitter: 0.5,
      attachDelay: 10,
      metadataDelay: 60_000,
      throttle: { bucket: 2, refillPerSecond: 20 },
      addressSelection: "random",
    });
    expect(ec2Settings(readLab({ ec2: { throttle: null } })).throttle).toBeNull();
  });

  it("knows no other fields and no impossible values", () => {
    expect(problemsOf({ latency: { RunInstances: 5 } })).toHaveLength(1);
    expect(problemsOf({ delay: 5 })).toHaveLength(1);
    expect(problemsOf({ jitter: 2 })).toHaveLength(1);
    expect(problemsOf({ addressSelection: "highest" })).toHaveLength(1);
    expect(problemsOf({ throttle: { bucket: 0 } })).toHaveLength(1);
    expect(problemsOf({ attachDelay: -1 })[0]).toContain("expected whole milliseconds from 0 to 3600000");
  });
});

const withReservations = (...reservations: [string, string][]) => ({
  vpc: vpc({
    subnets: [
      {
        name: "nodes-a",
        availabilityZone: "us-east-1a",
        cidrBlock: "10.0.1.0/24",
        reservations: reservations.map(([cidrBlock, type]) => ({ cidrBlock, type })),
      },
      { name: "nodes-b", availabilityZone: "us-east-1b", cidrBlock: "10.0.2.0/24" },
    ],
  }),
});
const found = (spec: object, kind: "problems" | "notes") =>
  checkLab(readLab({ ...spec }))[kind].map((f) => `${pathText(f.path)}: ${f.message}`);
const AT = "spec.vpc.subnets[0].reservations";

describe("subnet CIDR reservations", () => {
  it("inside the subnet and apart from each other are fine", () => {
    const lab = withReservations(["10.0.1.128/26", "prefix"], ["10.0.1.16/30", "explicit"]);
    expect(found(lab, "problems")).toEqual([]);
    expect(found(lab, "notes")).toEqual([]);
  });

  it("elsewhere or overlapping are not", () => {
    expect(found(withReservations(["10.0.2.0/26", "prefix"]), "problems")).toEqual([
      `${AT}[0].cidrBlock: expected a range inside subnet nodes-a 10.0.1.0/24, got 10.0.2.0/26; change it`,
    ]);
    expect(found(withReservations(["10.0.0.0/16", "prefix"]), "problems")).toHaveLength(1);
    expect(found(withReservations(["10.0.1.0/26", "prefix"], ["10.0.1.32/28", "explicit"]), "problems")).toEqual([
      `${AT}[1].cidrBlock: expected a range apart from 10.0.1.0/26, got 10.0.1.32/28; reservations cannot overlap`,
    ]);
  });

  it("are made canonical, and told where they are of no use", () => {
    expect(found(withReservations(["10.0.1.70/26", "explicit"]), "notes")).toEqual([
      `${AT}[0].cidrBlock: 10.0.1.70/26 has host bits set: EC2 makes it 10.0.1.64/26`,
    ]);
    expect(found(withReservations(["10.0.1.64/29", "prefix"]), "notes")).toEqual([
      `${AT}[0].cidrBlock: 10.0.1.64/29 holds no /28: no prefix will come from it`,
    ]);
  });

  it("keep nodes' own addresses out", () => {
    const lab = readLab({ ...withReservations(["10.0.1.0/25", "explicit"]) });
    const { primaries } = placeMachines(lab, vpcModel(lab));
    expect([...primaries].map(([name, address]) => `${name} ${formatAddress(address)}`)).toEqual([
      "node-1 10.0.1.128",
      "node-2 10.0.2.4",
    ]);
  });
});

describe("the blocks of a lab's VPC", () => {
  it("are checked as EC2 associates them, in order", () => {
    expect(found({ vpc: vpc({ cidrBlocks: ["10.0.0.0/16", "100.64.0.0/16"] }) }, "problems")).toEqual([]);
    expect(found({ vpc: vpc({ cidrBlocks: ["10.0.0.0/16", "192.168.0.0/16"] }) }, "problems")).toEqual([
      "spec.vpc.cidrBlocks[1]: expected a block of 10.0.0.0/8 or outside RFC 1918, got 192.168.0.0/16, which is restricted beside 10.0.0.0/16 (InvalidVpc.Range); choose another one",
    ]);
    // What EC2 makes of host bits is what is checked.
    expect(found({ vpc: vpc({ cidrBlocks: ["10.0.0.0/16", "10.0.7.0/12"] }) }, "problems")[0]).toContain(
      "expected a block apart from 10.0.0.0/16, got 10.0.0.0/12",
    );
  });
});
