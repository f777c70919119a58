import { describe, expect, it } from "vitest";
import { pathText } from "../../../src/control/objects/finding.ts";
import { readObjects } from "../../../src/control/objects/read.ts";
import { cluster, type Fields, labDocument, problemsOf, serviceDocument } from "./objects.ts";

const LB_ONLY = "Forbidden: may only be used when `type` is 'LoadBalancer'";
const lb = (fields: Fields = {}): Fields => ({ type: "LoadBalancer", ...fields });
const affinity = (timeoutSeconds: number): Fields => ({
  sessionAffinity: "ClientIP",
  sessionAffinityConfig: { clientIP: { timeoutSeconds } },
});

describe("what the API server refuses", () => {
  it.each<[Fields, string]>([
    [
      affinity(0),
      "spec.sessionAffinityConfig.clientIP.timeoutSeconds: Invalid value: 0: must be greater than 0 and less than 86400",
    ],
    [
      affinity(86_401),
      "spec.sessionAffinityConfig.clientIP.timeoutSeconds: Invalid value: 86401: must be greater than 0 and less than 86400",
    ],
    [
      { sessionAffinityConfig: { clientIP: {} } },
      "spec.sessionAffinityConfig: Forbidden: must not be set when session affinity is None",
    ],
    [
      { externalTrafficPolicy: "Local" },
      'spec.externalTrafficPolicy: Invalid value: "Local": may only be set for externally-accessible services',
    ],
    [
      { type: "NodePort", healthCheckNodePort: 30000 },
      "spec.healthCheckNodePort: Invalid value: 30000: may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'",
    ],
    [
      lb({ externalTrafficPolicy: "Local", healthCheckNodePort: 80 }),
      "spec.healthCheckNodePort: Invalid value: 80: provided port is not in the valid range. The range of valid ports is 30000-32767",
    ],
    [
      { externalIPs: ["1.2.3"] },
      'spec.externalIPs[0]: Invalid value: "1.2.3": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
    ],
    [
      { externalIPs: ["0.0.0.0"] },
      'spec.externalIPs[0]: Invalid value: "0.0.0.0": may not be unspecified (0.0.0.0 or ::)',
    ],
    [
      { externalIPs: ["127.1.2.3"] },
      'spec.externalIPs[0]: Invalid value: "127.1.2.3": may not be in the loopback range (127.0.0.0/8, ::1/128)',
    ],
    [
      { externalIPs: ["169.254.1.1"] },
      'spec.externalIPs[0]: Invalid value: "169.254.1.1": may not be in the link-local range (169.254.0.0/16, fe80::/10)',
    ],
    [
      { externalIPs: ["224.0.0.9"] },
      'spec.externalIPs[0]: Invalid value: "224.0.0.9": may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)',
    ],
    [
      lb({ loadBalancerSourceRanges: ["10.0.0.0/33"] }),
      'spec.loadBalancerSourceRanges[0]: Invalid value: "10.0.0.0/33": must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)',
    ],
    [{ loadBalancerSourceRanges: ["10.0.0.0/8"] }, `spec.loadBalancerSourceRanges: ${LB_ONLY}`],
    [{ loadBalancerClass: "service.k8s.aws/nlb" }, `spec.loadBalancerClass: ${LB_ONLY}`],
    [{ allocateLoadBalancerNodePorts: true }, `spec.allocateLoadBalancerNodePorts: ${LB_ONLY}`],
    [
      lb({ ports: [{ port: 10250 }] }),
      "spec.ports[0]: Invalid value: 10250: may not expose port 10250 externally since it is used by kubelet",
    ],
    [lb({ loadBalancerIP: "x" }), 'spec.loadBalancerIP: Invalid value: "x": must be a valid IP address'],
    [
      lb({ clusterIP: "None" }),
      "spec.clusterIP: Invalid value: \"None\": may not be set to 'None' for LoadBalancer services",
    ],
    [
      { type: "NodePort", clusterIP: "None" },
      "spec.clusterIP: Invalid value: \"None\": may not be set to 'None' for NodePort services",
    ],
    [{ type: "ExternalName" }, "spec.externalName: Required value"],
    [
      { type: "ExternalName", externalName: "example.com.", clusterIP: "172.20.0.9" },
      "spec.clusterIP: Forbidden: may not be set for ExternalName services",
    ],
    [
      { type: "ExternalName", externalName: "Example.com" },
      "spec.externalName: Invalid value: \"Example.com\": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character",
    ],
  ])("%j", (spec, message) => {
    expect(problemsOf(() => cluster({}, serviceDocument("api", spec)))).toEqual([message]);
  });

  it.each<Fields>([
    affinity(86_400),
    { externalIPs: ["198.51.100.1"], externalTrafficPolicy: "Local" },
    lb({ loadBalancerSourceRanges: ["10.0.0.0/8", " 10.0.0.0/9 "], loadBalancerClass: "x" }),
    lb({ externalTrafficPolicy: "Local", healthCheckNodePort: 32_000 }),
    { type: "ExternalName", externalName: "example.com", ports: [] },
  ])("not %j", (spec) => {
    expect(problemsOf(() => cluster({}, serviceDocument("api", spec)))).toEqual([]);
  });

  it("two of one health check port", () => {
    const local = lb({ externalTrafficPolicy: "Local" });
    const problems = problemsOf(() =>
      cluster(
        {},
        serviceDocument("a", { ...local, healthCheckNodePort: 30500 }),
        serviceDocument("b", { ...local, ports: [{ port: 1, nodePort: 30500 }] }),
      ),
    );
    expect(problems).toEqual([
      "spec.ports[0].nodePort: expected a node port that no other service has, got 30500, which svc/default/a:healthCheck has; change one of them",
    ]);
  });
});

