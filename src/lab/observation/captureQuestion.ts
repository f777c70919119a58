import { readFileSync, statSync } from "node:fs";
import { dirname } from "node:path";
import type { Snapshot } from "../../control/compile.ts";
import type { CaptureQuestion } from "../controlStreams.ts";
import { addressNames, observedPlaces } from "./observedPlaces.ts";
import type { CaptureSettings } from "./observerMessages.ts";

/** How the program is called that wrote a file. */
function application(): string {
  const file = new URL("../../../package.json", import.meta.url);
  const { version } = JSON.parse(readFileSync(file, "utf8")) as { version: string };
  return `podplane ${version}`;
}

/**
 * Checks that the lab sees the directory that the command means: the lab has mounts of its own, and does not see what was
 * mounted since it began.
 *
 * @throws Error
 */
function checkDirectory({ file, directory }: CaptureQuestion): void {
  if (file === null || directory === null) return;
  const own = statSync(dirname(file), { throwIfNoEntry: false });
  if (own !== undefined && own.dev === directory.device && own.ino === directory.inode) return;
  throw new Error(
    `${dirname(file)} is another directory for the lab, which does not see what was mounted since it began: write elsewhere, or \`-w - > FILE\``,
  );
}

/** What a question asks for in words, for the file's own comment. */
function questionText(q: CaptureQuestion): string {
  const list = (name: string, values: readonly string[]): string[] =>
    values.length === 0 ? [] : [`${name} ${values.join(" or ")}`];
  const parts = [
    ...(q.expression === null ? [] : [q.expression]),
    ...list("pod", q.pods),
    ...list("service", q.services),
    ...list("node", q.nodes),
    ...list("verdict", q.verdicts),
    ...list("reason", q.reasons),
    ...(q.flow === null ? [] : [`flow ${q.flow}`]),
    ...(q.sample === 1 ? [] : [`one packet of ${q.sample}`]),
  ];
  return parts.length === 0 ? "all packets" : parts.join("; ");
}

/** What an observer needs to write a capture. @throws Error where the file cannot be meant */
export function captureSettings(question: CaptureQuestion, lab: string, snapshot: Snapshot): CaptureSettings {
  checkDirectory(question);
  const { names, leftOut } = addressNames(snapshot);
  return {
    kind: "capture",
    format: question.format,
    snaplen: question.snaplen,
    drops: question.drops,
    segments: question.segments,
    file: question.file,
    rotateBytes: question.rotateBytes,
    rotateSeconds: question.rotateSeconds,
    rotateKeep: question.rotateKeep,
    sidecar: question.sidecar,
    count: question.count,
    application: application(),
    comment: `lab ${lab}: ${questionText(question)}${leftOut === 0 ? "" : `; ${leftOut} names were left out`}`,
    places: observedPlaces(snapshot),
    names,
  };
}
