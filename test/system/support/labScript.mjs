// A small lab without a plane: `node labScript.mjs DIST DIRECTORY SCENARIO [ARG...]`. Its outer process prints what the
// inner one reports, as one line of JSON, and ends with its exit code.
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";

const [dist, directory, scenario, ...rest] = process.argv.slice(2);
const lab = async (file) => import(new URL(`lab/${file}`, dist).href);
const netDirectory = `${directory}/net`;

const namespaceSpec = (i, changes = {}) => ({
  name: `pod-${i}`,
  device: "eth0",
  addresses: [`10.0.1.${i}/32`],
  mtu: 9001,
  txqueuelen: 10000,
  offload: true,
  queues: 1,
  routes: ["169.254.1.1 dev eth0 scope link", "default via 169.254.1.1 dev eth0"],
  rules: [],
  sysctls: { "net.ipv4.conf.eth0.rp_filter": "2", "net/ipv4/ip_forward": "1" },
  ...changes,
});

const podOf = (file) => ({
  netFile: file,
  hostname: "web-1",
  files: [
    { source: `${directory}/resolv.conf`, target: "/etc/resolv.conf" },
    { source: `${directory}/hosts`, target: "/etc/no-such-file" },
  ],
  directory: "/",
  env: { GREETING: "hello pod" },
});

const inNamespace = (file, ...command) =>
  spawnSync("nsenter", [`--net=${file}`, "--", ...command], { encoding: "utf8" }).stdout;

const openDescriptors = () => readdirSync("/proc/self/fd").length;

const failure = (promise) =>
  promise.then(
    () => "no error",
    (error) => error.message,
  );

