import { execFileSync } from "node:child_process";
import { accessSync, chmodSync, constants, mkdirSync, openSync, realpathSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { type Command, Option } from "commander";
import type { CaptureQuestion } from "../lab/controlStreams.ts";
import { stateDirectory } from "../lab/stateDirectory.ts";
import { runCapture } from "./capture.ts";
import { extcapScript } from "./extcapScript.ts";
import { print } from "./output.ts";
import { packetQuestion } from "./packetQuestion.ts";

interface ExtcapOptions {
  install?: string | true;
  capture?: boolean;
  extcapInterface?: string;
  extcapCaptureFilter?: string;
  fifo?: string;
  snaplen?: string;
  drops?: string;
  segments?: string;
}

/** What Wireshark's interfaces are called: this and the lab's name. */
const PREFIX = "podplane-";
const PROGRAM = "podplane";
const EXECUTABLE = 0o755;
const SNAPLEN = 262_144;

export function extcapCommand(program: Command): void {
  program
    .command("extcap")
    .description("let Wireshark and tshark capture from running labs: podplane-LAB among their interfaces")
    .option(
      "--install [directory]",
      "put the program into Wireshark's extcap directory (that of `tshark -G folders`), or another one",
    )
    // What the program asks when Wireshark captures.
    .addOption(new Option("--capture").hideHelp())
    .addOption(new Option("--extcap-interface <name>").hideHelp())
    .addOption(new Option("--extcap-capture-filter <filter>").hideHelp())
    .addOption(new Option("--fifo <file>").hideHelp())
    .addOption(new Option("--snaplen <bytes>").hideHelp())
    .addOption(new Option("--drops [yes]").hideHelp())
    .addOption(new Option("--segments [yes]").hideHelp())
    .allowUnknownOption()
    .action(extcap);
}

async function extcap(options: ExtcapOptions): Promise<void> {
  if (options.capture === true) await capture(options);
  else if (options.install !== undefined) install(options.install === true ? extcapDirectory() : options.install);
  else throw new Error("write `podplane extcap --install`; the rest is Wireshark's business");
}

/** Wireshark captures: bytes into its FIFO until it has enough. */
async function capture(o: ExtcapOptions): Promise<void> {
  const { extcapInterface, fifo } = o;
  if (extcapInterface === undefined || fifo === undefined)
    throw new Error("--capture needs --extcap-interface and --fifo");
  const lab = extcapInterface.startsWith(PREFIX) ? extcapInterface.slice(PREFIX.length) : extcapInterface;
  const question: CaptureQuestion = {
    ...packetQuestion([o.extcapCaptureFilter ?? ""], { sample: 1 }),
    snaplen: Number(o.snaplen ?? SNAPLEN),
    format: "pcapng",
    drops: isOn(o.drops),
    segments: isOn(o.segments),
    file: null,
    rotateBytes: null,
    rotateSeconds: null,
    rotateKeep: null,
    sidecar: false,
    count: null,
    directory: null,
  };
  await runCapture(lab, question, openSync(fifo, "w"), { quiet: true });
}

/** A check box of Wireshark's dialogue: `--drops`, `--drops true`, `--drops false`. */
function isOn(value: string | boolean | undefined): boolean {
  return value !== undefined && value !== false && value !== "false";
}

/** @throws Error with what to do where Wireshark would not look into the directory, or it cannot be written */
function install(directory: string): void {
  const path = join(resolve(directory), PROGRAM);
  mkdirSync(resolve(directory), { recursive: true });
  const main = realpathSync(fileURLToPath(new URL("main.js", import.meta.url)));
  writeFileSync(path, extcapScript(process.execPath, main, stateDirectory()));
  chmodSync(path, EXECUTABLE);
  print(
    `${path} is there: Wireshark and tshark list a running lab as ${PREFIX}LAB\ntry: tshark -D, then tshark -i ${PREFIX}LAB`,
  );
}

/** Where this machine's Wireshark looks for such programs: the user's own directory, if its version has one. */
function extcapDirectory(): string {
  const found = folders();
  const place = (name: string): string | undefined =>
    new RegExp(`^${name}:\\s*(\\S.*)$`, "im").exec(found)?.[1]?.split(":")[0];
  const personal = place("Personal Extcap path");
  if (personal !== undefined) return personal;
  const all = place("Extcap path") ?? place("Global Extcap path");
  if (all === undefined)
    throw new Error(
      "Wireshark and tshark are not installed here, so that their extcap directory is unknown: name one, `podplane extcap --install DIRECTORY`",
    );
  try {
    accessSync(all, constants.W_OK);
  } catch {
    throw new Error(
      `this Wireshark looks into ${all} alone, which needs root: run it with sudo, or \`podplane extcap --install DIRECTORY\` and start Wireshark with WIRESHARK_EXTCAP_DIR=DIRECTORY`,
    );
  }
  return all;
}

function folders(): string {
  for (const program of ["tshark", "wireshark"])
    try {
      return execFileSync(program, ["-G", "folders"], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
    } catch {
      // Not this one.
    }
  return "";
}
