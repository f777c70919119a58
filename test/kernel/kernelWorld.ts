import { execFile, execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { promisify } from "node:util";
import { Agent } from "./agent.ts";
import { HOSTS, type Mode, OFFICE_CIDR, PODS, SUBNETS } from "./labFile.ts";
import { rulesOf } from "./nodeRules.ts";
import type { Eni, Plan, World } from "./world.ts";

/**
 * The same lab made of kernel namespaces:
 *
 *   pods -- veth -- node-1, node-2 (ip rules, iptables, nft) -- fabric (the VPC's routers) -- rds, office
 *                                                               fabric -- igw (1:1 mapping) -- web
 *
 * Every link end has the same MAC address and no ARP: then a kernel addresses every frame to that address, and the
 * other end takes it for its own. So no packet ever waits for a neighbour.
 */
const MAC = "02:00:00:00:00:01";
const PREFIX = "podplane-twin-";
const JUMBO = 9001;
const GATEWAY_MTU = 1500;
const POD_GATEWAY = "169.254.1.1";
const run = promisify(execFile);

/** What the VPC does not do and a router in its place would: it takes nothing off a packet's TTL, not even the last. */
const TTL_AS_BEFORE = [
  "iptables -t mangle -A PREROUTING -m ttl --ttl-eq 1 -j MARK --set-mark 1",
  "iptables -t mangle -A PREROUTING -m mark --mark 1 -j TTL --ttl-inc 1",
  "iptables -t mangle -A FORWARD -m mark ! --mark 1 -j TTL --ttl-inc 1",
];
/** The source/destination check of the ENIs: what comes from one has an address whose way back is that ENI. */
const SOURCE_CHECK = "sysctl -qw net.ipv4.conf.all.rp_filter=1";

interface Wire {
  from: string;
  device: string;
  to: string;
  far: string;
  mtu: number;
}

export class KernelWorld implements World {
  readonly plan: Plan;
  readonly #prefix = `${PREFIX}${process.pid}-`;
  readonly #namespaces: string[] = [];
  readonly #agents = new Map<string, Agent>();

  private constructor(plan: Plan) {
    this.plan = plan;
  }

  static async start(mode: Mode, plan: Plan): Promise<KernelWorld> {
    removeAbandoned();
    const world = new KernelWorld(plan);
    try {
      await world.#build(mode);
      const ends = [...PODS.map(({ name }) => name), ...Object.keys(HOSTS), "node-1", "node-2"];
      const started = ends.map((end) => Agent.start(end, ["ip", "netns", "exec", world.#namespace(end)]));
      for (const agent of await Promise.all(started)) world.#agents.set(agent.name, agent);
      return world;
    } catch (error) {
      await world.close();
      throw error;
    }
  }

  agent(end: string): Agent {
    const agent = this.#agents.get(end);
    if (agent === undefined) throw new Error(`${end} has no agent`);
    return agent;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#agents.values()].map((agent) => agent.stop()));
    for (const namespace of this.#namespaces) execFileSync("ip", ["netns", "del", namespace]);
  }

  #namespace(end: string): string {
    return this.#prefix + end;
  }

  #address(end: string): string {
    const address = this.plan.addresses.get(end);
    if (address === undefined) throw new Error(`${end} has no address`);
    return address;
  }

  #enisOf(node: string): Eni[] {
    return this.plan.enis.filter((eni) => eni.node === node);
  }

  async #build(mode: Mode): Promise<void> {
    const ends = ["fabric", "igw", "node-1", "node-2", ...Object.keys(HOSTS), ...PODS.map(({ name }) => name)];
    for (const end of ends) {
      await run("ip", ["netns", "add", this.#namespace(end)]);
      this.#namespaces.push(this.#namespace(end));
    }
    const wires = this.#wires();
    const links = wires.map(({ from, device, to, far, mtu }) => {
      const end = (name: string, link: string) =>
        `name ${link} netns ${this.#namespace(name)} address ${MAC} mtu ${mtu}`;
      return `link add ${end(from, device)} type veth peer ${end(to, far)}`;
    });
    await this.#shell("", `ip -batch - <<'END'\n${links.join("\n")}\nEND`);
    const devices = (end: string) =>
      wires.flatMap((w) => [...(w.from === end ? [w.device] : []), ...(w.to === end ? [w.far] : [])]);
    const scripts: [string, string[]][] = [
      ...PODS.map(({ name }): [string, string[]] => [name, this.#podLines(name)]),
      ...Object.keys(HOSTS).map((name): [string, string[]] => [name, this.#hostLines(name)]),
      ["node-1", this.#nodeLines("node-1", mode)],
      ["node-2", this.#nodeLines("node-2", mode)],
      ["fabric", this.#fabricLines()],
      ["igw", this.#igwLines()],
    ];
    await Promise.all(
      scripts.map(([end, lines]) => {
        const up = ["lo", ...devices(end)].map((device) => `ip link set ${device} up`);
        const noArp = devices(end).map((device) => `ip link set ${device} arp off`);
        return this.#shell(end, ["sysctl -qw net.ipv6.conf.all.disable_ipv6=1", ...noArp, ...up, ...lines].join("\n"));
      }),
    );
  }

  #wires(): Wire[] {
    return [
      ...PODS.map(({ name, node }) => ({ from: name, device: "eth0", to: node, far: `eni${name}`, mtu: JUMBO })),
      ...this.plan.enis.map(({ node, device }) => ({
        from: node,
        device,
        to: "fabric",
        far: `${node}-${device}`,
        mtu: JUMBO,
      })),
      { from: "rds", device: "eth0", to: "fabric", far: "rds", mtu: JUMBO },
      { from: "office", device: "eth0", to: "fabric", far: "office", mtu: GATEWAY_MTU },
      { from: "web", device: "eth0", to: "igw", far: "web", mtu: GATEWAY_MTU },
      { from: "igw", device: "vpc", to: "fabric", far: "igw", mtu: GATEWAY_MTU },
    ];
  }

  /** As the VPC CNI sets up a pod (driver.go, SetupPodNetwork). */
  #podLines(pod: string): string[] {
    return [
      `ip address add ${this.#address(pod)}/32 dev eth0`,
      `ip route add ${POD_GATEWAY} dev eth0 scope link`,
      `ip route add default via ${POD_GATEWAY} dev eth0`,
    ];
  }

  #hostLines(host: string): string[] {
    const address = this.#address(host);
    return [`ip address add ${address}/32 dev eth0`, `ip route add default dev eth0 src ${address}`];
  }

  #nodeLines(node: string, mode: Mode): string[] {
    const subnet = SUBNETS[node === "node-1" ? 0 : 1];
    const length = subnet.cidr.split("/")[1];
    const primary = this.#address(node);
    const { iptables, nftables } = rulesOf(mode, this.plan.addresses, primary);
    const table = (device: string) => Number(device.slice("eth".length)) + 1;
    return [
      "sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.eth0.rp_filter=2",
      `sysctl -qw net.ipv4.conf.all.route_localnet=${mode === "iptables" ? 1 : 0}`,
      ...this.#enisOf(node).flatMap(({ device, address }) =>
        device === "eth0"
          ? [`ip address add ${address}/${length} dev eth0`, `ip route add default via ${subnet.router} dev eth0`]
          : [
              `ip address add ${address}/${length} dev ${device} noprefixroute`,
              `ip route add ${subnet.router} dev ${device} scope link table ${table(device)}`,
              `ip route add default via ${subnet.router} dev ${device} table ${table(device)}`,
              `ip rule add pref 32765 from ${address} lookup ${table(device)}`,
            ],
      ),
      "ip rule add pref 1024 fwmark 0x80/0x80 lookup main",
      ...PODS.filter((pod) => pod.node === node).flatMap(({ name, eni }) => {
        const address = this.#address(name);
        return [
          `ip route add ${address} dev eni${name} scope link`,
          `ip rule add pref 512 to ${address} lookup main`,
          ...(eni === "eth0" ? [] : [`ip rule add pref 1536 from ${address} lookup ${table(eni)}`]),
        ];
      }),
      `nft -f - <<'END'\n${nftables}END`,
      `iptables-restore --noflush <<'END'\n${iptables}END`,
    ];
  }

  /** The VPC's routers: every address to the ENI that has it. */
  #fabricLines(): string[] {
    const routerOf = (address: string) =>
      SUBNETS.find(({ cidr }) => address.startsWith(cidr.slice(0, cidr.lastIndexOf("."))))?.router ?? "";
    const route = (address: string, device: string) =>
      `ip route add ${address} dev ${device} scope link src ${routerOf(address)}`;
    return [
      "sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.send_redirects=0 net.ipv4.conf.default.send_redirects=0",
      SOURCE_CHECK,
      ...TTL_AS_BEFORE,
      ...SUBNETS.map(({ router }) => `ip address add ${router}/32 dev lo`),
      ...this.plan.enis.map(({ node, device, address }) => route(address, `${node}-${device}`)),
      ...PODS.map(({ name, node, eni }) => route(this.#address(name), `${node}-${eni}`)),
      route(this.#address("rds"), "rds"),
      `ip route add ${OFFICE_CIDR} dev office`,
      "ip route add default dev igw",
    ];
  }

  /** 1:1, for addresses that have a public one; whoever has none stays inside, and nobody is told. */
  #igwLines(): string[] {
    const mapped = [...this.plan.publicAddresses];
    const out = mapped.map(([address, open]) => `ip saddr ${address} snat to ${open}`);
    const back = mapped.map(([address, open]) => `ip daddr ${open} dnat to ${address}`);
    const rules = `table ip igw {
  chain in { type nat hook prerouting priority -100; iifname web jump back; }
  chain back { ${back.join("; ")}; }
  chain out { type nat hook postrouting priority 100; oifname web jump mapping; }
  chain mapping { ${out.join("; ")}; }
  chain through {
    type filter hook forward priority 0
    ip daddr != ${HOSTS.web.address} oifname web drop
    oifname web ct direction original ip saddr != { ${mapped.map(([address]) => address).join(", ")} } drop
  }
}
`;
    return [
      "sysctl -qw net.ipv4.ip_forward=1",
      ...TTL_AS_BEFORE,
      "ip route add default dev web",
      "ip route add 10.0.0.0/16 dev vpc",
      `nft -f - <<'END'\n${rules}END`,
    ];
  }

  async #shell(end: string, script: string): Promise<void> {
    const enter = end === "" ? [] : ["ip", "netns", "exec", this.#namespace(end)];
    const [command, ...args] = [...enter, "sh", "-ec", script];
    await run(command, args);
  }
}

/** Namespaces of a test that was killed: their names have the number of a process that is no more. */
function removeAbandoned(): void {
  const names = execFileSync("ip", ["netns"], { encoding: "utf8" }).split("\n");
  for (const name of names.map((line) => line.split(" ")[0]).filter((name) => name.startsWith(PREFIX))) {
    const pid = name.slice(PREFIX.length).split("-")[0];
    if (!existsSync(`/proc/${pid}`)) execFileSync("ip", ["netns", "del", name]);
  }
}
