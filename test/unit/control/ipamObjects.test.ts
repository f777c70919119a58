import { describe, expect, it } from "vitest";
import { checkIpamObjects } from "../../../src/control/ipam/checkObjects.ts";
import { eniConfigFor, resolveEniConfigName } from "../../../src/control/ipam/standard/eniConfig.ts";
import { ipamdSettings } from "../../../src/control/ipam/standard/settingsOf.ts";
import { findObject } from "../../../src/control/objectNames.ts";
import { pathText } from "../../../src/control/objects/finding.ts";
import { objectKey } from "../../../src/control/objects/kinds.ts";
import { readObjects } from "../../../src/control/objects/read.ts";
import { cni, deploymentDocument, podDocument, read, readLab, vpc } from "./documents.ts";

type Fields = Record<string, unknown>;

const CUSTOM = { AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG: "true" };

/** Nodes in two zones, a subnet of pods in each, two security groups; `id`s on some. */
const lab = (env: Fields = {}, spec: Fields = {}) =>
  readLab({
    vpc: vpc({
      subnets: [
        { name: "nodes-a", availabilityZone: "us-east-1a", cidrBlock: "10.0.1.0/24" },
        { name: "nodes-b", availabilityZone: "us-east-1b", cidrBlock: "10.0.2.0/24" },
        { name: "pods-a", id: "subnet-0a", availabilityZone: "us-east-1a", cidrBlock: "10.0.16.0/20" },
        { name: "pods-b", id: "subnet-0b", availabilityZone: "us-east-1b", cidrBlock: "10.0.32.0/20" },
      ],
      securityGroups: [{ name: "web", id: "sg-1" }, { name: "db" }],
    }),
    ...cni(env),
    ...spec,
  });

const eniConfig = (name: string, subnet: string, securityGroups?: string[]) => ({
  apiVersion: "crd.k8s.amazonaws.com/v1alpha1",
  kind: "ENIConfig",
  metadata: { name },
  spec: { subnet, securityGroups },
});
const policy = (name: string, spec: Fields, groupIds: string[] = ["web"]) => ({
  apiVersion: "vpcresources.k8s.aws/v1beta1",
  kind: "SecurityGroupPolicy",
  metadata: { name, namespace: "shop" },
  spec: { ...spec, securityGroups: { groupIds } },
});
const account = (name: string, labels: Fields = {}) => ({
  apiVersion: "v1",
  kind: "ServiceAccount",
  metadata: { name, namespace: "shop", labels },
});
const nodeClass = (name: string) => ({
  apiVersion: "eks.amazonaws.com/v1",
  kind: "NodeClass",
  metadata: { name },
  spec: { role: "r", subnetSelectorTerms: [{ id: "subnet-0a" }], securityGroupSelectorTerms: [{ name: "web" }] },
});

const problems = (result: readonly { path: readonly (string | number)[]; message: string }[]) =>
  result.map((p) => `${pathText(p.path)}: ${p.message}`);
const checked = (env: Fields, ...documents: unknown[]) => problems(checkIpamObjects(lab(env), read(...documents)));

