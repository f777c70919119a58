import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { DIST } from "./support/dist.ts";

/** Programs that the tests run, by the Debian package that has them. */
const PROGRAMS: Record<string, string[]> = {
  "bind9-dnsutils": ["dig"],
  bsdutils: ["script"],
  conntrack: ["conntrack"],
  curl: ["curl"],
  iperf3: ["iperf3"],
  iproute2: ["ip", "ss"],
  iptables: ["iptables-restore"],
  "iputils-ping": ["ping"],
  nftables: ["nft"],
  procps: ["pgrep", "sysctl"],
  prometheus: ["promtool"],
  python3: ["python3"],
  socat: ["socat"],
  tcpdump: ["tcpdump"],
  traceroute: ["traceroute"],
  tshark: ["tshark"],
  "util-linux": ["nsenter", "setpriv", "unshare"],
};

function isInstalled(program: string): boolean {
  return (process.env.PATH ?? "").split(delimiter).some((directory) => existsSync(join(directory, program)));
}

/** What is missing, in one sentence that says what to do; null where nothing is. */
function problem(): string | null {
  if (process.getuid?.() !== 0) return "System tests make network namespaces and TUN devices: run them as root.";
  if (!existsSync("/dev/net/tun")) return "There is no /dev/net/tun: load the module with `modprobe tun`.";
  const missing = Object.keys(PROGRAMS).filter((name) => !PROGRAMS[name].every(isInstalled));
  if (missing.length > 0)
    return `System tests need programs that are not installed: apt-get install -y --no-install-recommends ${missing.join(" ")}`;
  if (!existsSync(new URL("cli/main.js", DIST)))
    return `System tests run what is in ${fileURLToPath(DIST)}, where nothing is: npm run build`;
  return null;
}

export default function setup(): void {
  const sentence = problem();
  if (sentence !== null) throw new Error(sentence);
}
