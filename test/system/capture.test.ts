import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { PacketEvent } from "../../src/observe/trace/packetEvent.ts";
import { Podplane, Program, SERVER } from "./podplane.ts";
import { DIST } from "./support/dist.ts";
import { labDocument, podDocument, serviceDocument } from "./support/labObjects.ts";
import { until } from "./support/wait.ts";

const CLI = fileURLToPath(new URL("cli/main.js", DIST));
const TSHARK_PLACES = "/usr/lib/x86_64-linux-gnu/wireshark/extcap";

const podplane = new Podplane();
const file = (name: string): string => join(podplane.directory, name);
let vip = "";
let web = "";

/** A program's standard output; it has to say nothing that is wrong with a file. */
function tool(...argv: string[]): string {
  return execFileSync(argv[0], argv.slice(1), {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
    maxBuffer: 1 << 28,
  });
}

interface Frame {
  time: string;
  at: string;
  id: number;
  length: number;
  source: string;
  destination: string;
  comment: string;
  direction: string;
  verdict: string;
}

const FIELDS = [
  "frame.time_epoch",
  "frame.interface_name",
  "frame.packet_id",
  "frame.len",
  "ip.src",
  "ip.dst",
  "frame.comment",
  "frame.packet_flags_direction",
  "frame.verdict.ebpf_tc",
];

/** What tshark reads out of a file. */
function frames(path: string): Frame[] {
  const text = tool("tshark", "-n", "-r", path, "-T", "fields", ...FIELDS.flatMap((f) => ["-e", f]));
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const [time, at, id, length, source, destination, comment, direction, verdict] = line.split("\t");
      return { time, at, id: Number(id), length: Number(length), source, destination, comment, direction, verdict };
    });
}

/** Frames by the packet that they show. */
function byPacket(list: readonly Frame[]): Map<number, Frame[]> {
  const packets = new Map<number, Frame[]>();
  for (const frame of list) packets.set(frame.id, [...(packets.get(frame.id) ?? []), frame]);
  return packets;
}

/** Other readers find nothing wrong with it either. @returns its packets */
function readable(path: string): number {
  expect(tool("tcpdump", "-n", "-r", path)).not.toBe("");
  return Number(/Number of packets: +(\d+)/.exec(tool("capinfos", "-c", "-M", path))?.[1]);
}

/** Starts a capture and waits until it has begun. */
async function capturing(...args: string[]): Promise<Program> {
  const program = podplane.spawn("capture", ...args);
  await program.says(/capturing packets/);
  return program;
}

beforeAll(async () => {
  const lab = podplane.write("lab.yaml", [
    labDocument({ name: "watched" }),
    podDocument("client", { spec: { nodeName: "node-1" } }),
    podDocument("web", { command: ["node", SERVER, "8080"], spec: { nodeName: "node-2" } }),
    serviceDocument("web", [{ port: 80, targetPort: 8080 }]),
    serviceDocument("empty", [{ port: 80 }], { selector: { app: "nobody" } }),
  ]);
  await podplane.up(lab);
  await podplane.serving("pod/web");
  await podplane.endpoints("web", 1);
  vip = await podplane.clusterIP("web");
  web = (await podplane.get("pods")).find((p) => p.name.endsWith("web"))?.address ?? "";
});

afterAll(() => podplane.dispose());

