import { formatAddress } from "../../../plane/wire/address.ts";
import type { CniSettings } from "../../objects/cniEnv.ts";
import { type Cidr, cidrText } from "../../vpc/cidr.ts";
import { RuleTable } from "./ruleTable.ts";

const CONNMARK = "0x80";
const RANDOM = { none: "", hashrandom: " --random", prng: " --random-fully" } as const;

/**
 * The VPC CNI's source NAT and its marks, for iptables-restore after kube-proxy's rules, and for nft: since v1.23 the
 * mark of what leaves the VPC is a table of its own, which comes after kube-proxy's DNAT.
 *
 * Source: amazon-vpc-cni-k8s pkg/networkutils/network.go (buildIptablesSNATRules, buildIptablesConnmarkRules), its
 * nftables_connmark.go.
 *
 * @param primary the primary ENI's own address, int32.
 * @param vpc CIDR blocks of the VPC, whose addresses nothing is translated for.
 */
export function vpcCniRules(
  primary: number,
  vpc: readonly Cidr[],
  cni: Pick<CniSettings, "externalSnat" | "randomizeSnat" | "excludeSnatCidrs">,
): { iptables: string; nftables: string } {
  const mangle = new RuleTable("mangle");
  mangle.add(
    "PREROUTING",
    `-m comment --comment "AWS, primary ENI" -i eth0 -m addrtype --dst-type LOCAL --limit-iface-in -j CONNMARK --set-xmark ${CONNMARK}/${CONNMARK}`,
  );
  mangle.add(
    "PREROUTING",
    `-m comment --comment "AWS, primary ENI" -i eni+ -j CONNMARK --restore-mark --nfmask ${CONNMARK} --ctmask ${CONNMARK}`,
  );
  if (cni.externalSnat) return { iptables: mangle.text(), nftables: "" };
  const nat = new RuleTable("nat");
  const own = vpc.map(cidrText);
  const excluded = cni.excludeSnatCidrs.filter((cidr) => !own.includes(cidr));
  nat.add("POSTROUTING", '-m comment --comment "AWS SNAT CHAIN" -j AWS-SNAT-CHAIN-0');
  for (const cidr of [...excluded].reverse())
    nat.add("AWS-SNAT-CHAIN-0", `-d ${cidr} -m comment --comment "AWS SNAT CHAIN EXCLUSION" -j RETURN`);
  for (const cidr of [...own].reverse())
    nat.add("AWS-SNAT-CHAIN-0", `-d ${cidr} -m comment --comment "AWS SNAT CHAIN" -j RETURN`);
  nat.add(
    "AWS-SNAT-CHAIN-0",
    `! -o vlan+ -m comment --comment "AWS, SNAT" -m addrtype ! --dst-type LOCAL -j SNAT --to-source ${formatAddress(primary)}${RANDOM[cni.randomizeSnat]}`,
  );
  const nftables = [
    "table ip aws-cni {",
    "  chain snat-mark {",
    ...[...excluded, ...own].map((cidr) => `    ip daddr ${cidr} return`),
    `    ct mark set ct mark | ${CONNMARK}`,
    "  }",
    "  chain nat-prerouting {",
    "    type nat hook prerouting priority -90",
    "    fib daddr type local return",
    '    iifname "eni*" jump snat-mark',
    `    meta mark set ct mark & ${CONNMARK}`,
    "  }",
    "}",
    "",
  ].join("\n");
  return { iptables: mangle.text() + nat.text(), nftables };
}