describe("kinds", () => {
  const objects = read(
    eniConfig("us-east-1a", "pods-a"),
    policy("web", { podSelector: {} }),
    account("web"),
    nodeClass("fast.pods"),
  );
  const keys = objects.map(objectKey);

  it("have keys of their own", () => {
    expect(keys).toEqual([
      "eniconfig/us-east-1a",
      "securitygrouppolicy/shop/web",
      "serviceaccount/shop/web",
      "nodeclass/fast.pods",
    ]);
  });

  it.each([
    ["ENIConfig/us-east-1a", 0],
    ["eniconfigs/us-east-1a", 0],
    ["sgp/shop/web", 1],
    ["securitygrouppolicies/shop/web", 1],
    ["sa/shop/web", 2],
    ["nodeclasses/fast.pods", 3],
    ["nodeclass/fast.pods", 3],
  ])("are found as %s", (text, at) => {
    expect(findObject(text, keys)).toBe(keys[at]);
  });

  it("fill in defaults", () => {
    expect(objects[0].kind === "ENIConfig" && objects[0].spec).toEqual({ subnet: "pods-a", securityGroups: [] });
    expect(objects[1].kind === "SecurityGroupPolicy" && objects[1].spec.podSelector).toEqual({
      matchLabels: {},
      matchExpressions: [],
    });
    const [pod, named] = read(podDocument("a"), podDocument("b", { serviceAccountName: "web" }));
    expect(pod.kind === "Pod" && pod.spec.serviceAccountName).toBe("default");
    expect(named.kind === "Pod" && named.spec.serviceAccountName).toBe("web");
    expect(readLab().spec.nodes[0]).toMatchObject({ annotations: {} });
    expect(readLab().spec.nodes[0]).not.toHaveProperty("maxPods");
  });

  it.each<[Fields, string[], string[]]>([
    [policy("p", { podSelector: {} }, []), ["spec.securityGroups.groupIds: expected at least 1 item, got []"], []],
    [
      policy("p", { podSelector: {} }, ["a", "b", "c", "d", "e", "f"]),
      ['spec.securityGroups.groupIds: expected at most 5 items, got ["a","b","c","d","e","f"]'],
      [],
    ],
    [
      policy("p", {}),
      [],
      ["spec: ignored: a SecurityGroupPolicy without podSelector and serviceAccountSelector matches no pod"],
    ],
    [
      { ...account("a"), automountServiceAccountToken: false },
      [],
      ["automountServiceAccountToken: ignored: podplane does not act on ServiceAccount automountServiceAccountToken"],
    ],
    [{ ...eniConfig("a", "b"), spec: {} }, ["spec.subnet: expected a text that is not empty, got nothing; add it"], []],
    [
      { ...eniConfig("a", "b"), kind: "ENIConfigg" },
      ['kind: expected a kind of crd.k8s.amazonaws.com/v1alpha1, got "ENIConfigg"; did you mean ENIConfig?'],
      [],
    ],
  ])("refuse and note %j", (document, expectedProblems, expectedNotes) => {
    const result = readObjects(document);
    expect(problems(result.problems)).toEqual(expectedProblems);
    expect(problems(result.notes)).toEqual(expectedNotes);
  });
});

describe("the ENIConfig of a node", () => {
  const EXTERNAL = "vpc.amazonaws.com/externalEniConfig";
  const KEY = "k8s.amazonaws.com/eniConfig";
  const ZONE = "topology.kubernetes.io/zone";

  it.each<[string, Fields, Fields, Fields, string]>([
    ["nothing", {}, {}, {}, "default"],
    ["the label", { [KEY]: "l" }, {}, {}, "l"],
    ["the annotation before the label", { [KEY]: "l" }, { [KEY]: "a" }, {}, "a"],
    ["the external label before both", { [KEY]: "l", [EXTERNAL]: "e" }, { [KEY]: "a" }, {}, "e"],
    ["an empty annotation, which counts", { [KEY]: "l" }, { [KEY]: "" }, {}, ""],
    [
      "the label of another key",
      { [ZONE]: "us-east-1a", [KEY]: "l" },
      {},
      { ENI_CONFIG_LABEL_DEF: ZONE },
      "us-east-1a",
    ],
    ["no label of that key", { [KEY]: "l" }, {}, { ENI_CONFIG_LABEL_DEF: ZONE }, "default"],
    ["the annotation of another key", { k: "l" }, { k: "a", [KEY]: "b" }, { ENI_CONFIG_ANNOTATION_DEF: "k" }, "a"],
    ["an empty key, which is the default's", { [KEY]: "l" }, {}, { ENI_CONFIG_LABEL_DEF: "" }, "l"],
  ])("comes of %s", (_, labels, annotations, env, expected) => {
    const node = { labels: labels as Record<string, string>, annotations: annotations as Record<string, string> };
    expect(resolveEniConfigName(node, env as Record<string, string>)).toBe(expected);
  });

  it("is the object of that name, with names for ids", () => {
    const configs = read(eniConfig("default", "subnet-0a", ["sg-1", "db", "web"]), eniConfig("bad", "nowhere")).filter(
      (o) => o.kind === "ENIConfig",
    );
    const node = { labels: {}, annotations: {} };
    const { spec } = lab();
    const named = (name: string) => ({ labels: { [KEY]: name }, annotations: {} });
    expect(eniConfigFor(node, {}, configs, spec.vpc)).toBe("off");
    expect(eniConfigFor(node, CUSTOM, configs, spec.vpc)).toEqual({
      name: "default",
      subnet: "pods-a",
      securityGroups: ["web", "db"],
    });
    expect(eniConfigFor(named("bad"), CUSTOM, configs, spec.vpc)).toBe("missing");
    expect(eniConfigFor(named("none"), CUSTOM, configs, spec.vpc)).toBe("missing");
  });
});

