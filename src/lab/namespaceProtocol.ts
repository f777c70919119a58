import type { TunOffload } from "../device/tun.ts";

/** A network namespace to make, with a TUN device in it. */
export interface NamespaceSpec {
  /** Names the file that keeps the namespace: letters, digits, `.`, `-` and `_`. */
  name: string;
  /** Name of the TUN device inside, such as `eth0`. */
  device: string;
  /** Addresses with prefix length: `10.0.1.16/32`. */
  addresses: string[];
  mtu: number;
  /** Length of the TUN's queue, in packets. */
  txqueuelen: number;
  /** Whether the kernel may leave checksums and segmentation to us. */
  offload: boolean;
  /** TUN queues, a descriptor each. */
  queues: number;
  /** Largest super-packet in bytes that the kernel may hand over; its own default where absent. */
  gsoMaxSize?: number;
  /** Arguments of `ip route add`, in order: a gateway's own route first. */
  routes: string[];
  /** Arguments of `ip rule add`. */
  rules: string[];
  /** Moves the kernel's `from all lookup local` from preference 0 to this one, so that rules can come before it. */
  localRulePreference?: number;
  /** Settings by their sysctl(8) name, written when the device is up: `net.ipv4.conf.eth0.rp_filter`. */
  sysctls: Record<string, string>;
}

export interface Namespace {
  /** Descriptors of the TUN, one a queue. They belong to the caller, who closes them. */
  fds: number[];
  /** File that the namespace is bound to, for `nsenter --net=FILE`. */
  file: string;
  offload: TunOffload;
}

/** Counters of a device as the namespace's kernel sees it: what it transmits is what the plane reads. */
export interface DeviceStats {
  rxBytes: number;
  rxPackets: number;
  rxErrors: number;
  rxDropped: number;
  txBytes: number;
  txPackets: number;
  txErrors: number;
  /** Packets lost because the TUN's queue was full. */
  txDropped: number;
}

/** A route or a rule that comes and goes: what follows `ip route add` or `ip rule add`. */
export interface RoutingEntry {
  object: "route" | "rule";
  text: string;
}

export interface SocketSpec {
  type: "tcp" | "udp";
  /** Local address and port to bind to. */
  bind?: { address: string; port: number };
}

/** What each operation of the lab thread takes and returns. */
export interface Operations {
  create: { argument: NamespaceSpec; result: Namespace };
  remove: { argument: string; result: null };
  /** Names of namespaces; the answer has those that exist. */
  stats: { argument: string[]; result: [string, DeviceStats][] };
  /** Addresses (without a length) that the device is to have besides those it was made with, and those it no longer has. */
  addresses: { argument: { name: string; add: string[]; remove: string[] }; result: null };
  /** Routes and rules that the namespace is to have besides those it was made with, and those it no longer has. */
  routing: { argument: { name: string; add: RoutingEntry[]; remove: RoutingEntry[] }; result: null };
  socket: { argument: { name: string; spec: SocketSpec }; result: number };
}
export type Operation = keyof Operations;

export type Request = {
  [O in Operation]: { id: number; operation: O; argument: Operations[O]["argument"] };
}[Operation];
export type Response = { id: number; result: unknown } | { id: number; error: string };
