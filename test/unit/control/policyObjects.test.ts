import { describe, expect, it } from "vitest";
import { findObject } from "../../../src/control/objectNames.ts";
import { pathText } from "../../../src/control/objects/finding.ts";
import { type LabObject, objectKey } from "../../../src/control/objects/kinds.ts";
import { type NetworkPolicy, policyTypesOf } from "../../../src/control/objects/networkPolicy.ts";
import { readObjects } from "../../../src/control/objects/read.ts";
import { read } from "./documents.ts";

type Fields = Record<string, unknown>;

const policy = (spec: unknown, metadata: Fields = {}) => ({
  apiVersion: "networking.k8s.io/v1",
  kind: "NetworkPolicy",
  metadata: { name: "web", namespace: "shop", ...metadata },
  spec,
});
const clusterPolicy = (spec: Fields) => ({
  apiVersion: "networking.k8s.aws/v1alpha1",
  kind: "ClusterNetworkPolicy",
  metadata: { name: "guard" },
  spec: { tier: "Admin", priority: 10, subject: { namespaces: {} }, ...spec },
});

const texts = (findings: readonly { path: readonly (string | number)[]; message: string }[]) =>
  findings.map((p) => `${pathText(p.path)}: ${p.message}`);
const problems = (document: unknown) => texts(readObjects(document).problems);
const notes = (document: unknown) => texts(readObjects(document).notes);
const only = (document: unknown): LabObject => read(document)[0];
const networkPolicy = (spec: unknown): NetworkPolicy => {
  const object = only(policy(spec));
  if (object.kind !== "NetworkPolicy") throw new Error(object.kind);
  return object;
};

const inPort = (port: Fields) => policy({ podSelector: {}, ingress: [{ ports: [port] }] });
const inPeer = (peer: Fields) => policy({ podSelector: {}, egress: [{ to: [peer] }] });
const PORT = "spec.ingress[0].ports[0]";
const PEER = "spec.egress[0].to[0]";
const CIDR = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)";

