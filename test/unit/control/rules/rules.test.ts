import { describe, expect, it } from "vitest";
import { iptablesRules } from "../../../../src/control/kube/rules/iptables.ts";
import { nftablesRules } from "../../../../src/control/kube/rules/nftables.ts";
import { toCidr } from "../../../../src/control/vpc/cidr.ts";
import { OVERALL_FILTER, OVERALL_NAT, OVERALL_NFTABLES } from "./overall.ts";
import { endpoint, int, NODE, OVERALL, port, SETTINGS } from "./ports.ts";

const BUILT_IN = /^(PREROUTING|INPUT|FORWARD|OUTPUT|POSTROUTING) /;

/** Rules of a table by chain, in their order within it, without comments. */
function tableOf(text: string, name: string): Map<string, string[]> {
  const body = text.slice(text.indexOf(`*${name}\n`));
  const lines = body.slice(0, body.indexOf("COMMIT")).split("\n");
  return byChain(
    lines
      .filter((line) => line.startsWith("-A "))
      .map((line) => line.slice("-A ".length).replace(/ -m comment --comment ("[^"]*"|\S+)/, ""))
      .filter((line) => !BUILT_IN.test(line)),
  );
}

function byChain(lines: readonly string[]): Map<string, string[]> {
  const chains = new Map<string, string[]>();
  for (const line of [...lines]) {
    const [chain] = line.split(" ");
    chains.set(chain, [...(chains.get(chain) ?? []), line]);
  }
  return chains;
}

const linesOf = (text: string): string[] => text.split("\n").filter((line) => line !== "");
const count = (rules: Map<string, string[]>): number => [...rules.values()].flat().length;

/** Everything about services, without comments, in the order of a chain's rules. */
function nftLines(text: string): string[] {
  return linesOf(text)
    .map((line) =>
      line
        .replace("add ", "")
        .replace("ip kube-proxy ", "")
        .replace(/ comment "[^"]*"/, ""),
    )
    .filter((line) => line.includes("-ns") || line.startsWith("element"))
    .filter((line) => !line.startsWith("chain") && !line.startsWith("element nodeport-ips"));
}

/** Lines with those of each chain or map in their order, whatever the order of chains. */
const inChains = (lines: readonly string[]): string[] =>
  [...byChain(lines.filter((l) => l.startsWith("rule")).map((l) => l.slice("rule ".length)))]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([, rules]) => rules);

describe("iptables mode", () => {
  const rules = iptablesRules(OVERALL, NODE, SETTINGS);

  it("writes what kube-proxy's golden test has", () => {
    expect(tableOf(rules, "filter")).toEqual(byChain(linesOf(OVERALL_FILTER)));
    expect(tableOf(rules, "nat")).toEqual(byChain(linesOf(OVERALL_NAT)));
  });

  it("declares every chain that it uses, and no other", () => {
    for (const table of rules.split("COMMIT\n").filter((t) => t !== "")) {
      const declared = [...table.matchAll(/^:(\S+) - \[0:0\]$/gm)].map((m) => m[1]);
      const used = [...table.matchAll(/^-A (\S+)| -j (KUBE-\S+)/gm)].map((m) => m[1] ?? m[2]);
      const own = new Set(used.filter((chain) => chain.startsWith("KUBE-")));
      expect(new Set(declared)).toEqual(new Set([...own, ...declared.filter((d) => BASE.includes(d))]));
      for (const chain of own) expect(declared).toContain(chain);
    }
  });

  it("says what its rules are for, in kube-proxy's words", () => {
    expect(rules).toContain('-A KUBE-SERVICES -m comment --comment "ns6/svc6:p80 has no endpoints" -m tcp');
    expect(rules).toContain('--comment "ns2/svc2:p80 has no local endpoints" -m addrtype');
    expect(rules).toContain('--comment "ns4/svc4:p80 -> 10.180.0.4:80" -m statistic');
    expect(rules).toContain("-A KUBE-NODEPORTS -m comment --comment ns3/svc3:p80 -m tcp");
  });

  // As kube-proxy counts them in its own test (number_generated_rules_test.go): nat 5 + S(2 + 3E) for ClusterIPs and
  // 5 + S(9 + 3E) for load balancers with an external IP and a source range; filter 4 and 4 + S without endpoints, of
  // load balancers 4 + S and 4 + 4S.
  it.each([
    [0, 0],
    [1, 0],
    [1, 1],
    [4, 1],
    [4, 7],
    [10, 3],
  ])("has as many rules as kube-proxy: %i services with %i endpoints", (services, endpoints) => {
    const all = Array.from({ length: endpoints }, (_, i) => endpoint(`10.1.0.${i + 1}`));
    const some = Array.from({ length: services }, (_, i) =>
      port(1, { name: `many-${i}`, clusterIP: int(`172.30.1.${i}`), endpoints: all }),
    );
    const text = iptablesRules(some, NODE, SETTINGS);
    // Without services there are three of KUBE-POSTROUTING, one of KUBE-MARK-MASQ and the last of KUBE-SERVICES.
    expect(count(tableOf(text, "nat"))).toBe(endpoints === 0 ? 5 : 5 + services * (2 + 3 * endpoints));
    expect(count(tableOf(text, "filter"))).toBe(4 + (endpoints === 0 ? services : 0));
    const balanced = some.map((p, i) => ({
      ...p,
      nodePort: 30_001 + i,
      loadBalancerIPs: [int(`1.2.3.${i}`)],
      externalIPs: [int(`1.2.4.${i}`)],
      sourceRanges: [toCidr("10.0.0.0/8")],
    }));
    const wide = iptablesRules(balanced, NODE, SETTINGS);
    expect(count(tableOf(wide, "nat"))).toBe(endpoints === 0 ? 5 : 5 + services * (9 + 3 * endpoints));
    expect(count(tableOf(wide, "filter"))).toBe(4 + services * (endpoints === 0 ? 4 : 1));
  });
});

const BASE = ["KUBE-NODEPORTS", "KUBE-SERVICES", "KUBE-EXTERNAL-SERVICES", "KUBE-PROXY-FIREWALL", "KUBE-FORWARD"];

describe("nftables mode", () => {
  it("writes what kube-proxy's golden test has", () => {
    const own = nftLines(nftablesRules(OVERALL, NODE, SETTINGS));
    const golden = linesOf(OVERALL_NFTABLES);
    expect([...own].sort()).toEqual([...golden].sort());
    expect(inChains(own)).toEqual(inChains(golden));
  });

  it("has a NodePort at the node's primary address alone", () => {
    expect(nftablesRules([], NODE, SETTINGS)).toContain("add element ip kube-proxy nodeport-ips { 192.168.0.2 }");
  });
});
