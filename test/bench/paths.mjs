// The three ways from a client to a server that are compared. Each has the same surface: where the server is reached,
// how a command runs at either end, and how much CPU the forwarder has used.
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { cpuSeconds, run, start } from "./commands.mjs";

/**
 * @typedef {object} Path
 * @property {string} name
 * @property {string} target address that the client sends to
 * @property {string[]} client what a command at the client begins with
 * @property {string[]} server the same at the server
 * @property {NodeJS.ProcessEnv} env
 * @property {() => number | null} cpu CPU seconds of the forwarder so far; null where it is the kernel
 * @property {() => Promise<void>} stop
 */

const CLIENT = "10.0.1.32";
const SERVER = "10.0.2.32";
const CLUSTER_IP = "172.20.0.17";
/** The ring that podplane gives its TUNs. */
const TXQUEUELEN = 10_000;
const PODPLANE_READY = /^lab .* is up/;

const inside = (/** @type {string} */ netns) => ["nsenter", `--net=/run/netns/${netns}`];
const server = (/** @type {string} */ netns) => start([...inside(netns), "iperf3", "-s", "--forceflush"], /listening/);

/** @param {string} netns @param {string[]} sysctls */
function namespace(netns, sysctls = []) {
  run(["ip", "netns", "add", netns]);
  run(["ip", "-n", netns, "link", "set", "lo", "up"]);
  for (const s of ["net.ipv4.conf.all.rp_filter=0", "net.ipv4.conf.default.rp_filter=0", ...sysctls])
    run([...inside(netns), "sysctl", "-q", "-w", s]);
}

/**
 * podplane: the lab beside this file, through the ClusterIP, over two nodes.
 * @param {string} name
 * @param {string} script podplane's dist/cli/main.js
 * @param {number} mtu
 * @param {string} scratch
 * @returns {Promise<Path>}
 */
export async function podplanePath(name, script, mtu, scratch) {
  const lab = join(mkdtempSync(join(scratch, "lab-")), "lab.yaml");
  writeFileSync(lab, readFileSync(new URL("lab.yaml", import.meta.url), "utf8").replace('"MTU"', `"${mtu}"`));
  const env = { ...process.env, PODPLANE_STATE: mkdtempSync(join(scratch, "state-")) };
  const podplane = [process.execPath, script];
  const up = await start([...podplane, "up", lab, "--metrics-port", "0"], PODPLANE_READY, env);
  const at = (/** @type {string} */ pod) => [...podplane, "exec", pod, "--"];
  const pid = up.child.pid ?? 0;
  return {
    name,
    target: CLUSTER_IP,
    client: at("pod/client"),
    server: at("pod/server"),
    env,
    cpu: () => cpuSeconds(pid, /main\.js up /),
    stop: async () => {
      run([...podplane, "down"], { env });
      await up.ended;
    },
  };
}

/**
 * The device's limit: two TUNs and a loop in C that copies. No translation, so the client sends to the server itself.
 * @param {string} name
 * @param {string} program tunloop
 * @param {number} mtu
 * @returns {Promise<Path>}
 */
export async function loopPath(name, program, mtu) {
  const ends = [
    { netns: `${name}-client`, address: CLIENT },
    { netns: `${name}-server`, address: SERVER },
  ];
  for (const e of ends) namespace(e.netns);
  const loop = await start([program, ...ends.map((e) => `/run/netns/${e.netns}`)], /^ready$/);
  for (const { netns, address } of ends) {
    const ip = ["ip", "-n", netns];
    run([...ip, "link", "set", "tun0", "mtu", String(mtu), "txqueuelen", String(TXQUEUELEN), "up"]);
    run([...ip, "address", "add", `${address}/32`, "dev", "tun0"]);
    run([...ip, "route", "add", "default", "dev", "tun0"]);
  }
  const iperf = await server(ends[1].netns);
  return {
    name,
    target: SERVER,
    client: inside(ends[0].netns),
    server: inside(ends[1].netns),
    env: process.env,
    cpu: () => cpuSeconds(loop.child.pid ?? 0, /tunloop/),
    stop: async () => {
      iperf.child.kill("SIGKILL");
      loop.child.kill("SIGKILL");
      await Promise.all([iperf.ended, loop.ended]);
      for (const e of ends) run(["ip", "netns", "delete", e.netns]);
    },
  };
}

