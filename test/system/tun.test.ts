import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { setImmediate as nextTurn } from "node:timers/promises";
import { afterAll, afterEach, describe, expect, it } from "vitest";
import {
  bind,
  close,
  connect,
  open,
  read,
  SystemError,
  setns,
  setSocketOption,
  socket,
  unshare,
  write,
} from "../../src/device/libc.ts";
import {
  AF_INET,
  CLONE_NEWNET,
  O_CLOEXEC,
  O_RDONLY,
  SOCK_CLOEXEC,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
  SOCK_RAW,
} from "../../src/device/linux.ts";
import { packetProblem } from "../../src/device/packetProblem.ts";
import { createWakeFd, Poller } from "../../src/device/poller.ts";
import { socketAddress } from "../../src/device/sockaddr.ts";
import { openTun, TunDevice, type TunOptions } from "../../src/device/tun.ts";
import { VerifyDevice } from "../../src/device/verify.ts";
import { VNET_BEFORE } from "../../src/plane/packet.ts";
import { PacketVector, SLOT_SIZE } from "../../src/plane/vector.ts";
import { DEVICE_INDEX, deviceCompliance, EXPERIMENT, FAR, type Harness, MTU, NEAR } from "../unit/device/compliance.ts";

// This file moves its own thread between network namespaces, which only root can do (a rootless thread cannot go back).
// Sockets and children belong to the namespace that the thread was in when they were made.

const IPPROTO_RAW = 255;
const SOL_UDP = 17;
const UDP_SEGMENT = 103;
const GSO_UDP_L4 = 5;
const NEEDS_CSUM = 1;

const near = NEAR.join(".");
const far = FAR.join(".");

const home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
const opened: number[] = [];

function ip(...lines: string[]): void {
  const run = spawnSync("ip", ["-batch", "-"], { input: lines.join("\n"), encoding: "utf8" });
  expect(run.stderr).toBe("");
}

/** A namespace of its own for the thread, with a TUN eth0 that has `address` and the default route. */
function namespaceWithTun(address: string, options: Partial<TunOptions> = {}) {
  unshare(CLONE_NEWNET);
  // Otherwise the kernel says hello in IPv6 on its own.
  writeFileSync("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1");
  const file = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
  const tun = openTun({ name: "eth0", queues: 1, offload: true, ...options });
  opened.push(file, ...tun.fds);
  ip(
    "link set lo up",
    `link set eth0 mtu ${MTU} up`,
    `address add ${address}/32 dev eth0`,
    "route add default dev eth0",
  );
  return { file, ...tun };
}

function vectorOf(slots: number): PacketVector {
  return new PacketVector(new Uint8Array(slots * SLOT_SIZE), slots);
}

/** Packet `i` with its vnet header. */
function wholePacket(vector: PacketVector, i: number): Uint8Array {
  return vector.arena.slice(vector.offset[i] - VNET_BEFORE, vector.offset[i] + vector.length[i]);
}

afterEach(() => {
  for (const fd of opened.splice(0)) close(fd);
  setns(home, CLONE_NEWNET);
});
afterAll(() => close(home));

function openTunHarness(): Harness {
  const { fds } = namespaceWithTun(near);
  const device = new TunDevice("eth0", MTU, DEVICE_INDEX, fds[0]);
  // The device closes its own descriptor.
  opened.splice(opened.indexOf(fds[0]), 1);
  const sender = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
  connect(sender, socketAddress(far, 0));
  const receiver = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, EXPERIMENT);
  opened.push(sender, receiver);
  return {
    device,
    inject: (packet) => expect(write(sender, packet, packet.length)).toBe(packet.length),
    drain() {
      const packets: Uint8Array[] = [];
      const buffer = new Uint8Array(SLOT_SIZE);
      for (let got = read(receiver, buffer, buffer.length); got > 0; got = read(receiver, buffer, buffer.length)) {
        packets.push(buffer.slice(0, got));
      }
      return packets;
    },
    dispose: () => device.close(),
  };
}

deviceCompliance("TunDevice", openTunHarness);

