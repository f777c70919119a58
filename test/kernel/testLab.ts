import type { Mode } from "./labFile.ts";

/** A lab that both worlds are, as a probe sees it. */
export interface TestLab {
  name(mode: Mode): string;
  /** The lab file: YAML documents, in the part of YAML that is JSON. */
  text(mode: Mode): string;
  readonly pods: readonly string[];
  readonly hosts: readonly string[];
  readonly nodes: readonly string[];
  /** Addresses by name that no machine has: services' (`svc/api`), and others. */
  readonly addresses: ReadonlyMap<string, string>;
  /** Ports of servers, as a client names them or as they are behind a service. */
  readonly serverPorts: ReadonlySet<number>;
  /** Who tells when all has arrived: a pod that can reach every end. */
  readonly witness: string;
  /** Who every sender inside the VPC pings to know that what it sent has arrived: a host of the VPC, a pod elsewhere. */
  readonly near: readonly string[];
}
