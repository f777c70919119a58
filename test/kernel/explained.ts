import type { Mode } from "./labFile.ts";

/** Where podplane is not the kernel: what podplane shows instead, and why. docs/kernel-differences.md says it in prose. */
export interface Explained {
  /** Probes by their whole names. */
  probes: RegExp;
  modes?: Mode[];
  reason: string;
  /** What podplane is expected to show: in full where the kernel shows `lines`, or by what it looks like. */
  podplane: RegExp | ((lines: string[]) => string[]);
}

const replaced =
  (from: RegExp, to: string) =>
  (lines: string[]): string[] =>
    lines.map((line) => line.replace(from, to));

export const EXPLAINED: readonly Explained[] = [
  {
    probes: /^tcp node-1 to (svc\/own|lb\/own|node-1|node-1\/eth1|127\.0\.0\.1):\d+$/,
    reason:
      "A kernel's connection to an address of its own begins at the loopback device, whose MTU is 65536, before it is " +
      "translated. A node of podplane sends it to the plane by its TUN, whose MTU is the ENI's: the offered MSS is smaller.",
    podplane: replaced(/mss 65495/, "mss 8961"),
  },
  {
    probes: /^udp node-1 to svc\/none:53$/,
    reason:
      "A packet that the OUTPUT hook refuses fails in the sender's system call (EPERM). In podplane the packet has left " +
      "the node's namespace by then: the ICMP error that it gets in both cases is what the socket reports.",
    podplane: replaced(/Operation not permitted/, "Connection refused"),
  },
  {
    probes: /^record route to a pod$/,
    reason: "podplane passes IP options on as they are; a router writes its address into this one.",
    podplane: replaced(/options \w+/, "options 070b04000000000000000000"),
  },
];
