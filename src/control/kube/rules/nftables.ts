import { isLoopback } from "../../../plane/nat/mark.ts";
import { formatAddress } from "../../../plane/wire/address.ts";
import { cidrText } from "../../vpc/cidr.ts";
import type { ProxyEndpoint, ProxyPort } from "../proxyPort.ts";
import { endpointText, nftablesChains, nftablesEndpoint, portName, protocolOf } from "./chainNames.ts";
import { type PortPlan, planPort, type RuleNode, type RuleSettings } from "./portPlan.ts";

const TABLE = "ip kube-proxy";
const MARK = "0x4000";
const ADDRESS_PORT = "ipv4_addr . inet_proto . inet_service : verdict";
const PROTOCOL_PORT = "inet_proto . inet_service : verdict";

/** Base chains: type, hook, priority, and the rules in them (nftablesBaseChains, nftablesJumpChains). */
const BASE_CHAINS: readonly [name: string, type: string, hook: string, priority: number, rules: readonly string[]][] = [
  ["filter-prerouting-pre-dnat", "filter", "prerouting", -110, ["ct state new jump firewall-check"]],
  ["filter-output-pre-dnat", "filter", "output", -110, ["ct state new jump firewall-check"]],
  [
    "filter-input",
    "filter",
    "input",
    0,
    ["ct state new jump nodeport-endpoints-check", "ct state new jump service-endpoints-check"],
  ],
  [
    "filter-forward",
    "filter",
    "forward",
    0,
    ["ct state new jump service-endpoints-check", "ct state new jump cluster-ips-check"],
  ],
  [
    "filter-output",
    "filter",
    "output",
    0,
    ["ct state new jump service-endpoints-check", "ct state new jump cluster-ips-check"],
  ],
  ["nat-prerouting", "nat", "prerouting", -100, ["jump services"]],
  ["nat-output", "nat", "output", -100, ["jump services"]],
  ["nat-postrouting", "nat", "postrouting", 100, ["jump masquerading"]],
];

const TO_SERVICE = "ip daddr . meta l4proto . th dport vmap";
const TO_NODE_PORT = "ip daddr @nodeport-ips meta l4proto . th dport vmap";

/** An nft script under construction: everything is added, in an order in which what is named exists. */
class Script {
  readonly #made: string[] = [];
  readonly #rules: string[] = [];
  readonly #elements: string[] = [];

  set(name: string, content: string): void {
    this.#made.push(`add set ${TABLE} ${name} { ${content} ; }`);
  }

  map(name: string, type: string, about: string): void {
    this.#made.push(`add map ${TABLE} ${name} { type ${type} ; comment "${about}" ; }`);
  }

  chain(name: string, content = ""): void {
    this.#made.push(`add chain ${TABLE} ${name}${content === "" ? "" : ` { ${content} ; }`}`);
  }

  rule(chain: string, rule: string): void {
    this.#rules.push(`add rule ${TABLE} ${chain} ${rule}`);
  }

  element(container: string, element: string): void {
    this.#elements.push(`add element ${TABLE} ${container} { ${element} }`);
  }

  /** An address may be a service's more than once, an element is added once. */
  text(): string {
    const table = `add table ${TABLE} { comment "rules for kube-proxy" ; }`;
    return `${[table, ...this.#made, ...this.#rules, ...new Set(this.#elements)].join("\n")}\n`;
  }
}

