/**
 * What a kernel twin is made of, as text for `ip` and `sh`: pure data, so that it can be looked at and tested without
 * rights. twinNetwork.ts makes it real.
 */

/** One end of a veth pair in each of two namespaces. */
export interface Wire {
  readonly from: string;
  readonly device: string;
  readonly to: string;
  readonly far: string;
  /** bytes */
  readonly mtu: number;
}

/** A network namespace: a pod's, a node's, a host's, or one of the VPC's own. */
export interface TwinEnd {
  /** `pod/default/web-1`, `node/node-1`, `host/rds`, `vpc`, `igw` */
  readonly name: string;
  /** Commands of sh, run when the end's wires are up. */
  readonly script: readonly string[];
}

export interface Twin {
  readonly ends: readonly TwinEnd[];
  readonly wires: readonly Wire[];
}

/** The VPC's routers, and its internet gateway. */
export const VPC = "vpc";
export const GATEWAY = "igw";

/** A setting by its sysctl(8) name as a command: sysctl itself need not be installed. */
export function sysctl(name: string, value: string | number): string {
  return `echo '${value}' > /proc/sys/${name.replaceAll(".", "/")}`;
}

/** A setting that a kernel may not have, or not give to a namespace. */
export function trySysctl(name: string, value: string | number): string {
  return `{ ${sysctl(name, value)}; } 2>/dev/null || :`;
}

/** A command with a text as its input. */
export function withInput(command: string, input: string): string {
  return `${command} <<'END'\n${input}END`;
}
