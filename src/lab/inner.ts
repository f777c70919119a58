import { clusterRules } from "../control/kube/rules/clusterRules.ts";
import { lazily } from "../control/lazily.ts";
import { pinnedObjects } from "../control/pinnedObjects.ts";
import { exitNow, umount } from "../device/libc.ts";
import { MNT_DETACH } from "../device/linux.ts";
import { registerDnsMetrics } from "../observe/dnsMetrics.ts";
import { podStartDelay, registerIpamMetrics } from "../observe/ipamMetrics.ts";
import { registerLiveMetrics } from "../observe/liveMetrics.ts";
import { metricsRegistry } from "../observe/metrics.ts";
import { registerPolicyMetrics } from "../observe/policyMetrics.ts";
import { ControlServer, type Handlers, type StreamHandlers } from "./controlServer.ts";
import { endInTime } from "./deadline.ts";
import { loadLab, type RunnableLab } from "./files/load.ts";
import { innerChannel } from "./innerChannel.ts";
import { MetricsServer } from "./metricsServer.ts";
import { RunningLab } from "./runningLab.ts";
import { askSeen } from "./seen.ts";
import { socketPath, stateDirectory } from "./stateDirectory.ts";

export interface InnerOptions {
  verify: boolean;
  queues: number;
  /** null: as the lab file says. */
  metricsPort: number | null;
  onProgress: (what: string, done: number, total: number) => void;
  print: (text: string) => void;
  printError: (text: string) => void;
}

const EXIT_FAILED = 1;

/**
 * The inner process: brings the lab up, serves its control socket and its metrics until it is asked to stop, and takes
 * it down. Whatever goes wrong ends the process, and with it, because it is what PID 1 waits for, everything that runs
 * in the lab.
 *
 * @returns exit code.
 */
export async function runInner(loaded: RunnableLab, options: InnerOptions): Promise<number> {
  const channel = innerChannel();
  // Nobody reads any more once `up --detach` has gone; that must not end the lab.
  process.stdout.on("error", () => {});
  process.stderr.on("error", () => {});
  const fatal = (error: Error): never => {
    options.printError(`podplane: ${error.stack ?? error.message}`);
    exitNow(EXIT_FAILED);
  };
  process.on("uncaughtException", fatal);
  process.on("unhandledRejection", (reason) => fatal(reason instanceof Error ? reason : new Error(String(reason))));

  const name = loaded.cluster.lab.metadata.name;
  channel.named(name);
  const directory = stateDirectory();
  const lab: { current: RunningLab | null } = { current: null };
  const endsInTime = lazily(() =>
    endInTime(name, () => lab.current?.waitsFor ?? "its control socket", options.printError),
  );
  let stopping = false;
  let stop = (): void => {};
  const stopped = new Promise<void>((resolve) => {
    stop = () => {
      stopping = true;
      endsInTime();
      // A start that is under way ends: it throws.
      lab.current?.abort();
      resolve();
    };
  });
  channel.onStop(stop);
  const running = (): RunningLab => {
    if (lab.current === null) throw new Error(`lab ${name} is not up yet`);
    return lab.current;
  };
  let metricsUrl = "";
  let control: ControlServer | null = null;
  let metrics: MetricsServer | null = null;
  try {
    // The socket first: it lies in the host's directory, over which the lab then mounts its own.
    const handlers: Handlers = {
      status: async () => {
        const pods = running().pods;
        const pid = await channel.hostPid();
        return { name, pid, pods: pods.total, ready: pods.ready, metrics: metricsUrl, rootless: channel.rootless };
      },
      down: async () => {
        setImmediate(stop);
        return null;
      },
      exec: async ({ name: who }) => ({ hostPid: await channel.hostPid(), entry: running().entry(who) }),
      apply: ({ path }) => running().apply(path),
      delete: ({ path, names, wait }) => running().delete(path, names, wait),
      get: ({ what, name: one }) => running().view(what, one),
      conntrack: (question) => running().live.conntrack(question),
      top: ({ asker }) => running().live.top(asker),
      rules: async ({ mode, node }) => {
        const { cluster } = running();
        return clusterRules(cluster.state(), cluster.snapshot(), mode, node);
      },
      why: (question) => running().why(question),
      impair: (question) => running().impair(question),
      seen: async ({ vsLab, ...question }) =>
        askSeen(running().cluster, question, vsLab === null ? null : loadLab(vsLab).cluster),
      logs: async ({ name: who }) => running().logs(who),
      policyLog: ({ node, format }) => running().policyLog(node, format),
      pinned: async () => pinnedObjects(running().cluster),
      fault: async ({ where }) => {
        if (where === "plane") running().plane.fault();
        else
          setImmediate(() => {
            throw new Error("fault injected into the main thread");
          });
        return null;
      },
    };
    const streams: StreamHandlers = {
      conntrackEvents: (_, out) => running().live.watch(out),
      trace: (question, out) => running().observations.trace(question, out),
      capture: (question, out) => running().observations.capture(question, out),
    };
    control = await ControlServer.listen(socketPath(name), handlers, streams);
    lab.current = new RunningLab(loaded, {
      verify: options.verify,
      queues: options.queues,
      directory,
      onProgress: options.onProgress,
      onFatal: fatal,
      onEvent: options.printError,
    });
    const { plane } = lab.current;
    const source = {
      counters: plane.counters,
      devices: () => running().devices(),
      kernel: () => running().deviceStats(),
    };
    const { address, port } = loaded.cluster.lab.spec.metrics;
    const registry = metricsRegistry(source);
    registerIpamMetrics(registry, loaded.cluster.ipam);
    registerDnsMetrics(registry, running);
    registerPolicyMetrics(registry, {
      counters: plane.counters,
      pods: () => running().policyPods(),
      eventsDropped: () => running().policyEventsDropped,
    });
    registerLiveMetrics(registry, lab.current.live);
    loaded.cluster.watchStarts(podStartDelay(registry));
    metrics = await MetricsServer.listen(registry, address, options.metricsPort ?? port);
    metricsUrl = metrics.url;
    const began = performance.now();
    await lab.current.start();
    const took = ((performance.now() - began) / 1000).toFixed(1);
    const { nodes, hosts } = loaded.cluster.lab.spec;
    const pods = lab.current.pods.total;
    options.print(
      `lab ${name} is up in ${took} s: ${nodes.length} nodes, ${pods} pods, ${hosts.length} hosts; metrics at ${metricsUrl}`,
    );
    channel.ready({ name, metrics: metricsUrl });
    await stopped;
  } catch (error) {
    if (!stopping) {
      options.printError(`podplane: ${error instanceof Error ? error.message : String(error)}`);
      process.exitCode = EXIT_FAILED;
    }
  } finally {
    endsInTime();
    await metrics?.close();
    await lab.current?.stop();
    if (lab.current !== null) unmount(directory);
    await control?.close();
    channel.close();
  }
  return process.exitCode === undefined ? 0 : Number(process.exitCode);
}

/** Uncovers the directory with the control socket; the lab may have ended before it was mounted over. */
function unmount(directory: string): void {
  try {
    umount(directory, MNT_DETACH);
  } catch {
    // EINVAL: nothing is mounted there.
  }
}
