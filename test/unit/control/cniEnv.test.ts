import { describe, expect, it } from "vitest";
import { cniSettings } from "../../../src/control/objects/cniEnv.ts";
import { pathText } from "../../../src/control/objects/finding.ts";
import { readObjects } from "../../../src/control/objects/read.ts";
import { cni, labDocument } from "./documents.ts";

type Env = Record<string, string>;

const readEnv = (env: Record<string, unknown>, cluster = {}) => readObjects(labDocument(cni(env, cluster)));
const shown = (findings: readonly { path: readonly (string | number)[]; message: string }[]) =>
  findings.map((f) => `${pathText(f.path)}: ${f.message}`.replace("spec.cluster.cni.env.", ""));
const notes = (env: Env, cluster = {}) => shown(readEnv(env, cluster).notes).map((n) => n.replace(/^\w+: /, ""));
const problems = (env: Record<string, unknown>) => shown(readEnv(env).problems);

/** The variables of the container aws-node of config/master/aws-k8s-cni.yaml, v1.23.1. */
const DAEMONSET: Env = {
  ADDITIONAL_ENI_TAGS: "{}",
  AWS_VPC_CNI_NODE_PORT_SUPPORT: "true",
  AWS_VPC_ENI_MTU: "9001",
  AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG: "false",
  AWS_VPC_K8S_CNI_EXTERNALSNAT: "false",
  AWS_VPC_K8S_CNI_LOGLEVEL: "DEBUG",
  AWS_VPC_K8S_CNI_LOG_FILE: "/host/var/log/aws-routed-eni/ipamd.log",
  AWS_VPC_K8S_CNI_RANDOMIZESNAT: "prng",
  AWS_VPC_K8S_CNI_VETHPREFIX: "eni",
  AWS_VPC_K8S_PLUGIN_LOG_FILE: "/var/log/aws-routed-eni/plugin.log",
  AWS_VPC_K8S_PLUGIN_LOG_LEVEL: "DEBUG",
  DISABLE_INTROSPECTION: "false",
  DISABLE_METRICS: "false",
  DISABLE_NETWORK_RESOURCE_PROVISIONING: "false",
  ENABLE_IMDS_ONLY_MODE: "false",
  ENABLE_IPv4: "true",
  ENABLE_IPv6: "false",
  ENABLE_MULTI_NIC: "false",
  ENABLE_POD_ENI: "false",
  ENABLE_PREFIX_DELEGATION: "false",
  ENABLE_SUBNET_DISCOVERY: "true",
  NETWORK_POLICY_ENFORCING_MODE: "standard",
  VPC_CNI_VERSION: "v1.23.1",
  WARM_ENI_TARGET: "1",
};