/** What kube-proxy's nftables mode and the VPC CNI program on a node, as far as this connection meets it. */
const RULES = `
table ip kube-proxy {
  chain endpoint-tcp {
    ip saddr ${SERVER} mark set mark or 0x4000
    meta l4proto tcp dnat to ${SERVER}:5201
  }
  chain endpoint-udp {
    ip saddr ${SERVER} mark set mark or 0x4000
    meta l4proto udp dnat to ${SERVER}:5202
  }
  chain service-tcp {
    numgen random mod 1 vmap { 0 : goto endpoint-tcp }
  }
  chain service-udp {
    numgen random mod 1 vmap { 0 : goto endpoint-udp }
  }
  map service-ips {
    type ipv4_addr . inet_proto . inet_service : verdict
    elements = { ${CLUSTER_IP} . tcp . 5201 : goto service-tcp, ${CLUSTER_IP} . udp . 5202 : goto service-udp }
  }
  chain nat-prerouting {
    type nat hook prerouting priority dstnat
    ip daddr . meta l4proto . th dport vmap @service-ips
  }
  chain nat-postrouting {
    type nat hook postrouting priority srcnat
    mark and 0x4000 != 0 masquerade fully-random
  }
  chain filter-forward {
    type filter hook forward priority -110
    ct state new ip daddr 172.20.0.0/16 drop
  }
}
table ip aws-cni {
  chain connmark {
    type filter hook prerouting priority mangle
    iifname "eni*" mark set ct mark and 0x80
  }
  chain snat-pods {
    type nat hook postrouting priority 101
    ip daddr 10.0.0.0/16 return
    fib daddr type local return
    oifname "eth0" snat to NODE fully-random
  }
}
`;

/**
 * The kernel's own way: veth pairs, forwarding, conntrack and nftables on both nodes.
 * @param {string} name
 * @param {number} mtu
 * @returns {Promise<Path>}
 */
export async function kernelPath(name, mtu) {
  const nodes = [
    { netns: `${name}-node-1`, pod: `${name}-client`, node: "10.0.1.10", address: CLIENT, range: "10.0.1.32/28" },
    { netns: `${name}-node-2`, pod: `${name}-server`, node: "10.0.2.10", address: SERVER, range: "10.0.2.32/28" },
  ];
  for (const n of nodes) {
    namespace(n.netns, ["net.ipv4.ip_forward=1"]);
    namespace(n.pod);
    const ip = ["ip", "-n", n.netns];
    run([...ip, "link", "add", "eni0", "type", "veth", "peer", "name", "eth0", "netns", n.pod]);
    run([...ip, "link", "set", "eni0", "mtu", String(mtu), "up"]);
    // The pod's gateway, as the CNI has it.
    run([...ip, "address", "add", "169.254.1.1/32", "dev", "eni0"]);
    run([...ip, "route", "add", `${n.address}/32`, "dev", "eni0"]);
    run(["ip", "-n", n.pod, "link", "set", "eth0", "mtu", String(mtu), "up"]);
    run(["ip", "-n", n.pod, "address", "add", `${n.address}/32`, "dev", "eth0"]);
    run(["ip", "-n", n.pod, "route", "add", "169.254.1.1/32", "dev", "eth0"]);
    run(["ip", "-n", n.pod, "route", "add", "default", "via", "169.254.1.1", "dev", "eth0"]);
  }
  const [first, second] = nodes;
  run(["ip", "-n", first.netns, "link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns", second.netns]);
  for (const [n, peer] of [
    [first, second],
    [second, first],
  ]) {
    run(["ip", "-n", n.netns, "address", "add", `${n.node}/16`, "dev", "eth0"]);
    run(["ip", "-n", n.netns, "link", "set", "eth0", "mtu", String(mtu), "up"]);
    run(["ip", "-n", n.netns, "route", "add", peer.range, "via", peer.node]);
    run([...inside(n.netns), "nft", "-f", "-"], { input: RULES.replace("NODE", n.node) });
  }
  const iperf = await server(second.pod);
  return {
    name,
    target: CLUSTER_IP,
    client: inside(first.pod),
    server: inside(second.pod),
    env: process.env,
    cpu: () => null,
    stop: async () => {
      iperf.child.kill("SIGKILL");
      await iperf.ended;
      for (const n of nodes) for (const netns of [n.pod, n.netns]) run(["ip", "netns", "delete", netns]);
    },
  };
}
