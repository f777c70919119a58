import { exitNow } from "../device/libc.ts";

/** Environment variable that tells a process that it is the inner one; its value is `root` or `rootless`. */
export const INNER_MARKER = "PODPLANE_INNER";

/** What the two processes say to each other, over Node's IPC channel. */
export type ToInner = { type: "stop" } | { type: "hostPid"; pid: number };
export type FromInner = { type: "hello" } | { type: "named"; name: string } | { type: "ready"; message: unknown };

/** The inner process's end of the channel to the outer one. */
export interface InnerChannel {
  /** Whether the lab runs in a user namespace. */
  readonly rootless: boolean;
  /** `callback` is called once, at the first request to stop (from the outer process, SIGINT or SIGTERM). */
  onStop(callback: () => void): void;
  /** PID, as the host sees it, of the lab's PID 1: a target for nsenter. */
  hostPid(): Promise<number>;
  /** Tells the outer process the lab's name: it has not read the lab's files. */
  named(name: string): void;
  /** Tells the outer process that the lab is up. */
  ready(message: unknown): void;
  /** Ends the conversation, so that the channel no longer keeps this process alive. */
  close(): void;
}

/** Exit code of an inner process whose outer one is gone and whose death signal did not come. */
const EXIT_ORPHANED = 1;

/** Whether this process was started by superviseInner(). */
export function isInner(): boolean {
  return process.env[INNER_MARKER] !== undefined && process.send !== undefined;
}

let channel: InnerChannel | null = null;

/** The channel of this process, opened at the first call. @throws Error when this is not an inner process. */
export function innerChannel(): InnerChannel {
  if (!isInner()) throw new Error("this process has no outer one");
  channel ??= openChannel();
  return channel;
}

function openChannel(): InnerChannel {
  const callbacks: (() => void)[] = [];
  let stopping = false;
  const stop = () => {
    if (stopping) return;
    stopping = true;
    for (const callback of callbacks) callback();
  };
  const orphaned = () => exitNow(EXIT_ORPHANED);
  const tell = (message: FromInner) => process.send?.(message);

  let learnPid: (pid: number) => void;
  const hostPid = new Promise<number>((resolve) => {
    learnPid = resolve;
  });
  process.on("message", (message: ToInner) => {
    if (message.type === "stop") stop();
    else learnPid(message.pid);
  });
  process.on("disconnect", orphaned);
  // It may have gone before there was anyone to hear of it.
  if (!process.connected) orphaned();
  process.on("SIGINT", stop);
  process.on("SIGTERM", stop);
  tell({ type: "hello" });

  return {
    rootless: process.env[INNER_MARKER] === "rootless",
    onStop(callback) {
      if (stopping) callback();
      else callbacks.push(callback);
    },
    hostPid: () => hostPid,
    named: (name) => tell({ type: "named", name }),
    ready: (message) => tell({ type: "ready", message }),
    close() {
      process.off("disconnect", orphaned);
      if (process.connected) process.disconnect();
    },
  };
}
