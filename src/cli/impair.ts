import { type Command, Option } from "commander";
import type { Direction } from "../control/impair/points.ts";
import { ask, findLab } from "../lab/controlClient.ts";
import { viewTable } from "./get.ts";
import { type Format, print, printError, printJson, terminalWidth } from "./output.ts";
import { outputOption } from "./parse.ts";

interface ImpairOptions {
  direction?: Direction | "both";
  clear?: boolean;
  name?: string;
  output: Format;
}

const DIRECTIONS = ["out", "in", "both"];

export function impairCommand(program: Command): void {
  program
    .command("impair")
    .description("lose, delay, limit, duplicate, reorder or corrupt packets on purpose; alone: list what is impaired")
    .argument("[point]", "pod/web-1, host/rds, node/node-1, or an ENI: node-1/eth1")
    .argument("[settings...]", "loss=1% delay=50ms jitter=5ms rate=10mbit ...; loss=0 ends loss")
    .addOption(
      new Option("-d, --direction <direction>", "out: what it sends (unless given); in: what it gets").choices(
        DIRECTIONS,
      ),
    )
    .option("--clear", "end all that is done at the point, in both directions unless one is given")
    .option("-n, --name <name>", "which of several running labs")
    .addOption(outputOption())
    .addHelpText("after", HELP)
    .action(async (point: string | undefined, settings: string[], options: ImpairOptions) => {
      const { direction, clear = false } = options;
      const changes = clear || settings.length > 0;
      if (point?.includes("=") === true)
        throw new Error(`name a point in front of ${point}: podplane impair pod/web-1 ${point}`);
      if (point === undefined && clear) throw new Error("name the point to clear: podplane impair pod/web-1 --clear");
      if (!changes && direction !== undefined)
        throw new Error("--direction is of settings: podplane impair POINT loss=1%");
      const asked = direction ?? (clear && settings.length === 0 ? "both" : "out");
      const directions: Direction[] = asked === "both" ? ["out", "in"] : [asked];
      const { rows, notes } = await ask(await findLab(options.name), "impair", {
        at: point ?? null,
        change: changes ? { directions, settings, clear } : null,
      });
      for (const note of notes) printError(`note: ${note}`);
      if (options.output === "json") printJson(rows);
      else {
        const width = process.stdout.isTTY === true ? terminalWidth() : Number.POSITIVE_INFINITY;
        print(viewTable("impairments", rows, false, width));
      }
    });
}

const HELP = `
Settings, in tc-netem's terms. All combine; what is not named stays as it is:
  loss=1%[,25%]              lost at random, with a correlation
  gemodel=1%[,10%[,70%[,0]]] lost in bursts (Gilbert-Elliott: p, r, 1-h, 1-k)
  delay=50ms jitter=5ms      how long packets wait, and how far from that
  distribution=normal        of the jitter; or uniform
  rate=10mbit                bits of IP a second
  limit=1000                 packets that wait at most
  reorder=25% gap=5          sent at once, while others are delayed
  duplicate=1% corrupt=0.1%  sent twice; sent with a wrong bit`;
