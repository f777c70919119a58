#!/usr/bin/env node
import { readFileSync } from "node:fs";
import { Command, CommanderError } from "commander";
import { capacityCommand } from "./capacity.ts";
import { applyCommand, deleteCommand } from "./change.ts";
import { demoCommand } from "./demo.ts";
import { downCommand } from "./down.ts";
import { execCommandLine } from "./exec.ts";
import { getCommand } from "./get.ts";
import { ipamCommand } from "./ipam.ts";
import { logsCommand } from "./logs.ts";
import { printError } from "./output.ts";
import { peerCommand } from "./peer.ts";
import { schemaCommand } from "./schema.ts";
import { upCommand } from "./up.ts";
import { whyCommand } from "./why.ts";

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

for (const add of [
  upCommand,
  downCommand,
  execCommandLine,
  logsCommand,
  applyCommand,
  deleteCommand,
  getCommand,
  whyCommand,
  ipamCommand,
  capacityCommand,
  schemaCommand,
  peerCommand,
  demoCommand,
])
  add(program);

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