describe("settings", () => {
  it("without variables are those of the DaemonSet", () => {
    const settings = cniSettings({});
    expect(settings).toEqual({
      warmEniTarget: 1,
      warmIpTarget: 0,
      minimumIpTarget: 0,
      warmPrefixTarget: 1,
      prefixDelegation: false,
      maxEni: null,
      cooldown: 30_000,
      subnetDiscovery: true,
      customNetworking: false,
      eniConfigAnnotation: "k8s.amazonaws.com/eniConfig",
      eniConfigLabel: "k8s.amazonaws.com/eniConfig",
      podEni: false,
      podSecurityGroupMode: "strict",
      clusterName: "",
      eniMtu: 9001,
      podMtu: 9001,
      externalSnat: false,
      excludeSnatCidrs: [],
      randomizeSnat: "prng",
      nodePortSupport: true,
      connmark: 0x80,
      externalServiceCidrs: [],
      tcpEarlyDemux: true,
    });
    expect(cniSettings(DAEMONSET)).toEqual(settings);
    expect(readEnv(DAEMONSET)).toMatchObject({ problems: [], notes: [] });
    expect(notes({ ...DAEMONSET, WARM_PREFIX_TARGET: "1" })).toEqual([
      "WARM_PREFIX_TARGET has no effect without ENABLE_PREFIX_DELEGATION",
    ]);
  });

  it("take what is set", () => {
    const env: Env = {
      WARM_ENI_TARGET: "0",
      WARM_IP_TARGET: "+5",
      MINIMUM_IP_TARGET: "010",
      WARM_PREFIX_TARGET: "0",
      MAX_ENI: "2",
      ENABLE_PREFIX_DELEGATION: "T",
      IP_COOLDOWN_PERIOD: "0",
      ENABLE_SUBNET_DISCOVERY: "0",
      AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG: "True",
      ENI_CONFIG_LABEL_DEF: "topology.kubernetes.io/zone",
      ENI_CONFIG_ANNOTATION_DEF: "",
      ENABLE_POD_ENI: "1",
      POD_SECURITY_GROUP_ENFORCING_MODE: "standard",
      CLUSTER_NAME: "prod",
      POD_MTU: "1500",
      AWS_VPC_K8S_CNI_EXCLUDE_SNAT_CIDRS: "10.12.0.0/16, 10.13.0.0/16",
      AWS_VPC_K8S_CNI_RANDOMIZESNAT: "none",
    };
    expect(cniSettings(env)).toEqual({
      warmEniTarget: 0,
      warmIpTarget: 5,
      minimumIpTarget: 10,
      warmPrefixTarget: 0,
      prefixDelegation: true,
      maxEni: 2,
      cooldown: 0,
      subnetDiscovery: false,
      customNetworking: true,
      eniConfigAnnotation: "k8s.amazonaws.com/eniConfig",
      eniConfigLabel: "topology.kubernetes.io/zone",
      podEni: true,
      podSecurityGroupMode: "standard",
      clusterName: "prod",
      eniMtu: 9001,
      podMtu: 1500,
      externalSnat: false,
      excludeSnatCidrs: ["10.12.0.0/16", "10.13.0.0/16"],
      randomizeSnat: "none",
      nodePortSupport: true,
      connmark: 0x80,
      externalServiceCidrs: [],
      tcpEarlyDemux: true,
    });
    expect(problems(env)).toEqual([]);
  });

  it.each([
    ["WARM_ENI_TARGET", "warmEniTarget", 1],
    ["WARM_IP_TARGET", "warmIpTarget", 0],
    ["MINIMUM_IP_TARGET", "minimumIpTarget", 0],
    ["WARM_PREFIX_TARGET", "warmPrefixTarget", 0],
    ["MAX_ENI", "maxEni", null],
  ] as const)("take a default for a %s that ipamd cannot read", (name, field, expected) => {
    for (const value of ["-1", "-20", "abc", "", " 3", "3.5", "1e3", "0x2", "9223372036854775808"]) {
      expect(cniSettings({ [name]: value })[field], value).toBe(expected);
      expect(problems({ [name]: value }), value).toEqual([]);
      const [note] = notes({ [name]: value });
      expect(note, value).toMatch(`${name} is "${value}": ipamd takes `);
    }
  });
});

