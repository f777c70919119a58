import type { OwnFlow } from "../control/ownTraffic.ts";
import type { NamespaceSpec as LabNamespace } from "../control/workloads.ts";
import { formatAddress } from "../plane/wire/address.ts";
import type { NamespaceSpec, RoutingEntry } from "./namespaceProtocol.ts";

/** A TUN's default ring of 500 packets overflows on bursts. */
const TXQUEUELEN = 10_000;
/** The link-local gateway that the VPC CNI gives every pod (vpc-cni driver.go, SetupPodNetwork). */
const POD_GATEWAY = "169.254.1.1";
const DEVICE = "eth0";
/** kube-apiserver's --service-node-port-range. */
const NODE_PORTS = "30000-32767";
/** Routes to the node's own addresses by its TUN. */
const OWN_TABLE = "200";
const ANY_LOCAL_TABLE = "201";
/** Rules for what a node sends to itself. */
const OWN_PREFERENCE = 2;
/** The rules of ours come before it. */
const LOCAL_RULE_PREFERENCE = 4;

/**
 * Settings that matter to forwarding are set, not inherited, so that a lab behaves alike on every machine: no reverse
 * path filter (the plane checks sources), TCP as Linux ships it.
 */
const SYSCTLS: Record<string, string> = {
  "net.ipv4.conf.all.rp_filter": "0",
  "net.ipv4.conf.eth0.rp_filter": "0",
  "net.ipv4.ip_forward": "0",
  "net.ipv4.conf.eth0.accept_redirects": "0",
  "net.ipv4.tcp_syncookies": "1",
  "net.ipv4.tcp_sack": "1",
  "net.ipv4.tcp_timestamps": "1",
  "net.ipv4.tcp_window_scaling": "1",
  "net.ipv4.tcp_mtu_probing": "0",
  "net.ipv4.ip_no_pmtu_disc": "0",
};

/** A NAT instance or a firewall: it sends on by the device that a packet came by, and tells nobody of a shorter way. */
const APPLIANCE_SYSCTLS: Record<string, string> = {
  "net.ipv4.ip_forward": "1",
  "net.ipv4.conf.all.send_redirects": "0",
  "net.ipv4.conf.eth0.send_redirects": "0",
};

/** A name that a namespace's file may have. */
export function namespaceFileName(name: string): string {
  return name.replaceAll("/", ".");
}

export interface NetOptions {
  offload: boolean;
  queues: number;
}

/** How a pod's, a host's or a node's own network namespace is set up. */
export function netSpec(spec: LabNamespace, options: NetOptions): NamespaceSpec {
  const node = spec.kind === "node";
  return {
    name: namespaceFileName(spec.name),
    device: DEVICE,
    addresses: [`${spec.address}/32`],
    mtu: spec.mtu,
    txqueuelen: TXQUEUELEN,
    offload: options.offload,
    queues: options.queues,
    routes:
      spec.kind === "pod"
        ? [`${POD_GATEWAY} dev ${DEVICE} scope link`, `default via ${POD_GATEWAY} dev ${DEVICE}`]
        : [`default dev ${DEVICE} src ${spec.address}`, ...(node ? nodeRoutes(spec.address) : [])],
    rules: node ? nodeRules() : [],
    ...(node ? { localRulePreference: LOCAL_RULE_PREFERENCE } : {}),
    sysctls: { ...SYSCTLS, ...(node ? NODE_SYSCTLS : {}), ...(spec.forwards === true ? APPLIANCE_SYSCTLS : {}) },
  };
}

/**
 * A node's host namespace. The plane is the node's NAT, so what a real node translates in OUTPUT must reach the TUN:
 * NodePorts at the node's own addresses and at 127.0.0.1 are routed out instead of to the loopback, by rules in front of
 * the local table; {@link ownRule} has those that come and go. What the plane delivers is for the node, whatever address it names (its other ENIs', 127.0.0.1).
 */
function nodeRules(): string[] {
  return [
    `pref 1 iif ${DEVICE} lookup ${ANY_LOCAL_TABLE}`,
    `pref ${OWN_PREFERENCE} iif lo ipproto tcp dport ${NODE_PORTS} lookup ${OWN_TABLE}`,
    `pref ${OWN_PREFERENCE} iif lo ipproto udp dport ${NODE_PORTS} lookup ${OWN_TABLE}`,
  ];
}

/** A route to a further address of a node's own, by its TUN: for what the rules say leaves by it. */
export function ownRoute(address: string): RoutingEntry {
  return { object: "route", text: `${address} dev ${DEVICE} src ${address} table ${OWN_TABLE}` };
}

/** Routes what a node sends to itself out to the plane. */
export function ownRule({ address, end, port, protocol }: OwnFlow): RoutingEntry {
  const which = end === "destination" ? "dport" : "sport";
  const at = address === 0 ? "" : ` to ${formatAddress(address)}`;
  return {
    object: "rule",
    text: `pref ${OWN_PREFERENCE} iif lo${at} ipproto ${protocol} ${which} ${port} lookup ${OWN_TABLE}`,
  };
}

function nodeRoutes(address: string): string[] {
  return [
    `local default dev lo table ${ANY_LOCAL_TABLE}`,
    `127.0.0.0/8 dev ${DEVICE} src 127.0.0.1 table ${OWN_TABLE}`,
    `${address} dev ${DEVICE} src ${address} table ${OWN_TABLE}`,
  ];
}

const NODE_SYSCTLS: Record<string, string> = {
  "net.ipv4.conf.all.accept_local": "1",
  "net.ipv4.conf.eth0.accept_local": "1",
  "net.ipv4.conf.all.route_localnet": "1",
  "net.ipv4.conf.eth0.route_localnet": "1",
};
