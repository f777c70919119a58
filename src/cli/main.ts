#!/usr/bin/env node
import { readFileSync } from "node:fs";
import { Command, CommanderError } from "commander";
import { printError } from "./output.ts";

type AddCommand = (program: Command) => void;

/** What there is, in the order of the help. Of a command that is named its own modules alone are loaded. */
const COMMANDS: Readonly<Record<string, () => Promise<AddCommand>>> = {
  up: async () => (await import("./up.ts")).upCommand,
  down: async () => (await import("./down.ts")).downCommand,
  exec: async () => (await import("./exec.ts")).execCommandLine,
  logs: async () => (await import("./logs.ts")).logsCommand,
  apply: async () => (await import("./change.ts")).applyCommand,
  delete: async () => (await import("./change.ts")).deleteCommand,
  get: async () => (await import("./get.ts")).getCommand,
  top: async () => (await import("./top.ts")).topCommand,
  why: async () => (await import("./why.ts")).whyCommand,
  trace: async () => (await import("./trace.ts")).traceCommand,
  capture: async () => (await import("./capture.ts")).captureCommand,
  extcap: async () => (await import("./extcap.ts")).extcapCommand,
  impair: async () => (await import("./impair.ts")).impairCommand,
  replay: async () => (await import("./replay.ts")).replayCommand,
  diff: async () => (await import("./diff.ts")).diffCommand,
  report: async () => (await import("./report.ts")).reportCommand,
  seen: async () => (await import("./seen.ts")).seenCommand,
  ipam: async () => (await import("./ipam.ts")).ipamCommand,
  capacity: async () => (await import("./capacity.ts")).capacityCommand,
  import: async () => (await import("./import.ts")).importCommand,
  schema: async () => (await import("./schema.ts")).schemaCommand,
  peer: async () => (await import("./peer.ts")).peerCommand,
  demo: async () => (await import("./demo.ts")).demoCommand,
};

const EXIT_FAILED = 1;
const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as {
  version: string;
};

const program = new Command("podplane")
  .description("pods, services and a VPC in one process: forward packets as an EKS cluster does, and say why")
  .version(version)
  .enablePositionalOptions()
  .showHelpAfterError("(run with --help for what there is)")
  .exitOverride();

const named = process.argv[2] ?? "";
const wanted = Object.hasOwn(COMMANDS, named) ? [COMMANDS[named]] : Object.values(COMMANDS);
for (const load of wanted) (await load())(program);

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode;
  else {
    // Errors are for people: what is wrong and what to do. A stack only where asked.
    const text = error instanceof Error ? error.message : String(error);
    printError(process.env.PODPLANE_DEBUG === undefined || !(error instanceof Error) ? text : (error.stack ?? text));
    process.exitCode = EXIT_FAILED;
  }
}
