import { describe, expect, it } from "vitest";
import { pathText } from "../../../src/control/objects/finding.ts";
import type { NodeClass } from "../../../src/control/objects/nodeClass.ts";
import { readObjects } from "../../../src/control/objects/read.ts";

type Fields = Record<string, unknown>;

const REQUIRED = {
  role: "MyNodeRole",
  subnetSelectorTerms: [{ tags: { Name: "node-subnet" } }],
  securityGroupSelectorTerms: [{ name: "eks-cluster-sg" }],
};

function nodeClassDocument(spec: Fields): Fields {
  return {
    apiVersion: "eks.amazonaws.com/v1",
    kind: "NodeClass",
    metadata: { name: "private-compute" },
    spec: { ...REQUIRED, ...spec },
  };
}

function accepted(spec: Fields): NodeClass["spec"] {
  const { objects, problems } = readObjects(nodeClassDocument(spec));
  expect(problems).toEqual([]);
  const [{ object }] = objects;
  if (object.kind !== "NodeClass") throw new Error(object.kind);
  return object.spec;
}

/** Each problem as `path: message`, the path within spec. */
function refused(spec: Fields): string[] {
  const { objects, problems } = readObjects(nodeClassDocument(spec));
  expect(objects).toEqual([]);
  return problems.map((p) => `${pathText(p.path.slice(1))}: ${p.message}`);
}

const network = (advancedNetworking: Fields): Fields => ({ advancedNetworking });
const PRIMARY = { networkCardIndex: 0, deviceIndex: 0, interfaceType: "interface" };
const interfaces = (...networkInterfaces: Fields[]): Fields => network({ networkInterfaces });

