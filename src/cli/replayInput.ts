import { readFileSync } from "node:fs";
import type { Cluster } from "../control/cluster.ts";
import { problemText } from "../lab/files/labError.ts";
import { loadLab } from "../lab/files/load.ts";
import { readReport } from "../lab/report/report.ts";
import { isTar } from "../lab/report/tar.ts";
import type { Capture } from "../observe/capture/capture.ts";
import { readCapture } from "../observe/capture/captureReader.ts";
import { printError } from "./output.ts";

/** What a replay needs: a capture, and the lab that it goes through. */
export interface ReplayInput {
  readonly capture: Capture;
  readonly cluster: Cluster;
  /** Where a report says that its capture was taken, or null. */
  readonly at: string | null;
}

/** A lab of files; its notes are shown. */
export function readLab(path: string): Cluster {
  const { cluster, notes } = loadLab(path);
  for (const note of notes) printError(`note: ${problemText(note)}`);
  return cluster;
}

/**
 * Reads a capture or a report.
 *
 * @param lab directory or file of a lab; undefined: a report's own
 * @throws Error for people
 */
export function readReplayInput(path: string, lab: string | undefined): ReplayInput {
  const bytes = readFile(path);
  if (isTar(bytes)) {
    const { capture, cluster, facts } = readReport(path, bytes);
    return { capture: named(path, capture), cluster: lab === undefined ? cluster : readLab(lab), at: facts.at };
  }
  const capture = named(path, bytes);
  if (lab === undefined)
    throw new Error(`${path} is replayed through a lab: name its directory or file with --lab (a report has its own)`);
  return { capture, cluster: readLab(lab), at: null };
}

function readFile(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new Error(`expected a file that can be read, got ${(error as Error).message}`);
  }
}

function named(path: string, bytes: Uint8Array): Capture {
  try {
    return readCapture(bytes);
  } catch (error) {
    throw new Error(`${path}: ${(error as Error).message}`);
  }
}
