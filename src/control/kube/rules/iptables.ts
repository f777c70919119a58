import { formatAddress } from "../../../plane/wire/address.ts";
import { cidrText } from "../../vpc/cidr.ts";
import type { ProxyEndpoint, ProxyPort } from "../proxyPort.ts";
import { endpointText, iptablesChains, iptablesEndpointChain, portName, protocolOf } from "./chainNames.ts";
import { type PortPlan, planPort, type RuleNode, type RuleSettings } from "./portPlan.ts";
import { RuleTable } from "./ruleTable.ts";

const MASQUERADE_MARK = "0x4000";
const PROBABILITY_DIGITS = 10;

const comment = (text: string): string => `-m comment --comment "${text}"`;
/** A text without a space needs no quotes, and kube-proxy writes none. */
const named = (port: ProxyPort): string => `-m comment --comment ${portName(port)}`;
const layer4 = (port: ProxyPort): string => `-m ${protocolOf(port)} -p ${protocolOf(port)}`;
const toAddress = (port: ProxyPort, address: number): string =>
  `${layer4(port)} -d ${formatAddress(address)} --dport ${port.port}`;
const toNodePort = (port: ProxyPort): string => `${layer4(port)} --dport ${port.nodePort}`;

/** Rules of the built-in chains, in the order that kube-proxy's prepending gives them (iptablesJumpChains). */
const FILTER_JUMPS = [
  ["INPUT", "-j KUBE-FIREWALL"],
  ["INPUT", `-m conntrack --ctstate NEW ${comment("kubernetes load balancer firewall")} -j KUBE-PROXY-FIREWALL`],
  ["INPUT", `${comment("kubernetes health check service ports")} -j KUBE-NODEPORTS`],
  [
    "INPUT",
    `-m conntrack --ctstate NEW ${comment("kubernetes externally-visible service portals")} -j KUBE-EXTERNAL-SERVICES`,
  ],
  ["FORWARD", `-m conntrack --ctstate NEW ${comment("kubernetes load balancer firewall")} -j KUBE-PROXY-FIREWALL`],
  ["FORWARD", `${comment("kubernetes forwarding rules")} -j KUBE-FORWARD`],
  ["FORWARD", `-m conntrack --ctstate NEW ${comment("kubernetes service portals")} -j KUBE-SERVICES`],
  [
    "FORWARD",
    `-m conntrack --ctstate NEW ${comment("kubernetes externally-visible service portals")} -j KUBE-EXTERNAL-SERVICES`,
  ],
  ["OUTPUT", "-j KUBE-FIREWALL"],
  ["OUTPUT", `-m conntrack --ctstate NEW ${comment("kubernetes load balancer firewall")} -j KUBE-PROXY-FIREWALL`],
  ["OUTPUT", `-m conntrack --ctstate NEW ${comment("kubernetes service portals")} -j KUBE-SERVICES`],
] as const;
const NAT_JUMPS = [
  ["PREROUTING", `${comment("kubernetes service portals")} -j KUBE-SERVICES`],
  ["OUTPUT", `${comment("kubernetes service portals")} -j KUBE-SERVICES`],
  ["POSTROUTING", `${comment("kubernetes postrouting rules")} -j KUBE-POSTROUTING`],
] as const;

/** What is there before any service. */
function addBaseRules(filter: RuleTable, nat: RuleTable, settings: RuleSettings): void {
  for (const [chain, rule] of FILTER_JUMPS) filter.add(chain, rule);
  for (const chain of ["KUBE-NODEPORTS", "KUBE-SERVICES", "KUBE-EXTERNAL-SERVICES", "KUBE-FIREWALL"])
    filter.declare(chain);
  filter.declare("KUBE-FORWARD");
  filter.declare("KUBE-PROXY-FIREWALL");
  filter.add(
    "KUBE-FIREWALL",
    `${comment("block incoming localnet connections")} -d 127.0.0.0/8 ! -s 127.0.0.0/8 -m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT -j DROP`,
  );
  if (!settings.tcpBeLiberal) filter.add("KUBE-FORWARD", "-m conntrack --ctstate INVALID -j DROP");
  filter.add(
    "KUBE-FORWARD",
    `${comment("kubernetes forwarding rules")} -m mark --mark ${MASQUERADE_MARK}/${MASQUERADE_MARK} -j ACCEPT`,
  );
  filter.add(
    "KUBE-FORWARD",
    `${comment("kubernetes forwarding conntrack rule")} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT`,
  );
  for (const [chain, rule] of NAT_JUMPS) nat.add(chain, rule);
  for (const chain of ["KUBE-NODEPORTS", "KUBE-SERVICES", "KUBE-MARK-MASQ", "KUBE-POSTROUTING"]) nat.declare(chain);
  nat.add("KUBE-MARK-MASQ", `-j MARK --or-mark ${MASQUERADE_MARK}`);
  nat.add("KUBE-POSTROUTING", `-m mark ! --mark ${MASQUERADE_MARK}/${MASQUERADE_MARK} -j RETURN`);
  nat.add("KUBE-POSTROUTING", `-j MARK --xor-mark ${MASQUERADE_MARK}`);
  nat.add("KUBE-POSTROUTING", `${comment("kubernetes service traffic requiring SNAT")} -j MASQUERADE --random-fully`);
}

