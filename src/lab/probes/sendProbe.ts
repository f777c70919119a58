import { request } from "node:http";
import { Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import type { ProbeSpec } from "../../control/probes.ts";
import type { PodEntry } from "../podEntry.ts";
import { runInPod } from "../podExec.ts";

/** Answers from here on are failures (kubernetes pkg/probe/http). */
const FIRST_FAILURE = 400;
const FIRST_SUCCESS = 200;
/** As the kubelet names itself; programs tell probes from other requests by it. */
const USER_AGENT = "kube-probe/1.33";

export interface ProbeWay {
  /** How to get into the container's pod. */
  readonly pod: PodEntry;
  /** A new TCP socket in the network namespace of the pod's node, as a descriptor. */
  readonly openSocket: () => Promise<number>;
}

/** Sends a probe once, as the kubelet does: into the pod, or from the network of its node. @returns whether it succeeded */
export async function sendProbe({ action, timeout }: ProbeSpec, way: ProbeWay): Promise<boolean> {
  if (action.kind === "exec") return (await runInPod(way.pod, action.command, timeout)) === 0;
  const { address, port } = action;
  if (port === 0) return false;
  let fd: number;
  try {
    fd = await way.openSocket();
  } catch {
    // The node's namespace is on its way out.
    return false;
  }
  const socket = new Socket({ fd });
  return new Promise((resolve) => {
    const done = (success: boolean) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(success);
    };
    const timer = setTimeout(() => done(false), timeout);
    socket.on("error", () => done(false));
    socket.connect(port, address, () => {
      if (action.kind === "tcp") {
        done(true);
        return;
      }
      // The kubelet does not check a pod's certificate.
      const stream = action.tls ? connectTls({ socket, rejectUnauthorized: false }) : socket;
      stream.on("error", () => done(false));
      const asked = request({
        createConnection: () => stream,
        path: action.path,
        headers: { Host: `${address}:${port}`, "User-Agent": USER_AGENT, Connection: "close", ...action.headers },
      });
      asked.on("error", () => done(false));
      asked.on("response", (response) => {
        const { statusCode = 0 } = response;
        response.resume();
        done(statusCode >= FIRST_SUCCESS && statusCode < FIRST_FAILURE);
      });
      asked.end();
    });
  });
}
