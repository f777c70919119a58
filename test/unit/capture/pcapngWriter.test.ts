import { afterAll, describe, expect, it } from "vitest";
import { readCapture } from "../../../src/observe/capture/captureReader.ts";
import { encodeComment } from "../../../src/observe/capture/captureText.ts";
import { FLAG_IN, FLAG_OUT, PacketBlock } from "../../../src/observe/capture/packetBlock.ts";
import { PcapngWriter } from "../../../src/observe/capture/pcapngWriter.ts";
import { ip } from "../plane/packets.ts";
import { Gathered, named, packet, SECTION } from "./files.ts";
import { Tools } from "./tools.ts";

const SNAP = 128;
const POD = ip("192.168.32.10");
const SERVICE = ip("10.100.0.10");
const PEER = ip("192.168.33.20");
const COMMENT = "service dns/tcp → pod/default/dns-1: allowed, DNAT 10.100.0.10:53 → 192.168.33.20:53";

const tools = new Tools();
afterAll(() => tools.remove());

/** Fills a block with a packet that has everything a block can have. */
function fill(p: PacketBlock, number: number, bytes: Uint8Array, seconds: number, nanoseconds: number): void {
  p.interface = number;
  p.seconds = seconds;
  p.nanoseconds = nanoseconds;
  p.bytes = bytes;
  p.captured = bytes.length;
  p.length = bytes.length;
}

/** A file as a capture makes it: ingress and egress of one packet, a drop, an interface that comes later. */
function write(writer: PcapngWriter): void {
  const udp = packet({ protocol: 17, src: POD, dst: SERVICE, sport: 4000, dport: 7000, payload: new Uint8Array(11) });
  const after = packet({ protocol: 17, src: POD, dst: PEER, sport: 4000, dport: 7000, payload: new Uint8Array(11) });
  const long = packet({ protocol: 6, src: PEER, dst: POD, sport: 80, dport: 4001, payload: new Uint8Array(1400) });
  const p = new PacketBlock();
  writer.addInterface({
    name: "pod/default/web-1",
    description: "pod on node-1",
    addresses: [{ address: POD, mask: -1 }],
  });
  writer.addNames([
    { address: POD, names: ["web-1.default.pod"] },
    { address: SERVICE, names: ["dns.default", "dns.default.svc.cluster.local"] },
  ]);
  fill(p, 0, udp, 1_700_000_000, 999_999_999);
  p.flags = FLAG_OUT;
  p.packetId = 1;
  p.comment = encodeComment(COMMENT);
  writer.packet(p);
  writer.addInterface(named("node-1/eth0"));
  fill(p, 1, after, 1_700_000_000, 999_999_999);
  writer.packet(p);
  fill(p, 0, long, 1_600_000_000, 0);
  p.flags = FLAG_IN;
  p.packetId = 2 ** 40 + 5;
  p.dropped = true;
  p.dropCount = 3;
  writer.packet(p);
  writer.packet(Object.assign(new PacketBlock(), { bytes: udp, captured: udp.length, length: udp.length }));
  writer.statistics(0, {
    at: { seconds: 1_700_000_002, nanoseconds: 1 },
    start: { seconds: 1_700_000_000, nanoseconds: 0 },
    end: { seconds: 1_700_000_002, nanoseconds: 0 },
    received: 7,
    dropped: 0,
    accepted: 6,
    osDropped: 3,
    delivered: 3,
  });
}

