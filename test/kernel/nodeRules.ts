import {
  CLUSTER_CIDR,
  type Mode,
  SERVICE_CIDR,
  SERVICES,
  type Service,
  type ServicePort,
  VPC_CIDR,
} from "./labFile.ts";

/**
 * The rules of a real node: kube-proxy's (pkg/proxy/iptables and pkg/proxy/nftables), with the probability of each
 * endpoint, and the VPC CNI's (pkg/networkutils/network.go). Chains have readable names instead of hashes.
 */

interface Entry {
  service: Service;
  port: ServicePort;
  /** Part of a chain's name. */
  id: string;
  proto: "tcp" | "udp";
  endpoints: string[];
}

function entries(addresses: ReadonlyMap<string, string>): Entry[] {
  return SERVICES.flatMap((service) =>
    service.ports.map((port): Entry => {
      const proto = port.protocol === "TCP" ? "tcp" : "udp";
      const endpoints = service.pods.map((pod) => addresses.get(pod) ?? "");
      return { service, port, id: `${service.name}-${proto}-${port.port}`, proto, endpoints };
    }),
  );
}

/** iptables-restore's input for kube-proxy's iptables mode. */
export function kubeProxyIptables(addresses: ReadonlyMap<string, string>): string {
  const chains: string[] = [];
  const nat: string[] = [];
  const nodePorts: string[] = [];
  const filter: string[] = [];
  const external: string[] = [];
  for (const { service, port, id, proto, endpoints } of entries(addresses)) {
    const match = `-d ${service.clusterIP} -p ${proto} -m ${proto} --dport ${port.port}`;
    if (endpoints.length === 0) {
      filter.push(`-A KUBE-SERVICES ${match} -j REJECT`);
      external.push(
        `-A KUBE-EXTERNAL-SERVICES -m addrtype --dst-type LOCAL -p ${proto} -m ${proto} --dport ${port.nodePort} -j REJECT`,
      );
      continue;
    }
    chains.push(`:SVC-${id} -`, `:EXT-${id} -`);
    nat.push(
      `-A KUBE-SERVICES ${match} -j SVC-${id}`,
      `-A EXT-${id} -j KUBE-MARK-MASQ`,
      `-A EXT-${id} -j SVC-${id}`,
      `-A SVC-${id} ! -s ${CLUSTER_CIDR.iptables} ${match} -j KUBE-MARK-MASQ`,
    );
    nodePorts.push(`-A KUBE-NODEPORTS -p ${proto} -m ${proto} --dport ${port.nodePort} -j EXT-${id}`);
    endpoints.forEach((address, i) => {
      const left = endpoints.length - i;
      const random = left === 1 ? "" : `-m statistic --mode random --probability ${(1 / left).toFixed(10)} `;
      chains.push(`:SEP-${id}-${i} -`);
      nat.push(
        `-A SVC-${id} ${random}-j SEP-${id}-${i}`,
        `-A SEP-${id}-${i} -s ${address} -j KUBE-MARK-MASQ`,
        `-A SEP-${id}-${i} -p ${proto} -m ${proto} -j DNAT --to-destination ${address}:${port.targetPort}`,
      );
    });
  }
  return `*filter
:KUBE-SERVICES -
:KUBE-EXTERNAL-SERVICES -
:KUBE-FORWARD -
:KUBE-FIREWALL -
-A INPUT -m conntrack --ctstate NEW -j KUBE-EXTERNAL-SERVICES
-A INPUT -j KUBE-FIREWALL
-A FORWARD -j KUBE-FORWARD
-A FORWARD -m conntrack --ctstate NEW -j KUBE-SERVICES
-A FORWARD -m conntrack --ctstate NEW -j KUBE-EXTERNAL-SERVICES
-A OUTPUT -m conntrack --ctstate NEW -j KUBE-SERVICES
-A OUTPUT -j KUBE-FIREWALL
${filter.join("\n")}
${external.join("\n")}
-A KUBE-FIREWALL ! -s 127.0.0.0/8 -d 127.0.0.0/8 -m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT -j DROP
-A KUBE-FORWARD -m conntrack --ctstate INVALID -j DROP
-A KUBE-FORWARD -m mark --mark 0x4000/0x4000 -j ACCEPT
-A KUBE-FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
COMMIT
*nat
:KUBE-SERVICES -
:KUBE-NODEPORTS -
:KUBE-POSTROUTING -
:KUBE-MARK-MASQ -
${chains.join("\n")}
-A PREROUTING -j KUBE-SERVICES
-A OUTPUT -j KUBE-SERVICES
-A POSTROUTING -j KUBE-POSTROUTING
-A KUBE-MARK-MASQ -j MARK --or-mark 0x4000
-A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN
-A KUBE-POSTROUTING -j MARK --xor-mark 0x4000
-A KUBE-POSTROUTING -j MASQUERADE --random-fully
${nat.join("\n")}
-A KUBE-SERVICES -m addrtype --dst-type LOCAL -j KUBE-NODEPORTS
${nodePorts.join("\n")}
COMMIT
`;
}