/** Where packets to the port's addresses go: into a chain, or to nobody. */
function addCaptures(plan: PortPlan, filter: RuleTable, nat: RuleTable): void {
  const { port, refusesExternal, refusesInternal } = plan;
  const text = portName(port);
  const chains = iptablesChains(port);
  const refuse = (chain: string, match: string, refusal: "reject" | "drop") =>
    filter.add(
      chain,
      `${comment(`${text} has no ${refusal === "reject" ? "" : "local "}endpoints`)} ${match} -j ${refusal.toUpperCase()}`,
    );
  const internal = port.internalTrafficPolicy === "Local" ? chains.svl : chains.svc;
  if (refusesInternal === null)
    nat.add("KUBE-SERVICES", `${comment(`${text} cluster IP`)} ${toAddress(port, port.clusterIP)} -j ${internal}`);
  else refuse("KUBE-SERVICES", toAddress(port, port.clusterIP), refusesInternal);

  const balanced = plan.firewall ? chains.fw : chains.ext;
  const outer = [
    ...port.externalIPs.map((address) => ({ address, what: "external IP", chain: chains.ext })),
    ...port.loadBalancerIPs.map((address) => ({ address, what: "loadbalancer IP", chain: balanced })),
  ];
  for (const { address, what, chain } of outer) {
    if (plan.any) nat.add("KUBE-SERVICES", `${comment(`${text} ${what}`)} ${toAddress(port, address)} -j ${chain}`);
    if (refusesExternal !== null) refuse("KUBE-EXTERNAL-SERVICES", toAddress(port, address), refusesExternal);
  }
  if (plan.any && plan.firewall)
    for (const address of port.loadBalancerIPs)
      filter.add(
        "KUBE-PROXY-FIREWALL",
        `${comment(`${text} traffic not accepted by ${chains.fw}`)} ${toAddress(port, address)} -j DROP`,
      );
  if (port.nodePort === 0) return;
  if (plan.any) nat.add("KUBE-NODEPORTS", `${named(port)} ${toNodePort(port)} -j ${chains.ext}`);
  if (refusesExternal !== null)
    refuse("KUBE-EXTERNAL-SERVICES", `-m addrtype --dst-type LOCAL ${toNodePort(port)}`, refusesExternal);
}

/** The chains before the choice of an endpoint: source ranges, masquerading, short circuits. */
function addExternalChains(plan: PortPlan, nat: RuleTable, settings: RuleSettings): void {
  const { port } = plan;
  const text = portName(port);
  const { ext, fw, svc, svl } = iptablesChains(port);
  if (!plan.external) return;
  nat.declare(ext);
  if (port.externalTrafficPolicy === "Cluster")
    nat.add(ext, `${comment(`masquerade traffic for ${text} external destinations`)} -j KUBE-MARK-MASQ`);
  else {
    if (settings.clusterCidr !== null)
      nat.add(
        ext,
        `${comment(`pod traffic for ${text} external destinations`)} -s ${cidrText(settings.clusterCidr)} -j ${svc}`,
      );
    const local = "-m addrtype --src-type LOCAL";
    nat.add(ext, `${comment(`masquerade LOCAL traffic for ${text} external destinations`)} ${local} -j KUBE-MARK-MASQ`);
    nat.add(ext, `${comment(`route LOCAL traffic for ${text} external destinations`)} ${local} -j ${svc}`);
  }
  if (plan.refusesExternal === null) nat.add(ext, `-j ${port.externalTrafficPolicy === "Local" ? svl : svc}`);
  if (!plan.firewall) return;
  nat.declare(fw);
  const sources = [
    ...port.sourceRanges.map(cidrText),
    ...(plan.allowsNode ? port.loadBalancerIPs.map(formatAddress) : []),
  ];
  for (const source of sources) nat.add(fw, `${comment(`${text} loadbalancer IP`)} -s ${source} -j ${ext}`);
  nat.add(fw, comment(`other traffic to ${text} will be dropped by KUBE-PROXY-FIREWALL`));
}