/** What is there before any service (setupNFTables). */
function addBase(script: Script, node: RuleNode, settings: RuleSettings): void {
  script.set("cluster-ips", 'type ipv4_addr ; comment "Active ClusterIPs"');
  script.set("nodeport-ips", 'type ipv4_addr ; comment "IPs that accept NodePort traffic"');
  script.map("firewall-ips", ADDRESS_PORT, "destinations that are subject to LoadBalancerSourceRanges");
  script.map(
    "no-endpoint-nodeports",
    PROTOCOL_PORT,
    "vmap to drop or reject packets to service nodeports with no endpoints",
  );
  script.map("no-endpoint-services", ADDRESS_PORT, "vmap to drop or reject packets to services with no endpoints");
  script.map("service-ips", ADDRESS_PORT, "ClusterIP, ExternalIP and LoadBalancer IP traffic");
  script.map("service-nodeports", PROTOCOL_PORT, "NodePort traffic");
  const plain: Record<string, readonly string[]> = {
    "cluster-ips-check": [
      'ip daddr @cluster-ips reject comment "Reject traffic to invalid ports of ClusterIPs"',
      `ip daddr { ${cidrText(settings.serviceCidr)} } drop comment "Drop traffic to unallocated ClusterIPs"`,
    ],
    "firewall-check": [`${TO_SERVICE} @firewall-ips`],
    "mark-for-masquerade": [`mark set mark or ${MARK}`],
    masquerading: [`mark and ${MARK} == 0 return`, `mark set mark xor ${MARK}`, "masquerade fully-random"],
    "nodeport-endpoints-check": [`${TO_NODE_PORT} @no-endpoint-nodeports`],
    services: [`${TO_SERVICE} @service-ips`, `${TO_NODE_PORT} @service-nodeports`],
    "service-endpoints-check": [`${TO_SERVICE} @no-endpoint-services`],
  };
  for (const name of Object.keys(plain)) script.chain(name);
  script.chain("reject-chain", 'comment "helper for @no-endpoint-services / @no-endpoint-nodeports"');
  script.rule("reject-chain", "reject");
  for (const [name, rules] of Object.entries(plain)) for (const rule of rules) script.rule(name, rule);
  for (const [name, type, hook, priority, rules] of BASE_CHAINS) {
    script.chain(name, `type ${type} hook ${hook} priority ${priority}`);
    for (const rule of rules) script.rule(name, rule);
  }
  // nftables mode has no NodePorts at 127.0.0.0/8.
  const addresses = node.nodePortAddresses?.filter((address) => !isLoopback(address)) ?? [node.address];
  for (const address of addresses) script.element("nodeport-ips", formatAddress(address));
}

const toAddress = (port: ProxyPort, address: number): string =>
  `${formatAddress(address)} . ${protocolOf(port)} . ${port.port}`;

/** Elements of the maps: which chain a packet goes to, or that it goes nowhere. */
function addElements(script: Script, plan: PortPlan): void {
  const { port, refusesExternal, refusesInternal } = plan;
  const { external, firewall, local, service } = nftablesChains(port);
  const refuse = (map: string, key: string, refusal: "reject" | "drop") =>
    script.element(map, `${key} comment "${portName(port)}" : ${refusal === "reject" ? "goto reject-chain" : "drop"}`);
  script.element("cluster-ips", formatAddress(port.clusterIP));
  const internal = port.internalTrafficPolicy === "Local" ? local : service;
  if (refusesInternal === null) script.element("service-ips", `${toAddress(port, port.clusterIP)} : goto ${internal}`);
  else refuse("no-endpoint-services", toAddress(port, port.clusterIP), refusesInternal);
  for (const address of [...port.externalIPs, ...port.loadBalancerIPs]) {
    const key = toAddress(port, address);
    if (plan.any) script.element("service-ips", `${key} : goto ${external}`);
    if (refusesExternal !== null) refuse("no-endpoint-services", key, refusesExternal);
  }
  if (plan.firewall)
    for (const address of port.loadBalancerIPs)
      script.element("firewall-ips", `${toAddress(port, address)} : goto ${firewall}`);
  if (port.nodePort === 0) return;
  const key = `${protocolOf(port)} . ${port.nodePort}`;
  if (plan.any) script.element("service-nodeports", `${key} : goto ${external}`);
  if (refusesExternal !== null) refuse("no-endpoint-nodeports", key, refusesExternal);
}