describe("a NetworkPolicy", () => {
  it("has the API server's defaults", () => {
    const { spec } = networkPolicy({
      podSelector: { matchLabels: { app: "web" } },
      ingress: [{ ports: [{ port: 80 }] }],
    });
    expect(spec).toEqual({
      podSelector: { matchLabels: { app: "web" }, matchExpressions: [] },
      policyTypes: [],
      ingress: [{ from: [], ports: [{ protocol: "TCP", port: 80 }] }],
      egress: [],
    });
  });

  it.each([
    [{ podSelector: {} }, ["Ingress"]],
    [{ podSelector: {}, egress: [] }, ["Ingress"]],
    [{ podSelector: {}, egress: [{}] }, ["Ingress", "Egress"]],
    [{ podSelector: {}, policyTypes: ["Egress"] }, ["Egress"]],
    [{ podSelector: {}, policyTypes: ["Ingress"], egress: [{}] }, ["Ingress"]],
    [{ podSelector: {}, ingress: null, egress: null, policyTypes: null }, ["Ingress"]],
  ])("is of the types that it has by default: %j", (spec, types) => {
    expect(policyTypesOf(networkPolicy(spec))).toEqual(types);
  });

  it("is what users have: kubectl's own output, with all there is", () => {
    const document = policy(
      {
        podSelector: { matchExpressions: [{ key: "role", operator: "NotIn", values: ["db"] }] },
        policyTypes: ["Ingress", "Egress"],
        ingress: [
          {
            from: [
              { ipBlock: { cidr: "172.17.0.0/16", except: ["172.17.1.0/24"] } },
              { namespaceSelector: { matchLabels: { project: "a" } }, podSelector: {} },
            ],
            ports: [
              { protocol: "TCP", port: "http" },
              { protocol: "UDP" },
              { protocol: "SCTP", port: 80, endPort: 90 },
            ],
          },
        ],
        egress: [{ to: [{ ipBlock: { cidr: "10.0.0.5/24" } }] }],
      },
      { uid: "1", resourceVersion: "2", generation: 1, creationTimestamp: null },
    );
    expect(problems(document)).toEqual([]);
    expect(notes(document)).toEqual([]);
  });

  it.each([
    [{ port: 80, endPort: 79 }, `${PORT}.endPort: Invalid value: 80: must be greater than or equal to \`port\``],
    [
      { port: "http", endPort: 90 },
      `${PORT}.endPort: Invalid value: 90: may not be specified when \`port\` is non-numeric`,
    ],
    [{ endPort: 90 }, `${PORT}.endPort: Invalid value: 90: may not be specified when \`port\` is not specified`],
    [{ port: 0 }, `${PORT}.port: Invalid value: 0: must be between 1 and 65535, inclusive`],
    [{ port: 80, endPort: 65_536 }, `${PORT}.endPort: Invalid value: 65536: must be between 1 and 65535, inclusive`],
    [
      { port: "a-name-of-16-let" },
      `${PORT}.port: Invalid value: "a-name-of-16-let": must be no more than 15 characters`,
    ],
    [
      { port: "HTTP" },
      `${PORT}.port: Invalid value: "HTTP": must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)`,
    ],
    [{ port: "80" }, `${PORT}.port: Invalid value: "80": must contain at least one letter (a-z)`],
    [{ port: "a--b" }, `${PORT}.port: Invalid value: "a--b": must not contain consecutive hyphens`],
    [{ port: "http-" }, `${PORT}.port: Invalid value: "http-": must not begin or end with a hyphen`],
    [{ protocol: "ICMP" }, `${PORT}.protocol: Unsupported value: "ICMP": supported values: "TCP", "UDP", "SCTP"`],
    [{ port: 80.5 }, `${PORT}.port: expected a port's number or name, got 80.5`],
  ])("is refused for a port in the API server's words: %j", (port, message) => {
    expect(problems(inPort(port))).toEqual([message]);
  });

  it.each([
    [{}, `${PEER}: Required value: must specify a peer`],
    [
      { ipBlock: { cidr: "10.0.0.0/8" }, podSelector: {} },
      `${PEER}: Forbidden: may not specify both ipBlock and another peer`,
    ],
    [
      { ipBlock: { cidr: "10.0.0.0/8" }, namespaceSelector: {} },
      `${PEER}: Forbidden: may not specify both ipBlock and another peer`,
    ],
    [{ ipBlock: { cidr: "10.0.0/8" } }, `${PEER}.ipBlock.cidr: Invalid value: "10.0.0/8": ${CIDR}`],
    [
      { ipBlock: { cidr: "10.0.0.0/8", except: ["11.0.0.0/16"] } },
      `${PEER}.ipBlock.except[0]: Invalid value: "11.0.0.0/16": must be a strict subset of \`cidr\``,
    ],
    [
      { ipBlock: { cidr: "10.0.0.0/8", except: ["10.1.0.0/16", "10.0.0.0/8"] } },
      `${PEER}.ipBlock.except[1]: Invalid value: "10.0.0.0/8": must be a strict subset of \`cidr\``,
    ],
    [
      { ipBlock: { cidr: "10.0.0.0/8", except: ["2001:db8::/64"] } },
      `${PEER}.ipBlock.except[0]: Invalid value: "2001:db8::/64": must be a strict subset of \`cidr\``,
    ],
    [
      { podSelector: { matchExpressions: [{ key: "a", operator: "In" }] } },
      `${PEER}.podSelector.matchExpressions[0].values: Required value: must be specified when \`operator\` is 'In' or 'NotIn'`,
    ],
    [
      { podSelector: { matchExpressions: [{ key: "a", operator: "Exists", values: ["b"] }] } },
      `${PEER}.podSelector.matchExpressions[0].values: Forbidden: may not be specified when \`operator\` is 'Exists' or 'DoesNotExist'`,
    ],
  ])("is refused for a peer in the API server's words: %j", (peer, message) => {
    expect(problems(inPeer(peer))).toEqual([message]);
  });

  it.each([
    [["Ingres"], 'spec.policyTypes[0]: Unsupported value: "Ingres": supported values: "Ingress", "Egress"'],
    [
      ["Ingress", "Egress", "Ingress"],
      'spec.policyTypes: Invalid value: ["Ingress","Egress","Ingress"]: may not specify more than two policyTypes',
    ],
  ])("is refused for its types: %j", (policyTypes, message) => {
    expect(problems(policy({ podSelector: {}, policyTypes }))).toEqual([message]);
  });

  it("may have IPv6 blocks, which nothing matches", () => {
    const blocks = [{ ipBlock: { cidr: "2001:db8::/32", except: ["2001:db8:1::/48"] } }];
    expect(notes(policy({ podSelector: {}, ingress: [{ from: blocks }] }))).toEqual([
      "spec.ingress[0].from[0].ipBlock.cidr: ignored: podplane is IPv4 alone",
    ]);
    expect(problems(policy({ podSelector: {}, ingress: [{ from: blocks }] }))).toEqual([]);
  });
});