describe("PcapngWriter and Wireshark's programs", () => {
  const out = new Gathered();
  const writer = new PcapngWriter(out.sink, SECTION, SNAP);
  write(writer);
  writer.flush();
  const file = tools.write("all.pcapng", out.bytes);

  it("tshark shows interface, time, lengths, direction, comment, number, verdict", () => {
    const rows = tools.fields(
      "all.pcapng",
      "frame.interface_name",
      "frame.interface_description",
      "frame.time_epoch",
      "frame.cap_len",
      "frame.len",
      "frame.packet_flags_direction",
      "frame.comment",
      "frame.packet_id",
      "frame.verdict.ebpf_tc",
      "frame.drop_count",
    );
    const direction = (name: string) => ({ none: "", in: "0x00000001", out: "0x00000002" })[name] ?? name;
    expect(rows).toEqual([
      [
        "pod/default/web-1",
        "pod on node-1",
        "1700000000.999999999",
        "39",
        "39",
        direction("out"),
        COMMENT,
        "1",
        "",
        "",
      ],
      ["node-1/eth0", "", "1700000001.000000000", "39", "39", direction("out"), COMMENT, "1", "", ""],
      [
        "pod/default/web-1",
        "pod on node-1",
        "1700000001.000000001",
        "128",
        "1440",
        direction("in"),
        COMMENT,
        "1099511627781",
        "2",
        "3",
      ],
      ["pod/default/web-1", "pod on node-1", "1700000001.000000002", "39", "39", "", "", "", "", ""],
    ]);
    expect(writer.raisedTimes).toBe(3);
  });

  it("tshark decodes the packets, finds no fault, and shows the names", () => {
    expect(tools.fields("all.pcapng", "ip.src", "udp.dstport", "tcp.srcport", "_ws.malformed")[0]).toEqual([
      "192.168.32.10",
      "7000",
      "",
      "",
    ]);
    const text = tools.run("tshark", "-N", "n", "-r", file, "-T", "fields", "-e", "ip.src_host", "-e", "ip.dst_host");
    expect(text.split("\n")[0]).toBe("web-1.default.pod\tdns.default.svc.cluster.local");
    const verbose = tools.run("tshark", "-r", file, "-V");
    expect(verbose).toContain("TC_ACT_SHOT");
    expect(verbose).not.toMatch(/Malformed|Expert Info \(Error/);
  });

  it("capinfos is clean and shows the section, the interfaces, strict order and the statistics", () => {
    const text = tools.run("capinfos", file);
    for (const part of [
      /File type: +Wireshark\/... - pcapng/,
      /Number of packets: +4/,
      /Strict time order: +True/,
      /Time precision = nanoseconds/,
      /Capture hardware: +x86_64/,
      /Capture oper-sys: +Linux 6.1/,
      /Capture application: +podplane 0.1.0/,
      /Capture comment: +lab quickstart/,
      /Number of interfaces in file: 2/,
      /Name = pod\/default\/web-1/,
      /Description = pod on node-1/,
      /Encapsulation = Raw IPv4 /,
      /Capture length = 128/,
      /Time ticks per second = 1000000000/,
      /Number of stat entries = 1/,
    ]) {
      expect(text).toMatch(part);
    }
    expect(text).not.toContain("appears to have been cut short");
  });

  it("tcpdump reads it", () => {
    const lines = tools.run("tcpdump", "-n", "--nano", "-tt", "-r", file).trimEnd().split("\n");
    expect(lines).toHaveLength(4);
    expect(lines[1]).toMatch(/^1700000001.000000000 IP 192.168.32.10.4000 > 192.168.33.20.7000: /);
    expect(lines[2]).toMatch(/IP 192.168.33.20.80 > 192.168.32.10.4001: Flags \[.\], seq 0:1400/);
  });

  it("scapy reads it", () => {
    const script = "from scapy.all import *; print([(p.dst, p.time) for p in rdpcap('all.pcapng')][1])";
    expect(tools.run("/usr/bin/python3", "-c", script)).toContain("192.168.33.20");
  });

  it("counts the bytes, and begins another file with the same interfaces and names", () => {
    const before = out.bytes.length;
    expect(writer.written).toBe(before);
    writer.beginFile();
    const head = writer.written;
    expect(head).toBeGreaterThan(200);
    const p = new PacketBlock();
    fill(p, 1, packet({ protocol: 1, src: POD, dst: PEER, type: 8, payload: new Uint8Array(8) }), 1_700_000_000, 0);
    writer.packet(p);
    expect(out.bytes.length).toBe(before);
    writer.flush();
    const second = out.bytes.slice(before);
    expect(writer.written).toBe(second.length);
    tools.write("second.pcapng", second);
    expect(tools.fields("second.pcapng", "frame.interface_name", "frame.time_epoch")).toEqual([
      ["node-1/eth0", "1700000001.000000003"],
    ]);
    expect(readCapture(second).names.get(SERVICE)).toEqual(["dns.default", "dns.default.svc.cluster.local"]);
    expect(tools.run("capinfos", tools.path("second.pcapng"))).toMatch(/Number of interfaces in file: 2/);
  });
});

describe("PcapngWriter", () => {
  it("hands the sink large pieces of whole blocks, and grows for what is larger", () => {
    const out = new Gathered();
    const writer = new PcapngWriter(out.sink, { ...SECTION, comment: null }, 262_144);
    writer.addInterface(named("a"));
    const p = new PacketBlock();
    for (let i = 0; i < 3000; i++) {
      fill(p, 0, new Uint8Array(i % 500 === 0 ? 200_000 : (i * 7) % 1501).fill(i), 5, i);
      p.packetId = i + 1;
      writer.packet(p);
    }
    writer.flush();
    for (const piece of out.pieces.slice(0, -1)) expect(piece.length).toBeGreaterThan(200_000);
    expect(out.pieces.length).toBeGreaterThan(5);
    let read = 0;
    const head = out.pieces[0].slice(0, readU32(out.pieces[0], 4));
    const description = out.pieces[0].slice(head.length, head.length + readU32(out.pieces[0], head.length + 4));
    out.pieces.forEach((piece, i) => {
      const alone = readCapture(i === 0 ? piece : new Uint8Array(Buffer.concat([head, description, piece])));
      expect(alone.damage).toBeNull();
      for (const got of alone.packets) expect(got.packetId).toBe(++read);
    });
    expect(read).toBe(3000);
  });

  it("keeps strict order across the end of a second, and within 2^32 ns of a carry", () => {
    const out = new Gathered();
    const writer = new PcapngWriter(out.sink, SECTION, 64);
    writer.addInterface(named("a"));
    const p = new PacketBlock();
    const times = [
      [0, 0],
      [4, 294_967_295],
      [4, 294_967_296],
      [1_789_123_456, 999_999_998],
      [1_789_123_456, 999_999_998],
      [1_789_123_456, 999_999_998],
      [4_294_967_295, 999_999_999],
    ];
    for (const [seconds, nanoseconds] of times) {
      fill(p, 0, new Uint8Array(20), seconds, nanoseconds);
      writer.packet(p);
    }
    writer.flush();
    expect(readCapture(out.bytes).packets.map((got) => got.time)).toEqual([
      0n,
      4_294_967_295n,
      4_294_967_296n,
      1_789_123_456_999_999_998n,
      1_789_123_456_999_999_999n,
      1_789_123_457_000_000_000n,
      4_294_967_295_999_999_999n,
    ]);
  });

  it("cuts text at whole characters to what an option can hold", () => {
    const comment = encodeComment("→".repeat(30_000));
    // The option's head, the text, padding.
    expect(comment.byteLength).toBe(4 + 65_535 + 1);
    const out = new Gathered();
    const writer = new PcapngWriter(out.sink, { ...SECTION, comment: "é".repeat(40_000) }, 64);
    writer.addInterface(named("a"));
    const p = new PacketBlock();
    p.comment = comment;
    writer.packet(p);
    writer.flush();
    expect(readCapture(out.bytes).packets[0].comment).toBe("→".repeat(21_845));
  });
});

function readU32(b: Uint8Array, at: number): number {
  return new DataView(b.buffer, b.byteOffset).getUint32(at, true);
}