const scenarios = {
  async many({ namespaces }) {
    const count = Number(rest[0]);
    const made = [];
    for (let i = 1; i <= count; i++) made.push(await namespaces.create(namespaceSpec(i)));
    // Orphans in a session of their own: PID 1 inherits them.
    spawnSync("setsid", ["sh", "-c", "sleep 3600 & sleep 3600 & exit 0"], { stdio: "ignore" });
    const { file } = made[1];
    // Nobody reads the TUN, whose queue holds two packets: the kernel drops the third to the fifth.
    const short = await namespaces.create(namespaceSpec(99, { txqueuelen: 2 }));
    inNamespace(short.file, "bash", "-c", "for i in 1 2 3 4 5; do echo > /dev/udp/192.0.2.1/9; done");
    const stats = await namespaces.readDeviceStats(["pod-1", "pod-99", "pod-none"]);
    return {
      fds: new Set(made.flatMap(({ fds }) => fds)).size,
      offload: made[0].offload,
      addresses: made.map((namespace) =>
        inNamespace(namespace.file, "ip", "-4", "-o", "address", "show", "dev", "eth0"),
      ),
      link: inNamespace(file, "ip", "-o", "link", "show", "dev", "eth0"),
      routes: inNamespace(file, "ip", "route").trim().split("\n"),
      ipv6: inNamespace(file, "ip", "-6", "-o", "address"),
      forward: inNamespace(file, "cat", "/proc/sys/net/ipv4/ip_forward").trim(),
      rpFilter: inNamespace(file, "cat", "/proc/sys/net/ipv4/conf/eth0/rp_filter").trim(),
      unprivilegedPort: inNamespace(file, "cat", "/proc/sys/net/ipv4/ip_unprivileged_port_start").trim(),
      stats: Object.fromEntries(stats),
    };
  },

  async errors({ namespaces }) {
    const first = await namespaces.create(namespaceSpec(1));
    const before = openDescriptors();
    return {
      taken: await failure(namespaces.create(namespaceSpec(1))),
      badRoute: await failure(namespaces.create(namespaceSpec(2, { routes: ["10.9.0.0/16 via 192.0.2.1"] }))),
      badSysctl: await failure(namespaces.create(namespaceSpec(3, { sysctls: { "net.ipv4.no_such_thing": "1" } }))),
      badName: await failure(namespaces.create(namespaceSpec(4, { name: "../pod" }))),
      unknown: await failure(namespaces.remove("pod-9")),
      files: readdirSync(netDirectory),
      descriptorsLeft: openDescriptors() - before,
      again: (await namespaces.create(namespaceSpec(2))).file,
      removed: await namespaces.remove("pod-1").then(() => existsSync(first.file)),
      statsOfRemoved: (await namespaces.readDeviceStats(["pod-1"])).size,
      mounts: readFileSync("/proc/self/mountinfo", "utf8")
        .split("\n")
        .filter((line) => line.includes(netDirectory)).length,
    };
  },

  async sockets({ namespaces }) {
    const net = await import("node:net");
    const dgram = await import("node:dgram");
    await namespaces.create(namespaceSpec(1));
    const listening = await namespaces.openSocket("pod-1", { type: "tcp", bind: { address: "10.0.1.1", port: 80 } });
    const server = net.createServer((socket) => socket.end("from the pod")).listen({ fd: listening });
    const fd = await namespaces.openSocket("pod-1", { type: "tcp" });
    const client = new net.Socket({ fd }).connect(80, "10.0.1.1");
    const tcp = await new Promise((resolve, reject) => client.on("data", resolve).on("error", reject));
    server.close();
    const udpFd = await namespaces.openSocket("pod-1", { type: "udp", bind: { address: "10.0.1.1", port: 53 } });
    const receiver = dgram.createSocket("udp4").bind({ fd: udpFd });
    const udp = new Promise((resolve, reject) => receiver.on("message", resolve).on("error", reject));
    spawnSync("nsenter", [`--net=${netDirectory}/pod-1`, "bash", "-c", "echo -n question > /dev/udp/10.0.1.1/53"]);
    return { tcp: String(tcp), udp: String(await udp), address: receiver.address() };
  },

  /** Runs one container after the other, each until it has exited for good, been stopped, or started a second time. */
  async containers({ namespaces }) {
    const { Container } = await lab("processes.js");
    const pod = podOf((await namespaces.create(namespaceSpec(1))).file);
    const backoff = { firstMs: 10, baseMs: 3_600_000, maxMs: 3_600_000, resetMs: 3_600_000 };
    const run = (name, command, restartPolicy, until) =>
      new Promise((resolve) => {
        const states = [];
        const container = new Container(
          { name, pod, command, restartPolicy },
          {
            logDirectory: `${directory}/logs`,
            backoff,
            onState(state) {
              const { status, code, restarts } = state;
              states.push(
                status === "running"
                  ? { status, restarts }
                  : { status, code, restarts, again: state.restartAt !== null },
              );
              if (until(state)) setImmediate(finish);
            },
          },
        );
        const finish = async () => {
          await container.stop(100);
          resolve({ states, log: readFileSync(container.logFile, "utf8") });
        };
        container.start();
      });
    const exited = (state) => state.status === "exited" && state.restartAt === null;
    const settled = (state) => state.status === "exited" && state.restarts === 1;
    const sh = (script) => ["sh", "-c", script];
    const ready = `${directory}/ready`;
    const waitFor = (file) => {
      while (!existsSync(file)) spawnSync("true");
      return true;
    };
    return {
      // What any child gets, whoever starts it: what the test's own caller did not close.
      descriptors: spawnSync("sh", ["-c", "ls /proc/self/fd"], { encoding: "utf8" }).stdout.split("\n"),
      inside: await run(
        "inside",
        sh(
          'hostname; cat /etc/resolv.conf; ls /sys/class/net; echo "$GREETING $HOSTNAME"; id -u; ls /proc/self/fd; ls -l /proc/self/fd | grep -c -e tun -e socket; env | grep -c -e PODPLANE -e NODE_',
        ),
        "Never",
        exited,
      ),
      fails: await run("fails", sh("sleep 3598 & echo oops >&2; exit 3"), "Never", exited),
      missing: await run("missing", ["/no/such/command"], "OnFailure", settled),
      succeeds: await run("succeeds", ["true"], "OnFailure", exited),
      always: await run("always", sh("echo again"), "Always", settled),
      polite: await run(
        "polite",
        sh(`trap "exit 5" TERM; echo > ${ready}1; while :; do sleep 0.01; done`),
        "Always",
        () => waitFor(`${ready}1`),
      ),
      stubborn: await run(
        "stubborn",
        sh(`trap "" TERM; sleep 3599 & echo > ${ready}2; while :; do sleep 1; done`),
        "Always",
        () => waitFor(`${ready}2`),
      ),
      left: spawnSync("pgrep", ["-f", "^sleep 359[89]"], { encoding: "utf8" }).stdout,
    };
  },

  async exec({ namespaces }) {
    return { file: (await namespaces.create(namespaceSpec(1))).file };
  },
};

if (scenario === "enter") {
  const { execCommand } = await lab("execCommand.js");
  const [hostPid, file, ...command] = rest;
  process.exit(await execCommand(Number(hostPid), podOf(file), command));
}

const { isInner, innerChannel } = await lab("innerChannel.js");
if (isInner()) {
  const { Namespaces } = await lab("namespaces.js");
  const channel = innerChannel();
  const namespaces = new Namespaces(netDirectory);
  let stops = 0;
  channel.onStop(() => {
    stops++;
    // Long enough for a second request to count, if it were counted.
    setTimeout(() => process.exit(40 + stops), 100);
  });
  writeFileSync(`${directory}/resolv.conf`, "nameserver 172.20.0.10\n");
  const report = await scenarios[scenario]({ namespaces });
  channel.ready({ ...report, hostPid: await channel.hostPid(), rootless: channel.rootless });
} else {
  const { superviseInner } = await lab("supervisor.js");
  const onReady = (report) => console.log(JSON.stringify(report));
  const script = new URL(import.meta.url).pathname;
  try {
    process.exitCode = await superviseInner(process.argv.slice(2), { script, onReady });
  } catch (error) {
    console.error(`${error.name}: ${error.message}`);
    process.exitCode = 1;
  }
}
