import { Option } from "commander";
import type { NodeRules } from "../control/kube/rules/clusterRules.ts";
import { RULE_MODES, type RuleMode } from "../control/kube/rules/nodeRules.ts";
import { ask, findLab } from "../lab/controlClient.ts";
import { type Format, print, printJson } from "./output.ts";

export interface RulesOptions {
  name?: string;
  lab?: string;
  mode?: RuleMode;
  node?: string;
  output: Format;
}

/** `--mode iptables|nftables` */
export function modeOption(description: string): Option {
  return new Option("--mode <mode>", description).choices(RULE_MODES);
}

/** Rules of a lab that runs, or of one that does not. */
async function rulesOf(options: RulesOptions): Promise<NodeRules[]> {
  const mode = options.mode ?? null;
  const node = options.node ?? null;
  if (options.lab === undefined) return await ask(await findLab(options.name), "rules", { mode, node });
  const { clusterRules, loadLab } = await import("../lab/fromFiles.ts");
  const { cluster } = loadLab(options.lab);
  return clusterRules(cluster.state(), cluster.snapshot(), mode, node);
}

/** `podplane get rules`: what kube-proxy and the CNI would have written into the nodes' kernels. */
export async function showRules(options: RulesOptions): Promise<void> {
  const rules = await rulesOf(options);
  if (options.output === "json") {
    printJson(rules);
    return;
  }
  print(rules.map(rulesText).join("\n"));
}

/** The texts under headings that both programs take for comments. */
function rulesText({ iptables, node, nftables }: NodeRules): string {
  return [
    ...(nftables === "" ? [] : [`# node ${node}: nft -f`, nftables]),
    ...(iptables === "" ? [] : [`# node ${node}: iptables-restore --noflush`, iptables]),
  ].join("\n");
}
