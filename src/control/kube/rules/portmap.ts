import type { HostPortRow } from "../../../plane/rows.ts";
import { formatAddress } from "../../../plane/wire/address.ts";
import { PROTOCOLS } from "../../protocols.ts";
import { RuleTable } from "./ruleTable.ts";

const MARK = "0x2000";
const LOCALHOST = "127.0.0.1";
const NAMES = new Map(Object.entries(PROTOCOLS).map(([name, number]) => [number, name.toLowerCase()]));

/**
 * The hostPorts of a node's pods as the portmap plugin of containernetworking/plugins writes them with `snat: true`, as
 * the VPC CNI's 10-aws.conflist has it: rules for iptables-restore, whatever mode kube-proxy is in. Chains are named by
 * what they map where the plugin hashes the container's name.
 *
 * Source: containernetworking/plugins plugins/meta/portmap/portmap_iptables.go, fillDnatRules, genToplevelDnatChain,
 * genSetMarkChain, genMarkMasqChain.
 *
 * @param rows those of this node.
 */
export function portmapRules(rows: readonly HostPortRow[]): string {
  if (rows.length === 0) return "";
  const nat = new RuleTable("nat");
  for (const chain of ["PREROUTING", "OUTPUT"]) nat.add(chain, "-m addrtype --dst-type LOCAL -j CNI-HOSTPORT-DNAT");
  nat.add("POSTROUTING", '-m comment --comment "CNI portfwd requiring masquerade" -j CNI-HOSTPORT-MASQ');
  nat.add("CNI-HOSTPORT-MASQ", `-m mark --mark ${MARK}/${MARK} -j MASQUERADE`);
  nat.add("CNI-HOSTPORT-SETMARK", `-m comment --comment "CNI portfwd masquerade mark" -j MARK --or-mark ${MARK}`);
  for (const row of rows) {
    const protocol = NAMES.get(row.protocol) ?? String(row.protocol);
    const at = row.address === 0 ? "" : ` -d ${formatAddress(row.address)}`;
    const chain = `CNI-DN-${protocol}-${row.port}${row.address === 0 ? "" : `-${(row.address >>> 0).toString(16)}`}`;
    const match = `-p ${protocol} -m ${protocol} --dport ${row.port}${at}`;
    const target = formatAddress(row.target);
    nat.add("CNI-HOSTPORT-DNAT", `-p ${protocol} -m multiport --dports ${row.port}${at} -j ${chain}`);
    // The pod that asks its own host port, and the node that asks by 127.0.0.1.
    for (const source of [target, LOCALHOST]) nat.add(chain, `${match} -s ${source} -j CNI-HOSTPORT-SETMARK`);
    nat.add(chain, `${match} -j DNAT --to-destination ${target}:${row.targetPort}`);
  }
  return nat.text();
}