describe("capture of a running lab", () => {
  it("shows every packet everywhere with its decision, in files that others read", async () => {
    const empty = await podplane.clusterIP("empty");
    const all = await capturing("-w", file("all.pcapng"), "--sidecar");
    const drops = await capturing("--pod", "client", "--drops", "--segments", "-w", file("drops.pcapng"));
    const rotated = await capturing("--rotate-size", "6k", "--rotate-keep", "2", "-w", file("r.pcapng"));
    const killed = await capturing("--snaplen", "40", "-w", file("killed.pcapng"));
    const old = await capturing("tcp port 8080", "--format", "pcap", "-c", "5", "-w", file("old.pcap"));
    const none = await capturing("udp port 9", "-w", file("none.pcapng"));
    const trace = podplane.spawn("trace", "-o", "json");
    const piped = `${process.execPath} ${CLI} capture icmp -w - | tshark -n -l -r - -c 6 -T fields -e frame.comment`;
    const pipe = new Program(["sh", "-c", piped], podplane.env);
    await pipe.says(/capturing/);

    const big = `head -c 200000 /dev/zero | curl -s -m 5 -o /dev/null --data-binary @- http://${vip}/`;
    const ask = `curl -s -m 5 -o /dev/null -w '%{http_code}' http://${vip}/`;
    expect(await podplane.sh("client", ask)).toBe("200");
    await podplane.sh("client", `${big}; curl -s -m 1 http://${empty}/; ping -q -c 3 -i 0.05 ${web} >/dev/null`);

    await until("tshark to have six packets", () => pipe.stdout.trim().split("\n").length === 6);
    // Whoever writes into a pipe learns that nobody reads it when he writes again.
    await podplane.sh("client", `ping -q -c 1 ${web} >/dev/null`);

    killed.child.kill("SIGKILL");
    const summaries = await Promise.all([all, drops, rotated, none, trace].map((p) => p.stop("SIGINT")));
    for (const { status, stderr } of summaries) expect(status, stderr).toBe(0);

    // Every packet of the lab, at each place that it passed, in order.
    const list = frames(file("all.pcapng"));
    expect(readable(file("all.pcapng"))).toBe(list.length);
    const packets = byPacket(list);
    const events = readFileSync(file("all.pcapng.jsonl"), "utf8")
      .trim()
      .split("\n")
      .map((l) => JSON.parse(l) as PacketEvent);
    expect(events.map((e) => e.id)).toEqual([...packets.keys()].sort((a, b) => a - b));
    for (let i = 1; i < list.length; i++)
      expect(BigInt(list[i].time.replace(".", ""))).toBeGreaterThan(BigInt(list[i - 1].time.replace(".", "")));
    for (const event of events) {
      const seen = packets.get(event.id) ?? [];
      if (event.verdict === "DELIVERED") expect(seen.slice(0, event.path.length).map((f) => f.at)).toEqual(event.path);
      expect(new Set(seen.map((f) => f.comment)).size).toBe(1);
      expect(seen[0].comment).toContain(event.verdict);
      expect([seen[0].source, seen[0].length]).toEqual([event.flow.source.address, event.length]);
      expect([seen[0].direction, seen.at(-1)?.verdict]).toEqual(["0x00000002", ""]);
    }
    const syn = packets.get(events.find((e) => e.info === "S")?.id ?? 0) ?? [];
    expect(syn.map((f) => [f.at, f.destination])).toEqual([
      ["pod/default/client", vip],
      ["node-1/eth0", web],
      ["node-2/eth0", web],
      ["pod/default/web", web],
    ]);
    expect(syn[0].comment).toContain("svc/web:80");
    expect(syn[0].comment).toContain("DNAT to pod/web:8080");
    expect(all.stderr).toContain(`${packets.size} packets, seen at ${list.length} places`);
    // The trace saw the same packets, and no other.
    const traced = trace.stdout
      .trim()
      .split("\n")
      .map((l) => JSON.parse(l) as PacketEvent);
    const kept = new Map(events.map((e) => [e.id, e]));
    expect(traced.length).toBeGreaterThan(20);
    for (const event of traced) expect(event).toEqual(kept.get(event.id));

    // A refused packet once more, where it ended; segments as a wire has them, with right checksums.
    const dropped = frames(file("drops.pcapng")).filter((f) => f.verdict !== "");
    expect(dropped.length).toBeGreaterThan(0);
    for (const f of dropped) {
      expect(f.comment).toContain("SERVICE_NO_ENDPOINTS");
      expect([f.at, f.destination]).toEqual(["pod/default/client", empty]);
    }
    expect(Math.max(...list.map((f) => f.length))).toBeGreaterThan(20_000);
    expect(Math.max(...frames(file("drops.pcapng")).map((f) => f.length))).toBeLessThanOrEqual(9001);
    // An ICMP error quotes what the sender sent, whose checksum was not complete yet.
    const bad = ["-o", "tcp.check_checksum:TRUE", "-Y", "tcp.checksum.status==0 && !icmp"];
    expect(tool("tshark", "-n", "-r", file("drops.pcapng"), ...bad)).toBe("");

    // The last files of many; each whole.
    const files = readdirSync(podplane.directory)
      .filter((f) => f.startsWith("r_"))
      .sort();
    expect(files).toHaveLength(2);
    for (const f of files) {
      expect(f).toMatch(/^r_\d{5}_\d{14}\.pcapng$/);
      expect(readable(file(f))).toBeGreaterThan(0);
    }
    expect(rotated.stderr).toContain("of which the last 2 are left");

    // Who was killed left a whole file, which the lab closed.
    const first = frames(file("killed.pcapng"));
    expect(readable(file("killed.pcapng"))).toBe(first.length);
    expect(first.length).toBeGreaterThan(20);
    expect((await old.ended).status).toBe(0);
    expect(tool("tcpdump", "-n", "-r", file("old.pcap")).split("\n").length).toBeGreaterThanOrEqual(10);
    expect(none.stderr).toMatch(/no packet matched `udp port 9`; meanwhile \d+ packets were read/);
    const { status, stdout, stderr } = await pipe.ended;
    expect([status, stdout.trim().split("\n").length], stderr).toEqual([0, 6]);
    expect(stdout).toContain("icmp pod/client -> pod/web");
  });

  it("is among the interfaces of tshark", async () => {
    await podplane.must("extcap", "--install", file("extcap"));
    // Wireshark trusts no variable as root: its own directory, covered in a mount namespace of its own.
    const covered = (command: string) => [
      "unshare",
      "-m",
      "sh",
      "-c",
      `mount --bind ${file("extcap")} ${TSHARK_PLACES} && ${command}`,
    ];
    const listed = new Program(covered("tshark -D"), podplane.env);
    expect((await listed.ended).stdout).toContain("podplane-watched (podplane lab watched)");
    const fields = "-T fields -e frame.interface_name -e frame.comment";
    const tshark = new Program(covered(`tshark -n -l -i podplane-watched -f icmp -c 5 ${fields}`), podplane.env);
    let done = false;
    const { ended } = tshark;
    void ended.then(() => {
      done = true;
    });
    await until(`tshark to have five packets: ${podplane.directory}`, async () => {
      await podplane.sh("client", `ping -q -c 2 -i 0.05 ${web} >/dev/null`);
      return done;
    });
    const { status, stdout, stderr } = await ended;
    expect(status, stderr).toBe(0);
    expect(stdout.trim().split("\n")).toHaveLength(5);
    expect(stdout).toContain("pod/default/client\t");
  });

  it("refuses what it cannot do, in a sentence, and leaves nothing behind", async () => {
    for (const [args, text] of [
      [["tcp prt 80"], /column 5/],
      [["--pod", "nobody"], /nobody/],
      [["-w", "/nowhere/x.pcapng"], /there is no directory \/nowhere/],
      [["--rotate-keep", "3"], /--rotate-size or --rotate-time/],
      [["-w", "-", "--sidecar"], /standard output is one stream/],
    ] as [string[], RegExp][]) {
      const { status, stderr } = await podplane.run("capture", ...args);
      expect(status).toBe(1);
      expect(stderr).toMatch(text);
    }
    expect(readdirSync(podplane.directory)).not.toContain("watched.pcapng");
  });

  it("ends with its lab, and its file is whole", async () => {
    const last = await capturing("-w", file("last.pcapng"));
    await podplane.sh("client", `curl -s -o /dev/null http://${vip}/`);
    await podplane.finish();
    const { status, stderr } = await last.ended;
    expect(status, stderr).toBe(0);
    expect(readable(file("last.pcapng"))).toBeGreaterThan(20);
  });
});