describe("what the reader says", () => {
  const findings = (document: unknown) => {
    const { problems, notes } = readObjects(document);
    return [...problems, ...notes].map((f) => `${pathText(f.path)}: ${f.message}`);
  };
  const service = (spec: Fields, status?: Fields) =>
    findings({ ...serviceDocument("api", spec), ...(status && { status }) });

  it("takes everything that kube-proxy acts on, without a note", () => {
    const spec = {
      ...affinity(60),
      type: "LoadBalancer",
      internalTrafficPolicy: "Local",
      externalTrafficPolicy: "Local",
      trafficDistribution: "PreferSameNode",
      externalIPs: ["198.51.100.1"],
    };
    const ingress = [{ ip: "203.0.113.1", ipMode: "VIP", ports: [{ port: 80, protocol: "TCP" }] }];
    expect(service(spec, { loadBalancer: { ingress }, conditions: [] })).toEqual([]);
  });

  it("refuses what the enumerations have not", () => {
    expect(service({ trafficDistribution: "PreferNear" })).toEqual([
      'spec.trafficDistribution: expected one of PreferClose, PreferSameZone, PreferSameNode, got "PreferNear"; write PreferClose or PreferSameZone or PreferSameNode',
    ]);
    expect(service({ internalTrafficPolicy: "local" })).toEqual([
      'spec.internalTrafficPolicy: expected one of Cluster, Local, got "local"; did you mean Local?',
    ]);
    expect(
      service({ type: "LoadBalancer" }, { loadBalancer: { ingress: [{ ip: "1.2.3.4", ipMode: "vip" }] } }),
    ).toEqual(['status.loadBalancer.ingress[0].ipMode: expected one of VIP, Proxy, got "vip"; did you mean VIP?']);
  });

  it("says what it leaves out", () => {
    const notes = service(
      { type: "LoadBalancer", externalIPs: ["2001:db8::1"] },
      { loadBalancer: { ingress: [{ hostname: "lb.example.com" }] } },
    );
    expect(notes).toEqual([
      "spec.type: no load balancer: nobody gives a LoadBalancer service an address here; its ClusterIP and node ports work, and addresses of status.loadBalancer.ingress or spec.loadBalancerIP do",
      "spec: ignored: IPv6 addresses of a Service, as kube-proxy for IPv4 does",
      "status.loadBalancer.ingress[0].hostname: ignored: kube-proxy acts on the addresses of a load balancer alone, never on its hostname",
    ]);
  });

  it("knows which scheduler is of which mode", () => {
    const kubeProxy = (fields: Fields) => findings(labDocument({ cluster: { kubeProxy: fields } }));
    const refused = (scheduler: string) => [
      `spec.cluster.kubeProxy.scheduler: expected a scheduler of the mode (ipvs: rr, wrr, lc, sh or mh; cilium: random or maglev; others: none), got "${scheduler}"`,
    ];
    expect(kubeProxy({ scheduler: "rr" })).toEqual(refused("rr"));
    expect(kubeProxy({ mode: "cilium", scheduler: "lc" })).toEqual(refused("lc"));
    expect(kubeProxy({ mode: "ipvs", scheduler: "maglev" })).toEqual(refused("maglev"));
    expect(kubeProxy({ mode: "ipvs", scheduler: "mh" })).toEqual([]);
    expect(kubeProxy({ mode: "cilium", scheduler: "maglev" })).toEqual([]);
  });
});
