import { spawn } from "node:child_process";
import { rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { isListening } from "../lab/controlClient.ts";
import { STATE_VARIABLE, socketPath, stateDirectory } from "../lab/stateDirectory.ts";
import { superviseInner } from "../lab/supervisor.ts";

const SCRIPT = fileURLToPath(new URL("./main.js", import.meta.url));

/**
 * Runs this command line again as the inner process of a lab, until it ends.
 *
 * @param args what the inner process is asked to do.
 * @returns exit code.
 */
export async function supervise(args: readonly string[]): Promise<number> {
  let name: string | null = null;
  process.env[STATE_VARIABLE] = stateDirectory();
  const code = await superviseInner([...args], {
    script: SCRIPT,
    onNamed: (given) => {
      name = given;
    },
    onReady: () => process.send?.("ready"),
  });
  // A lab that was killed could not remove its socket; one that listens is another lab's.
  if (name !== null && !(await isListening(name))) rmSync(socketPath(name), { force: true });
  return code;
}

/** Starts this command line in a session of its own, shows what it says until it is ready, and leaves it alone then. */
export function detach(args: readonly string[]): Promise<number> {
  process.env[STATE_VARIABLE] = stateDirectory();
  const child = spawn(process.execPath, [SCRIPT, ...args], {
    detached: true,
    stdio: ["ignore", "pipe", "pipe", "ipc"],
  });
  child.stdout?.pipe(process.stdout, { end: false });
  child.stderr?.pipe(process.stderr, { end: false });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    // Once all that it said has been shown.
    child.on("close", (code) => resolve(code ?? 1));
    child.on("message", () => {
      child.stdout?.unpipe();
      child.stderr?.unpipe();
      child.stdout?.destroy();
      child.stderr?.destroy();
      child.disconnect();
      child.unref();
      resolve(0);
    });
  });
}