describe("a ClusterNetworkPolicy", () => {
  it("is what the controller's own tests have", () => {
    const document = clusterPolicy({
      subject: { pods: { namespaceSelector: {}, podSelector: { matchLabels: { app: "web" } } } },
      ingress: [
        {
          name: "from-monitoring",
          action: "Accept",
          from: [{ namespaces: { matchLabels: { team: "monitoring" } } }],
          ports: [
            { portNumber: { port: 80 } },
            { portRange: { protocol: "UDP", start: 8000, end: 8080 } },
            { namedPort: "http" },
          ],
        },
      ],
      egress: [{ action: "Deny", to: [{ networks: ["10.0.0.0/8"] }] }],
    });
    expect(problems(document)).toEqual([]);
    expect(notes(document)).toEqual([]);
    expect(only(document)).toMatchObject({
      spec: { ingress: [{ ports: [{ portNumber: { protocol: "TCP", port: 80 } }, {}, {}] }] },
    });
  });

  const egress = (fields: Fields) => ({ egress: [{ action: "Deny", to: [{ networks: ["10.0.0.0/8"] }], ...fields }] });

  it.each([
    [{ tier: "Top" }, 'spec.tier: Unsupported value: "Top": supported values: "Admin", "Baseline"'],
    [{ priority: 1001 }, "spec.priority: expected a priority from 0 to 1000, the lowest first, got 1001"],
    [{ subject: {} }, "spec.subject: expected one of namespaces, pods alone, got {}"],
    [
      { subject: { namespaces: {}, pods: { namespaceSelector: {}, podSelector: {} } } },
      'spec.subject: expected one of namespaces, pods alone, got {"namespaces":{},"pods":{"namespaceSelector":{},"podSelector...',
    ],
    [
      egress({ action: "Allow" }),
      'spec.egress[0].action: Unsupported value: "Allow": supported values: "Accept", "Deny", "Pass"',
    ],
    [egress({ to: [] }), "spec.egress[0].to: expected at least 1 item, got []"],
    [
      egress({ to: [{ networks: ["10.0.0.0"] }] }),
      `spec.egress[0].to[0].networks[0]: Invalid value: "10.0.0.0": ${CIDR}`,
    ],
    [
      egress({ ports: [{ portRange: { start: 80, end: 80 } }] }),
      'spec.egress[0].ports[0].portRange: Invalid value: "object": Start port must be less than End port',
    ],
    [
      egress({ to: [{ domainNames: ["example.com"] }] }),
      'spec.egress[0]: Invalid value: "object": domainNames peer can only be used with Accept action',
    ],
  ])("is refused: %j", (spec, message) => {
    expect(problems(clusterPolicy(spec))).toEqual([message]);
  });

  it("says that names of domains are not acted on", () => {
    const document = clusterPolicy(egress({ action: "Accept", to: [{ domainNames: ["*.example.com"] }] }));
    expect(notes(document)).toEqual([
      "spec.egress[0].to[0].domainNames: ignored: podplane does not act on domainNames yet",
    ]);
  });
});

describe("names", () => {
  const objects = read(policy({ podSelector: {} }), clusterPolicy({}));
  const keys = objects.map(objectKey);

  it.each([
    ["netpol/shop/web", "networkpolicy/shop/web"],
    ["networkpolicies/shop/web", "networkpolicy/shop/web"],
    ["cnp/guard", "clusternetworkpolicy/guard"],
  ])("%s is %s", (name, key) => {
    expect(findObject(name, keys)).toBe(key);
  });
});