describe("NodeClass", () => {
  it("has AWS's defaults", () => {
    expect(accepted({})).toEqual({
      ...REQUIRED,
      snatPolicy: "Random",
      networkPolicy: "DefaultAllow",
      networkPolicyEventLogs: "Disabled",
      ephemeralStorage: { size: "80Gi", iops: 3000, throughput: 125 },
      advancedNetworking: { ipv4PrefixSize: "Auto", noProxy: [] },
      advancedSecurity: { fips: false },
      capacityReservationSelectorTerms: [],
      certificateBundles: [],
      tags: {},
    });
  });

  it("takes every field", () => {
    const spec = {
      role: undefined,
      instanceProfile: "eks-node-instance-profile",
      subnetSelectorTerms: [{ id: "subnet-0123456789abcdef0" }, { tags: { "kubernetes.io/role/internal-elb": "*" } }],
      securityGroupSelectorTerms: [{ id: "sg-1" }, { name: "my security group" }, { tags: { Name: "eks" } }],
      podSubnetSelectorTerms: [{ tags: { "kubernetes.io/role/pod": "1" } }],
      podSecurityGroupSelectorTerms: [{ tags: { Name: "eks-pod-sg" } }],
      snatPolicy: "Disabled",
      networkPolicy: "DefaultDeny",
      networkPolicyEventLogs: "Enabled",
      ephemeralStorage: { size: "58Ti", iops: 16000, throughput: 1000, kmsKeyID: "alias/eks-auto-mode-key" },
      advancedNetworking: {
        ipv4PrefixSize: "32",
        associatePublicIPAddress: false,
        httpsProxy: "http://192.0.2.4:3128",
        noProxy: ["169.254.169.254", ".eks.amazonaws.com"],
        enableV4Egress: true,
        networkInterfaces: [
          { ...PRIMARY, secondaryIPv4PrefixCount: 1 },
          { networkCardIndex: 0, deviceIndex: 1, interfaceType: "interface", secondaryIPv4Count: 4 },
          { networkCardIndex: 1, deviceIndex: 0, interfaceType: "efa-only" },
        ],
      },
      advancedSecurity: { fips: true },
      capacityReservationSelectorTerms: [{ id: "cr-1" }, { tags: { Name: "odcr" }, owner: "012345678901" }],
      certificateBundles: [{ name: "corporate-ca", data: "LS0tLS1CRUdJTg==" }],
      placementGroupSelector: { name: "training-pg" },
      tags: { team: "platform" },
    };
    const { role, ...written } = spec;
    expect(role).toBeUndefined();
    expect(accepted(spec)).toEqual(written);
  });

  it("notes fields it does not know", () => {
    const { objects, notes } = readObjects(nodeClassDocument({ advancedSecurity: { kernelLockdown: "Integrity" } }));
    expect(objects).toHaveLength(1);
    expect(notes).toEqual([
      {
        path: ["spec", "advancedSecurity", "kernelLockdown"],
        message: "ignored: podplane does not act on NodeClass spec.advancedSecurity.kernelLockdown",
      },
    ]);
  });

  it.each(["80Gi", "1G", "64000G", "59000Gi", "1Ti", "64T"])("takes a volume of %s", (size) => {
    expect(accepted({ ephemeralStorage: { size } }).ephemeralStorage.size).toBe(size);
  });

  it.each([
    "1a2b3c4d-5e6f-1a2b-3c4d-5e6f1a2b3c4d",
    "mrk-0123456789abcdef0123456789abcdef",
    "arn:aws:kms:us-west-2:111122223333:key/1a2b3c4d-5e6f-1a2b-3c4d-5e6f1a2b3c4d",
    "arn:aws-us-gov:kms:us-gov-west-1:111122223333:alias/eks-auto-mode-key",
    "alias/eks-auto-mode-key",
  ])("takes the KMS key %s", (kmsKeyID) => {
    expect(accepted({ ephemeralStorage: { kmsKeyID } }).ephemeralStorage.kmsKeyID).toBe(kmsKeyID);
  });

  const SIZE = "expected a size in quotes of 1Gi to 59000Gi, 1G to 64000G, 1Ti to 58Ti or 1T to 64T";
  const KEY = "expected a KMS key: its ID, its ARN, alias/NAME or the alias's ARN";
  const IOPS = "expected IOPS from 3000 to 16000";
  const TOGETHER =
    "podSubnetSelectorTerms and podSecurityGroupSelectorTerms come together; add the other one, or remove this";

  it.each<[Fields, string[]]>([
    [{ role: undefined }, [": a NodeClass needs an IAM role or an instanceProfile; add one of them"]],
    [{ instanceProfile: "p" }, ["instanceProfile: a NodeClass has either role or instanceProfile; remove one of them"]],
    [{ subnetSelectorTerms: undefined }, ["subnetSelectorTerms: expected a list, got nothing; add it"]],
    [{ subnetSelectorTerms: [] }, ["subnetSelectorTerms: expected at least 1 item, got []"]],
    [{ securityGroupSelectorTerms: undefined }, ["securityGroupSelectorTerms: expected a list, got nothing; add it"]],
    [
      { subnetSelectorTerms: new Array(31).fill({ id: "a" }) },
      [
        'subnetSelectorTerms: expected at most 30 items, got [{"id":"a"},{"id":"a"},{"id":"a"},{"id":"a"},{"id":"a"},{"id...',
      ],
    ],
    [{ subnetSelectorTerms: [{}] }, ["subnetSelectorTerms[0]: a selector term needs tags or id; add one of them"]],
    [
      { securityGroupSelectorTerms: [{}] },
      ["securityGroupSelectorTerms[0]: a selector term needs tags or id or name; add one of them"],
    ],
    [
      { subnetSelectorTerms: [{ id: "a", tags: { b: "c" } }] },
      ["subnetSelectorTerms[0]: a selector term has one of tags, id, got tags and id; make them two terms"],
    ],
    [
      { securityGroupSelectorTerms: [{ id: "a", name: "b" }] },
      [
        "securityGroupSelectorTerms[0]: a selector term has one of tags, id, name, got id and name; make them two terms",
      ],
    ],
    [
      { subnetSelectorTerms: [{ tags: { Name: "" } }] },
      [
        'subnetSelectorTerms[0].tags: expected tags with keys and values that are not empty (* matches any value), got {"Name":""}',
      ],
    ],
    [{ subnetSelectorTerms: [{ tags: {} }] }, ["subnetSelectorTerms[0].tags: expected at least one tag, got {}"]],
    [
      { subnetSelectorTerms: [{ tags: { Name: 1 } }] },
      ['subnetSelectorTerms[0].tags.Name: expected a string, got 1; write it in quotes: "1"'],
    ],
    [{ podSubnetSelectorTerms: [{ id: "a" }] }, [`podSubnetSelectorTerms: ${TOGETHER}`]],
    [{ podSecurityGroupSelectorTerms: [{ id: "a" }] }, [`podSecurityGroupSelectorTerms: ${TOGETHER}`]],
    [
      { snatPolicy: "disabled" },
      ['snatPolicy: expected one of Random, Disabled, got "disabled"; did you mean Disabled?'],
    ],
    [
      { networkPolicy: "Deny" },
      ['networkPolicy: expected one of DefaultAllow, DefaultDeny, got "Deny"; write DefaultAllow or DefaultDeny'],
    ],
    [
      { networkPolicyEventLogs: true },
      ["networkPolicyEventLogs: expected one of Disabled, Enabled, got true; write Disabled or Enabled"],
    ],
    [{ ephemeralStorage: { size: "59001Gi" } }, [`ephemeralStorage.size: ${SIZE}, got "59001Gi"`]],
    [{ ephemeralStorage: { size: "0G" } }, [`ephemeralStorage.size: ${SIZE}, got "0G"`]],
    [{ ephemeralStorage: { size: "59Ti" } }, [`ephemeralStorage.size: ${SIZE}, got "59Ti"`]],
    [{ ephemeralStorage: { size: 80 } }, [`ephemeralStorage.size: ${SIZE}, got 80`]],
    [{ ephemeralStorage: { iops: 2999 } }, [`ephemeralStorage.iops: ${IOPS}, got 2999`]],
    [{ ephemeralStorage: { iops: 16001 } }, [`ephemeralStorage.iops: ${IOPS}, got 16001`]],
    [
      { ephemeralStorage: { throughput: 124 } },
      ["ephemeralStorage.throughput: expected a throughput (MiB/s) from 125 to 1000, got 124"],
    ],
    [{ ephemeralStorage: { kmsKeyID: "key" } }, [`ephemeralStorage.kmsKeyID: ${KEY}, got "key"`]],
    [
      { ephemeralStorage: { kmsKeyID: "key/1a2b3c4d-5e6f-1a2b-3c4d-5e6f1a2b3c4d" } },
      [`ephemeralStorage.kmsKeyID: ${KEY}, got "key/1a2b3c4d-5e6f-1a2b-3c4d-5e6f1a2b3c4d"`],
    ],
    [network({ ipv4PrefixSize: 32 }), ['advancedNetworking.ipv4PrefixSize: expected Auto or "32", in quotes, got 32']],
    [
      network({ httpsProxy: "192.0.2.4:3128" }),
      ['advancedNetworking.httpsProxy: expected a URL such as http://192.0.2.4:3128, got "192.0.2.4:3128"'],
    ],
    [
      network({ noProxy: new Array(51).fill("a") }),
      [
        'advancedNetworking.noProxy: expected at most 50 items, got ["a","a","a","a","a","a","a","a","a","a","a","a","a","a","a"...',
      ],
    ],
    [
      network({ associatePublicIPAddress: "yes" }),
      ['advancedNetworking.associatePublicIPAddress: expected true or false, got "yes"'],
    ],
    [
      network({
        associatePublicIPAddress: true,
        networkInterfaces: [PRIMARY, { ...PRIMARY, deviceIndex: 1 }],
      }),
      [
        "advancedNetworking.associatePublicIPAddress: a node with several networkInterfaces gets no public address; write false, or leave one interface",
      ],
    ],
    [
      interfaces({ ...PRIMARY, deviceIndex: 1 }),
      [
        "advancedNetworking.networkInterfaces: networkInterfaces need the primary ENI; add one with networkCardIndex: 0, deviceIndex: 0",
      ],
    ],
    [
      interfaces({ ...PRIMARY, interfaceType: "efa-only" }),
      [
        'advancedNetworking.networkInterfaces[0].interfaceType: expected interface for the primary ENI (networkCardIndex 0, deviceIndex 0), got "efa-only"',
      ],
    ],
    [
      interfaces(PRIMARY, PRIMARY),
      [
        "advancedNetworking.networkInterfaces[1]: networkInterfaces[0] has the same networkCardIndex and deviceIndex; change one of them",
      ],
    ],
    [
      interfaces({ ...PRIMARY, secondaryIPv4Count: 1, secondaryIPv4PrefixCount: 1 }),
      [
        "advancedNetworking.networkInterfaces[0].secondaryIPv4PrefixCount: an interface has either secondaryIPv4Count or secondaryIPv4PrefixCount; remove one of them",
      ],
    ],
    [
      interfaces(PRIMARY, { ...PRIMARY, networkCardIndex: 1, secondaryIPv4Count: 1 }),
      [
        "advancedNetworking.networkInterfaces[1].secondaryIPv4Count: secondaryIPv4Count is for interfaces of networkCardIndex 0; remove it, or move it to one of those",
      ],
    ],
    [
      interfaces(PRIMARY, {
        networkCardIndex: 0,
        deviceIndex: 1,
        interfaceType: "efa-only",
        secondaryIPv4PrefixCount: 1,
      }),
      [
        "advancedNetworking.networkInterfaces[1].secondaryIPv4PrefixCount: an efa-only interface has no addresses; remove secondaryIPv4PrefixCount",
      ],
    ],
    [
      interfaces({ ...PRIMARY, interfaceType: "efa" }),
      [
        'advancedNetworking.networkInterfaces[0].interfaceType: expected one of interface, efa-only, got "efa"; write interface or efa-only',
      ],
    ],
    [
      { capacityReservationSelectorTerms: [{ owner: "012345678901" }] },
      ["capacityReservationSelectorTerms[0]: a selector term needs tags or id; add one of them"],
    ],
    [
      { certificateBundles: [{ name: "ca", data: "-----BEGIN" }] },
      ['certificateBundles[0].data: expected certificates in PEM, encoded as base64, got "-----BEGIN"'],
    ],
    [
      { placementGroupSelector: {} },
      ["placementGroupSelector: a placement group is selected by either name or id; write one of them"],
    ],
    [
      { tags: { "kubernetes.io/cluster/mine": "owned" } },
      ['tags["kubernetes.io/cluster/mine"]: EKS sets tag kubernetes.io/cluster/ itself; remove it'],
    ],
    [
      { tags: { "eks:eks-cluster-name": "mine" } },
      ['tags["eks:eks-cluster-name"]: EKS sets tag eks:eks-cluster-name itself; remove it'],
    ],
  ])("refuses %j", (spec, expected) => {
    expect(refused(spec)).toEqual(expected);
  });
});
