import { ADDRESS_ANNOTATION, ENI_ANNOTATION } from "../objects/pod.ts";
import type { KubeContainer, KubePodSpec } from "./kubeShapes.ts";
import type { ImportNotes } from "./notes.ts";

/** Annotations of podplane's own that an import writes. */
export const PINNED = { address: ADDRESS_ANNOTATION, eni: ENI_ANNOTATION };

/** Fields of a container that need no image. */
const KEPT = ["command", "args", "workingDir", "env", "readinessProbe", "livenessProbe", "startupProbe", "lifecycle"];

export interface StandInOptions {
  /**
   * Words of the stand-in's command, before its ports: a server that says who it is on every port. Null: containers keep
   * their own commands.
   */
  readonly command: readonly string[] | null;
}

/** Ports that clients of a pod use though its containers do not declare them: numbers in Services and probes. */
export interface UsedPort {
  readonly port: number;
  readonly protocol: string;
}

const portText = ({ port, protocol }: UsedPort): string => `${port}/${protocol.toLowerCase()}`;

class ContainerImport {
  readonly #pod: string;
  readonly #options: StandInOptions;
  readonly #notes: ImportNotes;
  readonly #hostNetwork: boolean;

  constructor(pod: string, hostNetwork: boolean, options: StandInOptions, notes: ImportNotes) {
    this.#pod = pod;
    this.#hostNetwork = hostNetwork;
    this.#options = options;
    this.#notes = notes;
  }

  run(container: KubeContainer, used: readonly UsedPort[], taken: Set<string>): Record<string, unknown> {
    const ports = container.ports.map(({ hostPort, hostIP, ...port }) =>
      // A hostNetwork pod's ports are its node's by themselves: the API server only repeats them.
      this.#hostNetwork || hostPort === undefined ? port : { ...port, hostPort, ...(hostIP ? { hostIP } : {}) },
    );
    const base = { name: container.name, ...(ports.length === 0 ? {} : { ports }) };
    const { command } = this.#options;
    if (command === null) {
      const kept = Object.fromEntries(
        this.#kept(container).flatMap((key) => (container[key] === undefined ? [] : [[key, container[key]]])),
      );
      return { ...base, ...kept };
    }
    const probe = this.#probe(container);
    const declared = container.ports.map(({ containerPort: port, protocol }) => ({ port, protocol }));
    const listens = [...new Set([...declared, ...probe.ports, ...used].map(portText))].filter(
      (text) => !taken.has(text),
    );
    for (const text of listens) taken.add(text);
    return {
      ...base,
      ...(listens.length === 0 ? {} : { command: [...command, ...listens] }),
      ...(probe.fields === null ? {} : { readinessProbe: probe.fields }),
    };
  }

  /** Fields of a container with its own command: all but gRPC probes, which podplane does not make. */
  #kept(container: KubeContainer): string[] {
    const grpc = KEPT.filter((key) => (container[key] as { grpc?: unknown } | undefined)?.grpc !== undefined);
    if (grpc.length > 0) this.#note("gRPC probes are left out: podplane makes none");
    return KEPT.filter((key) => !grpc.includes(key));
  }

  /** A stand-in answers HTTP and takes connections; no other probe can succeed. */
  #probe({ readinessProbe, livenessProbe, startupProbe, lifecycle }: KubeContainer): {
    readonly fields: Record<string, unknown> | null;
    readonly ports: UsedPort[];
  } {
    if (livenessProbe !== undefined || startupProbe !== undefined || lifecycle !== undefined)
      this.#note("liveness and startup probes and lifecycle hooks are left out: they are the image's");
    if (readinessProbe === undefined) return { fields: null, ports: [] };
    const { httpGet, tcpSocket, ...timing } = readinessProbe;
    const port = httpGet?.port ?? tcpSocket?.port;
    if (port === undefined) {
      this.#note("readiness probes that run a command or speak gRPC are left out: a stand-in has no such command");
      return { fields: null, ports: [] };
    }
    const ports = typeof port === "number" ? [{ port, protocol: "TCP" }] : [];
    if (httpGet?.scheme !== "HTTPS") return { fields: readinessProbe, ports };
    this.#note("readiness probes by HTTPS connect by TCP alone: a stand-in has no certificate");
    return { fields: { ...timing, tcpSocket: { port } }, ports };
  }

  #note(text: string): void {
    this.#notes.add(this.#pod, text);
  }
}

/**
 * A pod's containers: ports, and a process that stands for the image's where there is something to listen on.
 *
 * @param pod its name in the report.
 * @param used ports that others use of the pod; its first container gets those that none declares.
 */
export function importContainers(
  pod: string,
  spec: KubePodSpec,
  used: readonly UsedPort[],
  options: StandInOptions,
  notes: ImportNotes,
): Record<string, unknown>[] {
  const containers = new ContainerImport(pod, spec.hostNetwork, options, notes);
  const declared = new Set(
    spec.containers.flatMap((c) => c.ports.map((p) => portText({ port: p.containerPort, protocol: p.protocol }))),
  );
  const undeclared = used.filter((port) => !declared.has(portText(port)));
  const taken = new Set<string>();
  return spec.containers.map((container, i) => containers.run(container, i === 0 ? undeclared : [], taken));
}
