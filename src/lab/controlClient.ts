import { rmSync } from "node:fs";
import { connect } from "node:net";
import type { ControlReply, ControlVerbs, Verb } from "./controlProtocol.ts";
import { labNames, socketPath } from "./stateDirectory.ts";
import { isTwinOf } from "./twinName.ts";
import { socketOwner } from "./unixSockets.ts";

/** The running lab said no, or there is none. */
export class ControlError extends Error {
  override name = "ControlError";
}

/** A lab is there and does not answer. The message says which process it is, and what to do. */
export class HungLabError extends ControlError {
  override name = "HungLabError";
  readonly lab: string;
  /** Of its inner process; null where it cannot be found. */
  readonly pid: number | null;

  constructor(lab: string, waitedMs: number) {
    const pid = socketOwner(socketPath(lab));
    const who = pid === null ? `lab ${lab}` : `lab ${lab} (process ${pid})`;
    const end = pid === null ? "" : `, or with \`kill -9 ${pid}\``;
    super(
      `${who} has not answered for ${waitedMs / 1000} s: ask again, or end it with \`podplane down --force --name ${lab}\`${end}`,
    );
    this.lab = lab;
    this.pid = pid;
  }
}

/** What the main thread answers by itself; a lab with hundreds of pods takes milliseconds. */
const AT_ONCE_MS = 5000;
/** What waits for the change under way, such as the start of hundreds of pods. */
const AFTER_A_CHANGE_MS = 30_000;

/** How long a lab may take, in milliseconds; null: as long as it has to. */
const PATIENCE: Record<Verb, number | null> = {
  status: AT_ONCE_MS,
  down: AT_ONCE_MS,
  exec: AT_ONCE_MS,
  logs: AT_ONCE_MS,
  policyLog: AT_ONCE_MS,
  fault: AT_ONCE_MS,
  rules: AFTER_A_CHANGE_MS,
  why: AFTER_A_CHANGE_MS,
  seen: AFTER_A_CHANGE_MS,
  get: AFTER_A_CHANGE_MS,
  conntrack: AFTER_A_CHANGE_MS,
  top: AFTER_A_CHANGE_MS,
  impair: AFTER_A_CHANGE_MS,
  pinned: AFTER_A_CHANGE_MS,
  apply: null,
  delete: null,
};
/** How often somebody is told that a lab is still at it. */
const SAY_EVERY_MS = 5000;

export interface AskOptions {
  /** Milliseconds that the lab may take, where it is not to be as long as the request usually may. */
  readonly patience?: number;
  /** Told now and then that there is no answer yet, where the lab may take as long as it has to. */
  readonly onWait?: (seconds: number) => void;
}

/** Asks a lab at its control socket. @throws ControlError, HungLabError */
export function ask<V extends Verb>(
  lab: string,
  verb: V,
  argument: ControlVerbs[V]["argument"],
  { patience, onWait }: AskOptions = {},
): Promise<ControlVerbs[V]["result"]> {
  return new Promise((resolve, reject) => {
    const socket = connect(socketPath(lab));
    const timers: NodeJS.Timeout[] = [];
    let text = "";
    const done = (settle: () => void) => {
      timers.forEach(clearTimeout);
      socket.destroy();
      settle();
    };
    const fail = (error: ControlError) => done(() => reject(error));
    const limit = patience ?? PATIENCE[verb];
    if (limit !== null) timers.push(setTimeout(() => fail(new HungLabError(lab, limit)), limit));
    else if (onWait !== undefined) {
      let said = 0;
      timers.push(setInterval(() => onWait((++said * SAY_EVERY_MS) / 1000), SAY_EVERY_MS));
    }
    socket.setEncoding("utf8");
    socket.on("error", (error: NodeJS.ErrnoException) => fail(unreachable(lab, error)));
    socket.on("data", (chunk: string) => {
      text += chunk;
    });
    socket.on("end", () => {
      if (text === "") {
        fail(new ControlError(`lab ${lab} went down before it answered`));
        return;
      }
      const reply = JSON.parse(text) as ControlReply;
      if ("error" in reply) fail(new ControlError(reply.error));
      else done(() => resolve(reply.result as ControlVerbs[V]["result"]));
    });
    socket.write(`${JSON.stringify({ verb, argument })}\n`);
  });
}

/** @param error of a connection to a lab's control socket */
export function unreachable(lab: string, { code }: NodeJS.ErrnoException): ControlError {
  if (code === "EACCES") return new ControlError(`lab ${lab} belongs to another user`);
  // So many wait for it that it takes no more (unix(7)).
  if (code === "EAGAIN") return new HungLabError(lab, 0);
  return new ControlError(`lab ${lab} is not running: start it with \`podplane up\``);
}

/** Whether a process has a lab's control socket, also one that does not answer. */
export function isListening(lab: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(socketPath(lab));
    const done = (is: boolean) => {
      socket.destroy();
      resolve(is);
    };
    socket.once("connect", () => done(true));
    socket.once("error", ({ code }: NodeJS.ErrnoException) => done(code === "EAGAIN" || code === "EACCES"));
  });
}

/**
 * The lab that a command means: the one it names, else the only one that runs. Stale sockets are cleaned up.
 *
 * @throws ControlError when none or more than one runs; HungLabError when the one that is meant does not answer.
 */
export async function findLab(name: string | undefined): Promise<string> {
  if (name !== undefined) return name;
  const found = await Promise.all(labNames().map(async (lab) => ({ lab, listens: await isListening(lab) })));
  for (const { lab, listens } of found) if (!listens) rmSync(socketPath(lab), { force: true });
  const running = found.filter(({ listens }) => listens).map(({ lab }) => lab);
  // A twin that runs beside its lab is meant by its name alone.
  const own = running.filter((lab) => !isTwinOf(lab, running));
  if (running.length === 0) throw new ControlError("no lab is running: start one with `podplane up LAB`");
  if (own.length > 1) throw new ControlError(`several labs are running (${own.join(", ")}): choose one with --name`);
  return own[0];
}
