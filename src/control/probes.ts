import type { Container, PodSpec } from "./objects/pod.ts";
import type { Probe } from "./objects/probe.ts";

const SECOND = 1000;

/** What a probe does, its addresses and ports looked up. A port of 0 is a name that the container does not have. */
export type ProbeAction =
  | { readonly kind: "exec"; readonly command: readonly string[] }
  | { readonly kind: "tcp"; readonly address: string; readonly port: number }
  | {
      readonly kind: "http";
      readonly address: string;
      readonly port: number;
      readonly path: string;
      readonly tls: boolean;
      readonly headers: Readonly<Record<string, string>>;
    };

/** A probe as it is sent; times in milliseconds. */
export interface ProbeSpec {
  readonly action: ProbeAction;
  readonly initialDelay: number;
  readonly period: number;
  readonly timeout: number;
  readonly successThreshold: number;
  readonly failureThreshold: number;
  /** From the signal to SIGKILL, for a container that fails it. */
  readonly grace: number;
}

/** The probes of a container; null: none of that kind. */
export interface ContainerProbes {
  readonly readiness: ProbeSpec | null;
  readonly liveness: ProbeSpec | null;
  readonly startup: ProbeSpec | null;
}

function portOf(port: number | string, container: Container): number {
  if (typeof port === "number") return port;
  return container.ports.find((p) => p.name === port)?.containerPort ?? 0;
}

function action(probe: Probe, container: Container, address: string): ProbeAction {
  const { exec, tcpSocket, httpGet } = probe;
  if (exec !== undefined) return { kind: "exec", command: exec.command };
  if (tcpSocket !== undefined)
    return { kind: "tcp", address: tcpSocket.host ?? address, port: portOf(tcpSocket.port, container) };
  const { host, port = 0, path = "/", scheme, httpHeaders = [] } = httpGet ?? {};
  return {
    kind: "http",
    address: host ?? address,
    port: portOf(port, container),
    path: path.startsWith("/") ? path : `/${path}`,
    tls: scheme === "HTTPS",
    headers: Object.fromEntries(httpHeaders.map(({ name, value }) => [name, value])),
  };
}

/** @param address of the pod */
export function containerProbes(container: Container, spec: PodSpec, address: string): ContainerProbes {
  const probeSpec = (probe: Probe | undefined): ProbeSpec | null =>
    probe === undefined
      ? null
      : {
          action: action(probe, container, address),
          initialDelay: probe.initialDelaySeconds * SECOND,
          period: probe.periodSeconds * SECOND,
          timeout: probe.timeoutSeconds * SECOND,
          successThreshold: probe.successThreshold,
          failureThreshold: probe.failureThreshold,
          grace: (probe.terminationGracePeriodSeconds ?? spec.terminationGracePeriodSeconds) * SECOND,
        };
  return {
    readiness: probeSpec(container.readinessProbe),
    liveness: probeSpec(container.livenessProbe),
    startup: probeSpec(container.startupProbe),
  };
}