describe("notes", () => {
  it.each<[Env, string[]]>([
    [
      { WARM_ENI_TARGET: "-2" },
      ['WARM_ENI_TARGET is "-2": ipamd takes 1 for it, as for every negative or unreadable value'],
    ],
    [
      { MAX_ENI: "many" },
      ['MAX_ENI is "many": ipamd takes it for 0, as if it were not set, as for every negative or unreadable value'],
    ],
    [
      { ENABLE_POD_ENI: "yes" },
      ['ENABLE_POD_ENI is "yes": aws-node cannot read it and takes false for it; write "true" or "false"'],
    ],
    [
      { ENABLE_SUBNET_DISCOVERY: "no" },
      ['ENABLE_SUBNET_DISCOVERY is "no": aws-node cannot read it and takes true for it; write "true" or "false"'],
    ],
    [{ WARM_ENI_TARGET: "2", WARM_IP_TARGET: "3" }, ["WARM_ENI_TARGET has no effect beside WARM_IP_TARGET"]],
    [
      { WARM_ENI_TARGET: "2", MINIMUM_IP_TARGET: "3" },
      [
        "WARM_ENI_TARGET has no effect beside MINIMUM_IP_TARGET",
        "MINIMUM_IP_TARGET is set without WARM_IP_TARGET: a node that has so many addresses for pods never gets more; set WARM_IP_TARGET beside it",
      ],
    ],
    [{ WARM_ENI_TARGET: "2", WARM_IP_TARGET: "0" }, []],
    [
      { WARM_ENI_TARGET: "2", ENABLE_PREFIX_DELEGATION: "true" },
      ["WARM_ENI_TARGET has no effect beside ENABLE_PREFIX_DELEGATION: WARM_PREFIX_TARGET stands in for it"],
    ],
    [{ WARM_PREFIX_TARGET: "2" }, ["WARM_PREFIX_TARGET has no effect without ENABLE_PREFIX_DELEGATION"]],
    [
      { WARM_PREFIX_TARGET: "2", ENABLE_PREFIX_DELEGATION: "true", WARM_IP_TARGET: "1" },
      ["WARM_PREFIX_TARGET has no say in how many addresses a node gets beside WARM_IP_TARGET"],
    ],
    [{ WARM_IP_TARGET: "2", MINIMUM_IP_TARGET: "10", MAX_ENI: "0", CLUSTER_NAME: "a" }, []],
    [
      { ENI_CONFIG_LABEL_DEF: "zone" },
      ["ENI_CONFIG_LABEL_DEF has no effect without AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG"],
    ],
    [{ ENI_CONFIG_LABEL_DEF: "zone", AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG: "true" }, []],
    [
      { POD_SECURITY_GROUP_ENFORCING_MODE: "standard" },
      ["POD_SECURITY_GROUP_ENFORCING_MODE has no effect without ENABLE_POD_ENI"],
    ],
    [
      { POD_SECURITY_GROUP_ENFORCING_MODE: "lax" },
      [
        'POD_SECURITY_GROUP_ENFORCING_MODE is "lax": aws-node refuses it once ENABLE_POD_ENI is on; write strict or standard',
        "POD_SECURITY_GROUP_ENFORCING_MODE has no effect without ENABLE_POD_ENI",
      ],
    ],
    [{ POD_SECURITY_GROUP_ENFORCING_MODE: "standard", ENABLE_POD_ENI: "true" }, []],
    [
      { AWS_VPC_K8S_CNI_RANDOMIZESNAT: "random" },
      [
        'AWS_VPC_K8S_CNI_RANDOMIZESNAT is "random": aws-node takes prng for it, as for every other value; write prng, hashrandom or none',
      ],
    ],
    [
      { AWS_MANAGE_ENIS_NON_SCHEDULABLE: "true" },
      ["AWS_MANAGE_ENIS_NON_SCHEDULABLE is accepted: podplane does not act on it"],
    ],
    [{ DISABLE_LEAKED_ENI_CLEANUP: "false", AWS_VPC_K8S_CNI_LOGLEVEL: "DEBUG", CLUSTER_ENDPOINT: "https://a" }, []],
    [{ AWS_VPC_K8S_CNI_LOGLEVEL: "INFO" }, ["AWS_VPC_K8S_CNI_LOGLEVEL is accepted: podplane does not act on it"]],
    [{ ENABLE_V6_EGRESS: "true" }, ["ENABLE_V6_EGRESS is accepted: podplane is IPv4 alone"]],
    [
      { ENABLE_IPv4: "false", ENABLE_IPv6: "true", ENABLE_PREFIX_DELEGATION: "true" },
      ["ENABLE_IPv4 is accepted: podplane is IPv4 alone", "ENABLE_IPv6 is accepted: podplane is IPv4 alone"],
    ],
    [
      { WARM_IPS_TARGET: "3" },
      [
        "WARM_IPS_TARGET is ignored: podplane does not know this variable; did you mean WARM_IP_TARGET or WARM_ENI_TARGET?",
      ],
    ],
    [{ constructor: "3" }, ["constructor is ignored: podplane does not know this variable"]],
  ])("of %j", (env, expected) => {
    expect(notes(env)).toEqual(expected);
    expect(problems(env)).toEqual([]);
  });

  it("say of EKS Auto Mode that its nodes have no such settings", () => {
    expect(notes({ WARM_ENI_TARGET: "-1", AWS_VPC_K8S_CNI_EXTERNALSNAT: "true" }, { mode: "auto" })).toEqual([
      "WARM_ENI_TARGET has no effect on nodes of EKS Auto Mode, which have no aws-node",
      "AWS_VPC_K8S_CNI_EXTERNALSNAT has no effect on nodes of EKS Auto Mode, which have no aws-node: their NodeClass has snatPolicy",
    ]);
  });
});