/** The choice of an endpoint: affinity first, then chance (writeServiceToEndpointRules). */
function addChoice(plan: PortPlan, chain: string, endpoints: readonly ProxyEndpoint[], nat: RuleTable): void {
  const { port } = plan;
  const to = (endpoint: ProxyEndpoint) => comment(`${portName(port)} -> ${endpointText(endpoint)}`);
  if (port.affinitySeconds > 0)
    for (const endpoint of endpoints) {
      const sep = iptablesEndpointChain(port, endpoint);
      nat.add(
        chain,
        `${to(endpoint)} -m recent --name ${sep} --rcheck --seconds ${port.affinitySeconds} --reap -j ${sep}`,
      );
    }
  endpoints.forEach((endpoint, i) => {
    const left = endpoints.length - i;
    const chance =
      left === 1 ? "" : ` -m statistic --mode random --probability ${(1 / left).toFixed(PROBABILITY_DIGITS)}`;
    nat.add(chain, `${to(endpoint)}${chance} -j ${iptablesEndpointChain(port, endpoint)}`);
  });
}

function addEndpointChains(plan: PortPlan, nat: RuleTable, settings: RuleSettings): void {
  const { port } = plan;
  const { svc, svl } = iptablesChains(port);
  if (plan.cluster.length > 0) nat.declare(svc);
  if (plan.local.length > 0) nat.declare(svl);
  if (plan.refusesInternal === null) {
    const internal = port.internalTrafficPolicy === "Local" ? svl : svc;
    const match = `${comment(`${portName(port)} cluster IP`)} ${toAddress(port, port.clusterIP)}`;
    if (settings.masqueradeAll) nat.add(internal, `${match} -j KUBE-MARK-MASQ`);
    else if (settings.clusterCidr !== null)
      nat.add(internal, `${match} ! -s ${cidrText(settings.clusterCidr)} -j KUBE-MARK-MASQ`);
  }
  if (plan.cluster.length > 0) addChoice(plan, svc, plan.cluster, nat);
  if (plan.local.length > 0) addChoice(plan, svl, plan.local, nat);
  for (const endpoint of plan.reachable) {
    const sep = iptablesEndpointChain(port, endpoint);
    const remembers = port.affinitySeconds > 0 ? ` -m recent --name ${sep} --set` : "";
    nat.add(sep, `${named(port)} -s ${formatAddress(endpoint.address)} -j KUBE-MARK-MASQ`);
    nat.add(sep, `${named(port)}${remembers} ${layer4(port)} -j DNAT --to-destination ${endpointText(endpoint)}`);
  }
}

/**
 * What kube-proxy in iptables mode gives `iptables-restore --noflush` on a node, its jumps from the built-in chains
 * included, without the nfacct counters, which it leaves out itself where the kernel has none. Its order of services is
 * Go's order of a map, which is none: here it is the order of `ports`.
 *
 * Source: kubernetes pkg/proxy/iptables/proxier.go, syncProxyRules and writeServiceToEndpointRules.
 */
export function iptablesRules(ports: readonly ProxyPort[], node: RuleNode, settings: RuleSettings): string {
  const filter = new RuleTable("filter");
  const nat = new RuleTable("nat");
  addBaseRules(filter, nat, settings);
  for (const port of ports) {
    const plan = planPort(port, node);
    if (port.healthCheckNodePort !== 0 && port.externalTrafficPolicy === "Local")
      filter.add(
        "KUBE-NODEPORTS",
        `${comment(`${portName(port)} health check node port`)} -m tcp -p tcp --dport ${port.healthCheckNodePort} -j ACCEPT`,
      );
    addCaptures(plan, filter, nat);
    addExternalChains(plan, nat, settings);
    addEndpointChains(plan, nat, settings);
  }
  const last = comment("kubernetes service nodeports; NOTE: this must be the last rule in this chain");
  const destinations = node.nodePortAddresses?.map((address) => `-d ${formatAddress(address)}`);
  for (const destination of destinations ?? ["-m addrtype --dst-type LOCAL"])
    nat.add("KUBE-SERVICES", `${last} ${destination} -j KUBE-NODEPORTS`);
  return filter.text() + nat.text();
}