/** nft's input for kube-proxy's nftables mode. @param primary the node's primary address, which alone has NodePorts. */
export function kubeProxyNftables(addresses: ReadonlyMap<string, string>, primary: string): string {
  const all = entries(addresses);
  const served = all.filter(({ endpoints }) => endpoints.length > 0);
  const empty = all.filter(({ endpoints }) => endpoints.length === 0);
  const vip = ({ service, proto, port }: Entry) => `${service.clusterIP} . ${proto} . ${port.port}`;
  const nodePort = ({ proto, port }: Entry) => `${proto} . ${port.nodePort}`;
  const chains = served.flatMap(({ service, id, proto, port, endpoints }) => [
    `chain service-${id} {
      ip daddr ${service.clusterIP} ip saddr != ${CLUSTER_CIDR.nftables} jump mark-for-masquerade
      numgen random mod ${endpoints.length} vmap { ${endpoints.map((_, i) => `${i} : goto endpoint-${id}-${i}`).join(", ")} }
    }`,
    `chain external-${id} { jump mark-for-masquerade; goto service-${id}; }`,
    ...endpoints.map(
      (address, i) => `chain endpoint-${id}-${i} {
      ip saddr ${address} jump mark-for-masquerade
      meta l4proto ${proto} dnat to ${address}:${port.targetPort}
    }`,
    ),
  ]);
  return `table ip kube-proxy {
  set cluster-ips { type ipv4_addr; elements = { ${SERVICES.map((s) => s.clusterIP).join(", ")} }; }
  set nodeport-ips { type ipv4_addr; elements = { ${primary} }; }
  chain mark-for-masquerade { meta mark set meta mark | 0x4000; }
  chain reject-chain { reject; }
  ${chains.reverse().join("\n  ")}
  map service-ips {
    type ipv4_addr . inet_proto . inet_service : verdict
    elements = { ${served.map((e) => `${vip(e)} : goto service-${e.id}`).join(", ")} }
  }
  map service-nodeports {
    type inet_proto . inet_service : verdict
    elements = { ${served.map((e) => `${nodePort(e)} : goto external-${e.id}`).join(", ")} }
  }
  map no-endpoint-services {
    type ipv4_addr . inet_proto . inet_service : verdict
    elements = { ${empty.map((e) => `${vip(e)} : goto reject-chain`).join(", ")} }
  }
  map no-endpoint-nodeports {
    type inet_proto . inet_service : verdict
    elements = { ${empty.map((e) => `${nodePort(e)} : goto reject-chain`).join(", ")} }
  }
  chain services {
    ip daddr . meta l4proto . th dport vmap @service-ips
    ip daddr @nodeport-ips meta l4proto . th dport vmap @service-nodeports
  }
  chain service-endpoints-check { ip daddr . meta l4proto . th dport vmap @no-endpoint-services; }
  chain nodeport-endpoints-check { ip daddr @nodeport-ips meta l4proto . th dport vmap @no-endpoint-nodeports; }
  chain cluster-ips-check {
    ip daddr @cluster-ips reject
    ip daddr ${SERVICE_CIDR} drop
  }
  chain masquerading {
    meta mark & 0x4000 == 0 return
    meta mark set meta mark ^ 0x4000
    masquerade fully-random
  }
  chain filter-input {
    type filter hook input priority 0
    ct state new jump nodeport-endpoints-check
    ct state new jump service-endpoints-check
  }
  chain filter-forward {
    type filter hook forward priority 0
    ct state new jump service-endpoints-check
    ct state new jump cluster-ips-check
  }
  chain filter-output {
    type filter hook output priority 0
    ct state new jump service-endpoints-check
    ct state new jump cluster-ips-check
  }
  chain nat-prerouting { type nat hook prerouting priority -100; jump services; }
  chain nat-output { type nat hook output priority -100; jump services; }
  chain nat-postrouting { type nat hook postrouting priority 100; jump masquerading; }
}
`;
}

/** The VPC CNI's source NAT and connmark rules: iptables-restore's input (after kube-proxy's), and nft's. */
export function cniRules(primary: string): { iptables: string; nftables: string } {
  return {
    iptables: `*mangle
-A PREROUTING -i eth0 -m addrtype --dst-type LOCAL --limit-iface-in -j CONNMARK --set-xmark 0x80/0x80
-A PREROUTING -i eni+ -j CONNMARK --restore-mark --nfmask 0x80 --ctmask 0x80
COMMIT
*nat
:AWS-SNAT-CHAIN-0 -
-A POSTROUTING -j AWS-SNAT-CHAIN-0
-A AWS-SNAT-CHAIN-0 -d ${VPC_CIDR} -j RETURN
-A AWS-SNAT-CHAIN-0 ! -o vlan+ -m addrtype ! --dst-type LOCAL -j SNAT --to-source ${primary} --random-fully
COMMIT
`,
    nftables: `table ip aws-cni {
  chain snat-mark {
    ip daddr ${VPC_CIDR} return
    ct mark set ct mark | 0x80
  }
  chain nat-prerouting {
    type nat hook prerouting priority -90
    fib daddr type local return
    iifname "eni*" jump snat-mark
    meta mark set ct mark & 0x80
  }
}
`,
  };
}

export const rulesOf = (mode: Mode, addresses: ReadonlyMap<string, string>, primary: string) => {
  const cni = cniRules(primary);
  return mode === "iptables"
    ? { iptables: kubeProxyIptables(addresses) + cni.iptables, nftables: cni.nftables }
    : { iptables: cni.iptables, nftables: kubeProxyNftables(addresses, primary) + cni.nftables };
};
