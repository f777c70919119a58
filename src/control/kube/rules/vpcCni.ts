import { formatAddress } from "../../../plane/wire/address.ts";
import type { CniSettings } from "../../objects/cniEnv.ts";
import { type Cidr, cidrText } from "../../vpc/cidr.ts";
import { RuleTable } from "./ruleTable.ts";

const RANDOM = { none: "", hashrandom: " --random", prng: " --random-fully" } as const;
const EVERYTHING = "0.0.0.0/0";

/** What the VPC CNI's rules on a node follow from. */
export interface CniRules
  extends Pick<CniSettings, "externalSnat" | "randomizeSnat" | "excludeSnatCidrs" | "nodePortSupport" | "connmark"> {
  /** As before 1.23: the mark of what leaves the VPC is in iptables' nat PREROUTING, in front of kube-proxy's chains. */
  readonly markBeforeDnat: boolean;
}

/** Mangle: what came for the primary ENI's own address is answered through it. */
function mangleRules({ connmark, externalSnat, nodePortSupport }: CniRules): string {
  const mangle = new RuleTable("mangle");
  const mark = hex(connmark);
  const add = (rule: string) => mangle.add("PREROUTING", `-m comment --comment "AWS, primary ENI" ${rule}`);
  const restore = (device: string) => add(`-i ${device} -j CONNMARK --restore-mark --nfmask ${mark} --ctmask ${mark}`);
  if (nodePortSupport)
    add(`-i eth0 -m addrtype --dst-type LOCAL --limit-iface-in -j CONNMARK --set-xmark ${mark}/${mark}`);
  if (nodePortSupport || !externalSnat) restore("eni+");
  if (nodePortSupport) restore("vlan+");
  return nodePortSupport || !externalSnat ? mangle.text() : "";
}

const hex = (mark: number): string => `0x${mark.toString(16)}`;
/** The kernel leaves a match of everything out, and so does the CNI. */
const destination = (cidr: string): string => (cidr === EVERYTHING ? "" : `-d ${cidr} `);

/** The egress mark of 1.22 and before (iptables_connmark.go). */
function markInIptables(nat: RuleTable, returns: readonly string[], mark: string): void {
  nat.add("PREROUTING", '-i eni+ -m comment --comment "AWS, outbound connections" -j AWS-CONNMARK-CHAIN-0');
  nat.add(
    "PREROUTING",
    `-m comment --comment "AWS, CONNMARK" -j CONNMARK --restore-mark --nfmask ${mark} --ctmask ${mark}`,
  );
  for (const cidr of returns)
    nat.add("AWS-CONNMARK-CHAIN-0", `${destination(cidr)}-m comment --comment "AWS CONNMARK CHAIN" -j RETURN`);
  nat.add("AWS-CONNMARK-CHAIN-0", `-m comment --comment "AWS, CONNMARK" -j CONNMARK --set-xmark ${mark}/${mark}`);
}

/** The egress mark since 1.23 (nftables_connmark.go): a table of its own, which comes after kube-proxy's DNAT. */
function markInNftables(returns: readonly string[], mark: string): string {
  return [
    "table ip aws-cni {",
    "  chain snat-mark {",
    ...returns.map((cidr) => (cidr === EVERYTHING ? "    return" : `    ip daddr ${cidr} return`)),
    `    ct mark set ct mark | ${mark}`,
    "  }",
    "  chain nat-prerouting {",
    "    type nat hook prerouting priority -90",
    "    fib daddr type local return",
    '    iifname "eni*" jump snat-mark',
    `    meta mark set ct mark & ${mark}`,
    "  }",
    "}",
    "",
  ].join("\n");
}

/**
 * The VPC CNI's source NAT and its marks, for iptables-restore and for nft.
 *
 * Source: amazon-vpc-cni-k8s pkg/networkutils/network.go (buildIptablesSNATRules), iptables_connmark.go and
 * nftables_connmark.go.
 *
 * @param primary the primary ENI's own address, int32.
 * @param vpc CIDR blocks of the VPC, whose addresses nothing is translated for.
 * @returns `before`: for iptables-restore before kube-proxy's rules; `iptables`: after them.
 */
export function vpcCniRules(
  primary: number,
  vpc: readonly Cidr[],
  cni: CniRules,
): { before: string; iptables: string; nftables: string } {
  const mangle = mangleRules(cni);
  if (cni.externalSnat) return { before: "", iptables: mangle, nftables: "" };
  const nat = new RuleTable("nat");
  const own = vpc.map(cidrText);
  const excluded = cni.excludeSnatCidrs.filter((cidr) => !own.includes(cidr));
  nat.add("POSTROUTING", '-m comment --comment "AWS SNAT CHAIN" -j AWS-SNAT-CHAIN-0');
  for (const cidr of [...excluded].reverse())
    nat.add("AWS-SNAT-CHAIN-0", `${destination(cidr)}-m comment --comment "AWS SNAT CHAIN EXCLUSION" -j RETURN`);
  for (const cidr of [...own].reverse())
    nat.add("AWS-SNAT-CHAIN-0", `-d ${cidr} -m comment --comment "AWS SNAT CHAIN" -j RETURN`);
  nat.add(
    "AWS-SNAT-CHAIN-0",
    `! -o vlan+ -m comment --comment "AWS, SNAT" -m addrtype ! --dst-type LOCAL -j SNAT --to-source ${formatAddress(primary)}${RANDOM[cni.randomizeSnat]}`,
  );
  const returns = [...excluded, ...own];
  const mark = hex(cni.connmark);
  if (!cni.markBeforeDnat)
    return { before: "", iptables: mangle + nat.text(), nftables: markInNftables(returns, mark) };
  const early = new RuleTable("nat");
  markInIptables(early, [...returns].reverse(), mark);
  return { before: early.text(), iptables: mangle + nat.text(), nftables: "" };
}
