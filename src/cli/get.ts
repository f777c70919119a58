import { type Command, Option } from "commander";
import { ask, findLab } from "../lab/controlClient.ts";
import type { ViewName, Views } from "../lab/controlProtocol.ts";
import { subnetMap } from "../observe/subnetMap.ts";
import { CLUSTER_VIEWS } from "./clusterViews.ts";
import { type ConntrackOptions, conntrackOptions, isConntrackAsked, showConntrack } from "./getConntrack.ts";
import { LIVE_VIEWS } from "./liveViews.ts";
import { fittingTable, print, printJson, terminalWidth, useColour } from "./output.ts";
import { modeOption, type RulesOptions, showRules } from "./rules.ts";
import type { Columns, OwnTable } from "./view.ts";
import { subnetMaps, VPC_VIEWS } from "./vpcViews.ts";

export { subnetMaps } from "./vpcViews.ts";

interface GetOptions extends Omit<RulesOptions, "output">, ConntrackOptions {
  all?: boolean;
  map?: boolean;
  by?: "destination";
}

const VIEWS: { [V in ViewName]: Columns<Views[V][number]> | OwnTable<Views[V][number]> } = {
  ...CLUSTER_VIEWS,
  ...VPC_VIEWS,
  ...LIVE_VIEWS,
};

/** What is text and no table. */
const RULES = "rules";
/** Other words for a view. */
const ALIASES: ReadonlyMap<string, ViewName> = new Map([["drops", "reasons"]]);
/** Asked for as `get nat --by destination`. */
const POOLS = "natpools";
const WHAT = [...Object.keys(VIEWS).filter((what) => what !== POOLS), RULES].join(", ");

export function getCommand(program: Command): void {
  const command = program
    .command("get")
    .description(`show what a lab has: ${WHAT}`)
    .argument("<what>", WHAT)
    .argument("[object]", "only what has this name")
    .option("-n, --name <name>", "which of several running labs")
    .option("-a, --all", "reasons: those that never happened as well")
    .option("--map", "subnets: draw which addresses are used, and by whom; so does naming one subnet")
    .addOption(new Option("--by <what>", "nat: how full the ports of each destination are").choices(["destination"]))
    .addOption(modeOption("rules: as kube-proxy in this mode writes them; without it, in the lab's"))
    .option("--node <node>", "rules, conntrack: of this node alone")
    .option("--lab <lab>", "of a lab that does not run, from its files (all that is not about packets)")
    .addOption(
      new Option("-o, --output <format>", "how to print it; wide: services with their counts; extended: conntrack")
        .choices(["table", "json", "wide", "extended"])
        .default("table"),
    );
  for (const option of conntrackOptions()) command.addOption(option);
  command.action(async (named: string, object: string | undefined, options: GetOptions) => {
    const what = ALIASES.get(named) ?? named;
    checkOptions(what, options);
    const output = options.output === "json" ? "json" : "table";
    if (what === RULES) {
      await showRules({ ...options, output, ...(object === undefined ? {} : { node: object }) });
      return;
    }
    if (!isView(what)) throw new Error(`there is no view "${what}": choose one of ${WHAT}`);
    if (what === "conntrack" && options.lab === undefined) {
      await showConntrack(object ?? null, options);
      return;
    }
    const view = what === "nat" && options.by !== undefined ? POOLS : what;
    const rows =
      options.lab === undefined
        ? await ask(await findLab(options.name), "get", { what: view, name: object ?? null })
        : await viewOfFiles(view, object ?? null, options.lab);
    const hasName = object !== undefined;
    const maps = view === "subnets" ? subnetMaps(rows as Views["subnets"], options.map === true, hasName) : [];
    if (output === "json") {
      printJson(maps.length === 0 ? rows : rows.map((row, i) => ({ ...row, map: maps[i] })));
      return;
    }
    const text = viewTable(view, rows, options.all === true || hasName, tableRoom(), options.output === "wide");
    const style = { width: terminalWidth(), colour: useColour };
    print([text, ...maps.map((map) => subnetMap(map, style))].join("\n\n"));
  });
}

async function viewOfFiles(view: ViewName, name: string | null, lab: string): Promise<Views[ViewName]> {
  const { loadLab, offlineView } = await import("../lab/fromFiles.ts");
  return offlineView(view, name, loadLab(lab).cluster);
}

/** Characters that a table may take: programs that read one want a line for each row, however long. */
export function tableRoom(): number {
  return process.stdout.isTTY === true ? terminalWidth() : Number.POSITIVE_INFINITY;
}

function checkOptions(what: string, options: GetOptions): void {
  if (options.map === true && what !== "subnets") throw new Error(`--map is of subnets: podplane get subnets --map`);
  if (options.by !== undefined && what !== "nat")
    throw new Error(`--by is of nat: podplane get nat --by ${options.by}`);
  if (options.output === "wide" && what !== "services")
    throw new Error("-o wide is of services: podplane get services -o wide");
  if (what === "conntrack") return;
  const odd = isConntrackAsked(options);
  if (odd !== null) throw new Error(`${odd} is of conntrack: podplane get conntrack ${odd}`);
}

function isView(name: string): name is ViewName {
  return Object.hasOwn(VIEWS, name);
}

/** A view as a table for people, within a width where there is one. */
export function viewTable<V extends ViewName>(
  what: V,
  rows: Views[ViewName],
  all: boolean,
  width = Number.POSITIVE_INFINITY,
  wide = false,
): string {
  const view = VIEWS[what] as Columns<Views[ViewName][number]> | OwnTable<Views[ViewName][number]>;
  const shown = what === "reasons" && !all ? (rows as Views["reasons"]).filter((r) => r.count > 0) : rows;
  if (shown.length === 0) return what === "reasons" ? "no packet was dropped" : view.empty;
  return "table" in view
    ? view.table(shown, terminalWidth(), wide)
    : fittingTable(view.header, shown.map(view.row), width);
}
