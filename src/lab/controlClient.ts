import { rmSync } from "node:fs";
import { connect } from "node:net";
import type { ControlReply, ControlVerbs, Verb } from "./controlProtocol.ts";
import { labNames, socketPath } from "./stateDirectory.ts";
import { isTwinOf } from "./twinName.ts";

/** The running lab said no, or there is none. */
export class ControlError extends Error {
  override name = "ControlError";
}

/** Asks a lab at its control socket. @throws ControlError */
export function ask<V extends Verb>(
  lab: string,
  verb: V,
  argument: ControlVerbs[V]["argument"],
): Promise<ControlVerbs[V]["result"]> {
  return new Promise((resolve, reject) => {
    const socket = connect(socketPath(lab));
    let text = "";
    socket.setEncoding("utf8");
    socket.on("error", (error: NodeJS.ErrnoException) => {
      reject(
        error.code === "EACCES"
          ? new ControlError(`lab ${lab} belongs to another user`)
          : new ControlError(`lab ${lab} is not running: start it with \`podplane up\``),
      );
    });
    socket.on("data", (chunk: string) => {
      text += chunk;
    });
    socket.on("end", () => {
      if (text === "") {
        reject(new ControlError(`lab ${lab} went down before it answered`));
        return;
      }
      const reply = JSON.parse(text) as ControlReply;
      if ("error" in reply) reject(new ControlError(reply.error));
      else resolve(reply.result as ControlVerbs[V]["result"]);
    });
    socket.write(`${JSON.stringify({ verb, argument })}\n`);
  });
}

/**
 * The lab that a command means: the one it names, else the only one that runs. Stale sockets are cleaned up.
 *
 * @throws ControlError when none or more than one runs.
 */
export async function findLab(name: string | undefined): Promise<string> {
  if (name !== undefined) return name;
  const running: string[] = [];
  for (const lab of labNames()) {
    try {
      await ask(lab, "status", null);
      running.push(lab);
    } catch (error) {
      if (!(error instanceof ControlError)) throw error;
      rmSync(socketPath(lab), { force: true });
    }
  }
  // A twin that runs beside its lab is meant by its name alone.
  const own = running.filter((lab) => !isTwinOf(lab, running));
  if (own.length === 1) return own[0];
  if (running.length === 0) throw new ControlError("no lab is running: start one with `podplane up LAB`");
  throw new ControlError(`several labs are running (${own.join(", ")}): choose one with --name`);
}
