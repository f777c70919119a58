import { umount } from "../../device/libc.ts";
import { MNT_DETACH } from "../../device/linux.ts";
import { ControlServer, type Handlers } from "../controlServer.ts";
import { endInTime } from "../deadline.ts";
import type { LoadedLab } from "../files/load.ts";
import { innerChannel } from "../innerChannel.ts";
import { socketPath, stateDirectory } from "../stateDirectory.ts";
import { twinName } from "../twinName.ts";
import { RunningTwin, type TwinOptions } from "./runningTwin.ts";

export interface InnerTwinOptions extends Pick<TwinOptions, "mode" | "onProgress"> {
  print: (text: string) => void;
  printError: (text: string) => void;
}

const EXIT_FAILED = 1;

/** What a twin does not answer: it is Linux, and it is as it was when it was made. */
const refuse = (verb: string) => async () => {
  throw new Error(`a kernel twin has no ${verb}: ask the lab itself, or take the twin down and up again`);
};

/**
 * The inner process of a twin: builds it, serves its control socket until it is asked to stop, and ends its processes.
 * Namespaces, mounts and what still runs end with this process, whatever it ends by.
 *
 * @returns exit code.
 */
export async function runInnerTwin(loaded: LoadedLab, options: InnerTwinOptions): Promise<number> {
  const channel = innerChannel();
  // Nobody reads any more once `peer up --detach` has gone; that must not end the twin.
  process.stdout.on("error", () => {});
  process.stderr.on("error", () => {});
  const name = twinName(loaded.cluster.lab.metadata.name);
  channel.named(name);
  const directory = stateDirectory();
  const current: { twin: RunningTwin | null } = { twin: null };
  const running = (): RunningTwin => {
    if (current.twin === null) throw new Error(`${name} is not up yet`);
    return current.twin;
  };
  let down = (): void => {};
  const asked = new Promise<"stop">((resolve) => {
    down = () => {
      endInTime(name, () => "its processes", options.printError);
      resolve("stop");
    };
  });
  channel.onStop(down);
  const handlers: Handlers = {
    status: async () => {
      const { pods } = running();
      const pid = await channel.hostPid();
      return { name, pid, pods, ready: pods, metrics: "", rootless: channel.rootless };
    },
    down: async () => {
      setImmediate(down);
      return null;
    },
    exec: async ({ name: who }) => ({ hostPid: await channel.hostPid(), entry: running().entry(who) }),
    logs: async ({ name: who }) => running().logs(who),
    policyLog: refuse("logs --policy"),
    apply: refuse("apply"),
    delete: refuse("delete"),
    get: refuse("get"),
    conntrack: refuse("get conntrack"),
    top: refuse("top"),
    rules: refuse("get rules"),
    why: refuse("why"),
    impair: refuse("impair"),
    seen: refuse("seen"),
    pinned: refuse("report"),
    fault: refuse("fault"),
  };
  let control: ControlServer | null = null;
  try {
    // The socket first: it lies in the host's directory, over which the twin then mounts its own.
    control = await ControlServer.listen(socketPath(name), handlers);
    const twin = new RunningTwin(loaded, { mode: options.mode, directory, onProgress: options.onProgress });
    current.twin = twin;
    const began = performance.now();
    // A twin that is asked to stop while it is built ends at once: nothing of it outlives this process.
    if ((await Promise.race([asked, twin.start()])) !== "stop") {
      const took = ((performance.now() - began) / 1000).toFixed(1);
      const { hosts, nodes } = loaded.cluster.lab.spec;
      options.print(
        `kernel twin ${name} is up in ${took} s: ${nodes.length} nodes, ${twin.pods} pods, ${hosts.length} hosts`,
      );
      channel.ready({ name });
      await asked;
    }
    await twin.stop();
  } catch (error) {
    options.printError(`podplane: ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = EXIT_FAILED;
  } finally {
    if (current.twin !== null) unmount(directory);
    await control?.close();
    channel.close();
  }
  return process.exitCode === undefined ? 0 : Number(process.exitCode);
}

/** Uncovers the directory with the control socket; mounts in it, the namespaces, go with it. */
function unmount(directory: string): void {
  try {
    umount(directory, MNT_DETACH);
  } catch {
    // EINVAL: nothing is mounted there.
  }
}
