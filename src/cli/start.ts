import { spawn } from "node:child_process";
import { rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { ask } from "../lab/controlClient.ts";
import { STATE_VARIABLE, socketPath, stateDirectory } from "../lab/stateDirectory.ts";
import { superviseInner } from "../lab/supervisor.ts";

const SCRIPT = fileURLToPath(new URL("./main.js", import.meta.url));

/**
 * Runs this command line again as the inner process of a lab, until it ends.
 *
 * @param name of its control socket.
 * @param args what the inner process is asked to do.
 * @returns exit code.
 */
export async function supervise(name: string, args: readonly string[]): Promise<number> {
  process.env[STATE_VARIABLE] = stateDirectory();
  const code = await superviseInner([...args], {
    script: SCRIPT,
    onReady: () => process.send?.("ready"),
  });
  // A lab that was killed could not remove its socket; one that answers is another lab's.
  if (!(await isRunning(name))) rmSync(socketPath(name), { force: true });
  return code;
}

async function isRunning(name: string): Promise<boolean> {
  return await ask(name, "status", null).then(
    () => true,
    () => false,
  );
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
    child.on("exit", (code) => resolve(code ?? 1));
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