describe("ipamd's settings", () => {
  const around = { customNetworking: "off", nitro: true, assignOrder: "lowest" } as const;

  it("are the environment's", () => {
    const env = { WARM_IP_TARGET: "2", WARM_ENI_TARGET: "-1", IP_COOLDOWN_PERIOD: "5", ENABLE_POD_ENI: "t" };
    expect(
      ipamdSettings({ ...env, ENABLE_PREFIX_DELEGATION: "1" }, { ...around, customNetworking: "missing" }),
    ).toEqual({
      settings: {
        warmEniTarget: 1,
        warmIpTarget: 2,
        minimumIpTarget: 0,
        warmPrefixTarget: 1,
        maxEni: null,
        prefixDelegation: true,
        cooldown: 5000,
        subnetDiscovery: true,
        customNetworking: "missing",
        podEni: true,
        assignOrder: "lowest",
      },
      notes: [],
    });
  });

  it("have no prefixes on a type that takes none, and say so", () => {
    const { settings, notes } = ipamdSettings({ ENABLE_PREFIX_DELEGATION: "true" }, { ...around, nitro: false });
    expect(settings.prefixDelegation).toBe(false);
    expect(notes).toEqual([
      "ENABLE_PREFIX_DELEGATION has no effect on an instance type that is no Nitro type: pods get secondary addresses",
    ]);
    expect(ipamdSettings({}, { ...around, nitro: false }).notes).toEqual([]);
  });
});

describe("checks between objects", () => {
  it("find subnets and security groups by name or id", () => {
    expect(
      checked(
        {},
        eniConfig("a", "pods-a", ["sg-1"]),
        eniConfig("b", "subnet-0b", ["web", "db"]),
        policy("p", { podSelector: {} }, ["sg-1", "db"]),
      ),
    ).toEqual([]);
    expect(checked({}, eniConfig("a", "pod-a", ["sg-2"]), policy("p", { podSelector: {} }, ["db", "webb"]))).toEqual([
      'spec.subnet: expected a subnet of the VPC by name or id, got "pod-a"; did you mean pods-a?',
      'spec.securityGroups[0]: expected a security group of the VPC by name or id, got "sg-2"; did you mean sg-1?',
      'spec.securityGroups.groupIds[1]: expected a security group of the VPC by name or id, got "webb"; did you mean web?',
    ]);
  });

  it("want the service accounts of pods where a policy selects by them", () => {
    const inShop = (spec: Fields) => podDocument("a", spec, { namespace: "shop" });
    const selecting = policy("p", { serviceAccountSelector: {} });
    const unknown =
      'spec.serviceAccountName: expected a ServiceAccount of namespace shop, got "webb"; did you mean web?';
    expect(checked({}, selecting, account("web"), inShop({ serviceAccountName: "webb" }))).toEqual([unknown]);
    expect(checked({}, selecting, account("web"), inShop({ serviceAccountName: "web" }))).toEqual([]);
    expect(checked({}, selecting, inShop({}))).toEqual([]);
    expect(checked({}, policy("p", { podSelector: {} }), inShop({ serviceAccountName: "webb" }))).toEqual([]);
    expect(checked({}, selecting, podDocument("a", { serviceAccountName: "webb" }))).toEqual([]);
    const deployment = { ...deploymentDocument("d", 2, { serviceAccountName: "webb" }) };
    expect(
      checked({}, selecting, account("web"), { ...deployment, metadata: { name: "d", namespace: "shop" } }),
    ).toEqual([`spec.template.${unknown}`]);
  });

  it("leave NodeClasses to EKS Auto Mode", () => {
    const nodes = [{ name: "n", instanceType: "m5.large", subnet: "nodes-a", nodeClass: "fast" }];
    const find = (mode: string) =>
      problems(checkIpamObjects(lab({}, { nodes, cluster: { mode } }), read(nodeClass("other"))));
    expect(find("standard")).toEqual([
      'spec.nodes[0].nodeClass: expected no nodeClass in a cluster of mode standard, got "fast"; remove it, or write cluster.mode: auto',
    ]);
    expect(find("auto")).toEqual([
      'spec.nodes[0].nodeClass: expected a NodeClass, got "fast"; there is default, other',
    ]);
  });
});