describe("openTun", () => {
  it("refuses a name that is taken, and leaves no descriptor behind", () => {
    namespaceWithTun(near);
    const tuns = () =>
      spawnSync("ls", ["-l", `/proc/${process.pid}/fd`], { encoding: "utf8" }).stdout.match(/net\/tun$/gm);
    expect(tuns()).toHaveLength(1);
    const again = () => openTun({ name: "eth0", queues: 1, offload: true });
    expect(again).toThrow(SystemError);
    expect(again).toThrow("TUNSETIFF eth0: EBUSY");
    expect(tuns()).toHaveLength(1);
  });

  it("opens several queues of one device", () => {
    const { fds } = namespaceWithTun(near, { queues: 3 });
    expect(new Set(fds).size).toBe(3);
    const links = spawnSync("ip", ["-details", "link", "show", "eth0"], { encoding: "utf8" }).stdout;
    expect(links).toContain("multi_queue numqueues 3");
  });

  it("lets no child inherit the descriptors", () => {
    namespaceWithTun(near);
    const links = spawnSync("sh", ["-c", "ls -l /proc/self/fd"], { encoding: "utf8" }).stdout;
    expect(links).not.toContain("net/tun");
  });

  it("hands over UDP segmentation to whoever sets UDP_SEGMENT, with a sum that covers the whole packet", () => {
    const { fds, offload } = namespaceWithTun(near);
    expect(offload).toBe("csum,tso,uso");
    const sender = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    opened.push(sender);
    connect(sender, socketAddress(far, 5000));
    setSocketOption(sender, SOL_UDP, UDP_SEGMENT, 1000);
    expect(write(sender, new Uint8Array(4321).fill(7), 4321)).toBe(4321);
    const vector = vectorOf(4);
    expect(new TunDevice("eth0", MTU, 0, fds[0]).read(vector, 4)).toBe(1);
    const packet = wholePacket(vector, 0);
    expect([packet[0], packet[1]]).toEqual([NEEDS_CSUM, GSO_UDP_L4]);
    expect(packet[4] + packet[5] * 256).toBe(1000);
    expect(packetProblem(packet)).toBeNull();
  });

  it("grants nothing when nothing is asked for: the kernel finishes each packet", () => {
    const { fds, offload } = namespaceWithTun(near, { offload: false });
    expect(offload).toBe("none");
    const sender = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    opened.push(sender);
    bind(sender, socketAddress(near, 4999));
    connect(sender, socketAddress(far, 5000));
    expect(write(sender, new Uint8Array(999).fill(7), 999)).toBe(999);
    const vector = vectorOf(4);
    expect(new TunDevice("eth0", MTU, 0, fds[0]).read(vector, 4)).toBe(1);
    const packet = wholePacket(vector, 0);
    expect(packet.slice(0, VNET_BEFORE)).toEqual(new Uint8Array(VNET_BEFORE));
    expect(packetProblem(packet)).toBeNull();
  });
});

const BYTES = 8_000_000;
const SERVER = `require("net").createServer((s) => { let n = 0; s.on("data", (d) => { n += d.length; })
  .on("end", () => { console.log("got", n); process.exit(); }); }).listen(5001, () => console.log("listening"))`;
const CLIENT = `require("net").connect(5001, "${far}").end(Buffer.alloc(${BYTES}, "podplane"))`;

async function lineOf(child: ReturnType<typeof spawn>, text: string): Promise<string> {
  let output = "";
  while (!output.includes(text)) {
    const [data] = await once(child.stdout ?? child, "data");
    output += data;
  }
  return output;
}

/** Two namespaces and a wire between them made of two devices; a TCP transfer crosses it. */
async function transfer(offload: boolean) {
  const b = namespaceWithTun(far, { offload });
  const server = spawn(process.execPath, ["-e", SERVER], { stdio: ["ignore", "pipe", "inherit"] });
  await lineOf(server, "listening");
  const a = namespaceWithTun(near, { offload });
  const client = spawn(process.execPath, ["-e", CLIENT], { stdio: ["ignore", "inherit", "inherit"] });
  const devices = [a, b].map(({ fds }, i) => new VerifyDevice(new TunDevice(`tun${i}`, MTU, i, fds[0])));
  const wakeFd = createWakeFd();
  const poller = new Poller(wakeFd, 4);
  for (const [i, { fds }] of [a, b].entries()) poller.add(fds[0], i);
  const vector = vectorOf(64);
  let largest = 0;
  let failed = 0;
  let done = false;
  const got = lineOf(server, "got").finally(() => {
    done = true;
  });
  while (!done) {
    const ready = poller.wait(1);
    for (let k = 0; k < ready; k++) {
      const from = poller.ready[k];
      vector.count = 0;
      const count = devices[from].read(vector, 64);
      failed += count - devices[1 - from].write(vector, 0, count);
      for (let i = 0; i < count; i++) largest = Math.max(largest, vector.length[i]);
    }
    await nextTurn();
  }
  client.kill("SIGKILL");
  poller.close();
  close(wakeFd);
  return { got: await got, largest, failed, devices };
}

describe("a wire of two TUN devices", () => {
  it.each([
    { offload: true, sizes: "super-packets" },
    { offload: false, sizes: "packets of the MTU" },
  ])("carries TCP in $sizes (offload $offload), each with a right checksum", async ({ offload }) => {
    const { got, largest, failed, devices } = await transfer(offload);
    expect(got).toContain(`got ${BYTES}`);
    expect(failed).toBe(0);
    if (offload) expect(largest).toBeGreaterThan(20_000);
    else expect(largest).toBe(MTU);
    expect(devices.flatMap((device) => device.kept)).toEqual([]);
    expect(devices[1].verified).toBeGreaterThan(BYTES / 65_536);
    expect(devices[0].verified).toBeGreaterThan(10);
  });
});