describe("what aws-node does not start with", () => {
  const none =
    "WARM_PREFIX_TARGET: with ENABLE_PREFIX_DELEGATION aws-node does not start unless WARM_PREFIX_TARGET, WARM_IP_TARGET or MINIMUM_IP_TARGET is above 0; set one of them";
  const PD = { ENABLE_PREFIX_DELEGATION: "true" };

  it.each<[Record<string, unknown>, string[]]>([
    [{ IP_COOLDOWN_PERIOD: "-1" }, ['IP_COOLDOWN_PERIOD: expected whole seconds in quotes, "0" or more, got "-1"']],
    [{ IP_COOLDOWN_PERIOD: "30s" }, ['IP_COOLDOWN_PERIOD: expected whole seconds in quotes, "0" or more, got "30s"']],
    [{ ...PD, WARM_PREFIX_TARGET: "0" }, [none]],
    [{ ...PD, WARM_PREFIX_TARGET: "-1", WARM_IP_TARGET: "0", MINIMUM_IP_TARGET: "0" }, [none]],
    [{ ...PD, WARM_PREFIX_TARGET: "0", WARM_IP_TARGET: "1" }, []],
    [{ ...PD, WARM_PREFIX_TARGET: "0", MINIMUM_IP_TARGET: "1" }, []],
    [{ ...PD }, []],
    [{ WARM_PREFIX_TARGET: "0" }, []],
    [
      { ENABLE_POD_ENI: "true", POD_SECURITY_GROUP_ENFORCING_MODE: "lax" },
      ['POD_SECURITY_GROUP_ENFORCING_MODE: expected strict or standard, got "lax"'],
    ],
    [
      { ENABLE_IPv6: "true" },
      ["ENABLE_IPv6: aws-node does not start with ENABLE_IPv4 and ENABLE_IPv6 both on; turn one of them off"],
    ],
    [
      { ENABLE_IPv4: "false" },
      ["ENABLE_IPv4: aws-node does not start with ENABLE_IPv4 and ENABLE_IPv6 both off; turn one of them on"],
    ],
    [
      { ENABLE_IPv4: "false", ENABLE_IPv6: "true" },
      [
        "ENABLE_IPv6: with ENABLE_IPv6 aws-node does not start unless ENABLE_PREFIX_DELEGATION is on and AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG off",
      ],
    ],
    [
      { NETWORK_POLICY_ENFORCING_MODE: "lax" },
      ['NETWORK_POLICY_ENFORCING_MODE: expected one of standard, strict, none, got "lax"'],
    ],
    [
      { AWS_VPC_K8S_CNI_VETHPREFIX: "vlan" },
      ['AWS_VPC_K8S_CNI_VETHPREFIX: expected at most 4 letters, and not eth, lo or vlan, got "vlan"'],
    ],
    [
      { WARM_IP_TARGET: 5, ENABLE_POD_ENI: true, OTHER: 1 },
      [
        'WARM_IP_TARGET: expected a whole number in quotes such as "1", got 5',
        'ENABLE_POD_ENI: expected "true" or "false", in quotes, got true',
        'OTHER: expected a string, got 1; write it in quotes: "1"',
      ],
    ],
  ])("%j", (env, expected) => {
    expect(problems(env)).toEqual(expected);
  });
});