function addExternalChain(script: Script, plan: PortPlan, settings: RuleSettings): void {
  const { port } = plan;
  const { external, local, service } = nftablesChains(port);
  script.chain(external);
  if (port.externalTrafficPolicy === "Cluster") script.rule(external, "jump mark-for-masquerade");
  else {
    if (settings.clusterCidr !== null)
      script.rule(
        external,
        `ip saddr ${cidrText(settings.clusterCidr)} goto ${service} comment "short-circuit pod traffic"`,
      );
    script.rule(external, 'fib saddr type local jump mark-for-masquerade comment "masquerade local traffic"');
    script.rule(external, `fib saddr type local goto ${service} comment "short-circuit local traffic"`);
  }
  if (plan.refusesExternal === null)
    script.rule(external, `goto ${port.externalTrafficPolicy === "Local" ? local : service}`);
}

/** The choice of an endpoint: affinity first, then chance (writeServiceToEndpointRules). */
function addChoice(script: Script, port: ProxyPort, chain: string, endpoints: readonly ProxyEndpoint[]): void {
  const chains = endpoints.map((endpoint) => nftablesEndpoint(port, endpoint));
  if (port.affinitySeconds > 0)
    for (const own of chains) script.rule(chain, `ip saddr @${own.affinity} goto ${own.chain}`);
  const choices = chains.map((own, i) => `${i} : goto ${own.chain}`).join(" , ");
  script.rule(chain, `numgen random mod ${endpoints.length} vmap { ${choices} }`);
}

function addPort(script: Script, plan: PortPlan, settings: RuleSettings): void {
  const { port } = plan;
  const { firewall, local, service } = nftablesChains(port);
  for (const endpoint of plan.reachable) {
    const { affinity, chain } = nftablesEndpoint(port, endpoint);
    if (port.affinitySeconds > 0)
      script.set(affinity, `type ipv4_addr ; flags dynamic,timeout ; timeout ${port.affinitySeconds}s`);
    script.chain(chain);
    script.rule(chain, `ip saddr ${formatAddress(endpoint.address)} jump mark-for-masquerade`);
    if (port.affinitySeconds > 0) script.rule(chain, `update @${affinity} { ip saddr }`);
    script.rule(chain, `meta l4proto ${protocolOf(port)} dnat to ${endpointText(endpoint)}`);
  }
  if (plan.cluster.length > 0) script.chain(service);
  if (plan.local.length > 0) script.chain(local);
  if (plan.refusesInternal === null) {
    const chain = port.internalTrafficPolicy === "Local" ? local : service;
    const match = `ip daddr ${formatAddress(port.clusterIP)}`;
    if (settings.masqueradeAll) script.rule(chain, `${match} jump mark-for-masquerade`);
    else if (settings.clusterCidr !== null)
      script.rule(chain, `${match} ip saddr != ${cidrText(settings.clusterCidr)} jump mark-for-masquerade`);
  }
  if (plan.external) addExternalChain(script, plan, settings);
  if (plan.firewall) {
    const sources = [
      ...port.sourceRanges.map(cidrText),
      ...(plan.allowsNode ? port.loadBalancerIPs.map(formatAddress) : []),
    ];
    script.chain(firewall);
    script.rule(firewall, `ip saddr != { ${sources.join(" , ")} } drop`);
  }
  if (plan.cluster.length > 0) addChoice(script, port, service, plan.cluster);
  if (plan.local.length > 0) addChoice(script, port, local, plan.local);
  addElements(script, plan);
}

/**
 * What kube-proxy in nftables mode gives `nft -f` on a node: the table `ip kube-proxy` whole, for a node that has none.
 *
 * Source: kubernetes pkg/proxy/nftables/proxier.go, setupNFTables, syncProxyRules and writeServiceToEndpointRules; base
 * chains as in baseRules of its proxier_test.go.
 */
export function nftablesRules(ports: readonly ProxyPort[], node: RuleNode, settings: RuleSettings): string {
  const script = new Script();
  addBase(script, node, settings);
  for (const port of ports) addPort(script, planPort(port, node), settings);
  return script.text();
}
