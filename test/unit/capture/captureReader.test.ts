import { readdirSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Capture } from "../../../src/observe/capture/capture.ts";
import { readCapture } from "../../../src/observe/capture/captureReader.ts";
import { PcapngWriter } from "../../../src/observe/capture/pcapngWriter.ts";
import { PcapWriter } from "../../../src/observe/capture/pcapWriter.ts";
import { formatAddress } from "../../../src/plane/wire/address.ts";
import { block, Gathered, named, packet, SECTION } from "./files.ts";
import { Tools } from "./tools.ts";

const SCAPY_FILES = new URL("./scapyFiles.py", import.meta.url).pathname;

const tools = new Tools();
beforeAll(() => {
  tools.run("/usr/bin/python3", SCAPY_FILES, tools.directory);
});
afterAll(() => tools.remove());

/** Reads a file, and compares every packet of it with what tshark says. */
function compare(name: string): Capture {
  const fields = [
    "frame.number",
    "frame.time_epoch",
    "frame.interface_name",
    "frame.packet_flags_direction",
    "frame.comment",
  ];
  const header = [
    "ip.version",
    "ip.src",
    "ip.dst",
    "ip.len",
    "ip.id",
    "ip.proto",
    "ipv6.src",
    "ipv6.plen",
    "frame.cap_len",
  ];
  // Only the outermost header, which comes first.
  const rows = tools.fields(name, ...fields, ...header).map((row) => row.map((field) => field.split("|")[0]));
  const capture = readCapture(tools.read(name));
  expect(capture.damage).toBeNull();
  expect(capture.total).toBe(rows.length);
  const seen = rows.filter((row) => row[5] !== "" || row[11] !== "");
  expect(capture.packets.map((p) => p.number)).toEqual(seen.map((row) => Number(row[0])));
  expect(capture.notes.reduce((sum, note) => sum + note.count, 0)).toBe(rows.length - seen.length);
  for (const [i, row] of seen.entries()) {
    const p = capture.packets[i];
    expect(p.time).toBe(BigInt(row[1].replace(".", "")));
    expect(p.interface ?? "unknown").toBe(row[2] === "" ? "unknown" : row[2]);
    expect(p.bytes.length).toBeLessThanOrEqual(p.length);
    expect(p.bytes.length).toBeLessThanOrEqual(Number(row[13]));
    const view = new DataView(p.bytes.buffer, p.bytes.byteOffset);
    if (row[5] === "4") {
      expect(formatAddress(view.getInt32(12))).toBe(row[6]);
      expect(formatAddress(view.getInt32(16))).toBe(row[7]);
      expect(p.length).toBe(Number(row[8]));
      expect(view.getUint16(4)).toBe(Number(row[9]));
      expect(p.bytes[9]).toBe(Number(row[10]));
    } else {
      expect(p.length).toBe(Number(row[12]) + 40);
    }
  }
  return capture;
}

/** The same IP packets, whatever was in front of them. */
function sameIp(a: Capture, b: Capture): void {
  const bytes = (c: Capture) => c.packets.map((p) => Buffer.from(p.bytes).toString("hex"));
  expect(bytes(a)).toEqual(bytes(b));
}

describe("readCapture() of scapy's files, against tshark", () => {
  it("Ethernet in both byte orders and both resolutions, with VLAN tags, PPPoE and SNAP, padded", () => {
    const big = compare("ethernet-big-micro.pcap");
    const little = compare("ethernet-little-nano.pcap");
    for (const capture of [big, little]) {
      expect(capture.format).toBe("pcap");
      expect(capture.interfaces).toMatchObject([{ linkType: 1, name: null }]);
      expect(capture.notes).toEqual([
        { what: "ARP", count: 2, firstPacket: 38 },
        { what: "LLDP", count: 1, firstPacket: 41 },
        { what: "802.2 LLC (spanning tree and the like)", count: 1, firstPacket: 43 },
        { what: "frame cut off inside its link-layer header", count: 2, firstPacket: 44 },
      ]);
      expect(capture.packets[1]).toMatchObject({ length: 44, direction: null, comment: null, packetId: null });
    }
    expect(readCapture(tools.read("ethernet-little-micro.pcap")).packets).toEqual(big.packets);
    expect(readCapture(tools.read("ethernet-big-nano.pcap")).packets).toEqual(little.packets);
  });

  it("every link type gives the same packets", () => {
    const all = ["raw-101", "raw-12", "raw-14", "null-little", "null-big", "loop", "sll", "sll2", "ppp"];
    const four = ["ipv4", "ppp-hdlc", "ppp-dir"];
    const raw = readCapture(tools.read("raw-101.pcap"));
    expect(raw.packets).toHaveLength(10);
    for (const name of all) sameIp(readCapture(tools.read(`${name}.pcap`)), raw);
    const withoutSix = { ...raw, packets: raw.packets.slice(0, -1) };
    for (const name of four) sameIp(readCapture(tools.read(`${name}.pcap`)), withoutSix);
    sameIp(readCapture(tools.read("ipv6.pcap")), { ...raw, packets: raw.packets.slice(-1) });
    sameIp(compare("scapy.pcapng"), withoutSix);
    // One behind the other in a file, which tshark reads once.
    const files = [...all, ...four, "ipv6", "wifi"].map((name) => tools.path(`${name}.pcap`));
    tools.run("mergecap", "-a", "-w", tools.path("links.pcapng"), ...files);
    const capture = compare("links.pcapng");
    expect(capture.interfaces.map((i) => i.linkType)).toContain(276);
    expect(capture.notes).toEqual([
      { what: "PPP LCP", count: 1, firstPacket: 91 },
      { what: "link type 105, which is not read", count: 1, firstPacket: 120 },
    ]);
  });

  it("takes the direction from cooked headers and PPP", () => {
    const cooked = ["in", "in", "in", null, "out", "in", "in", "in", null, "out"];
    expect(readCapture(tools.read("sll.pcap")).packets.map((p) => p.direction)).toEqual(cooked);
    expect(readCapture(tools.read("sll2.pcap")).packets.map((p) => p.direction)).toEqual(cooked);
    const alternating = Array.from({ length: 9 }, (_, i) => (i % 2 === 0 ? "in" : "out"));
    expect(readCapture(tools.read("ppp-dir.pcap")).packets.map((p) => p.direction)).toEqual(alternating);
  });
});

describe("readCapture() of files that other programs wrote, against tshark", () => {
  it("editcap: every format, cut to a snap length, with a comment", () => {
    const source = tools.path("ethernet-big-nano.pcap");
    for (const format of ["pcap", "nsecpcap", "pcapng"]) {
      tools.run("editcap", "-F", format, "-s", "60", source, tools.path(`cut.${format}`));
      const capture = readCapture(tools.read(`cut.${format}`));
      expect(capture.packets.some((p) => p.length === 8940 && p.bytes.length === 46)).toBe(true);
      sameIp(capture, readCapture(tools.read("cut.pcap")));
    }
    compare("cut.pcapng");
    tools.run("editcap", "-a", "3:why → this", source, tools.path("comment.pcapng"));
    expect(compare("comment.pcapng").packets[2].comment).toBe("why → this");
  });

  it("tcpdump and text2pcap", () => {
    for (const name of ["ethernet-little-nano", "sll2", "loop"]) {
      tools.run("tcpdump", "-r", tools.path(`${name}.pcap`), "-w", tools.path("tcpdump.pcap"));
      sameIp(readCapture(tools.read("tcpdump.pcap")), readCapture(tools.read(`${name}.pcap`)));
    }
    compare("tcpdump.pcap");
    const dump = Array.from(packet({ protocol: 17, src: 1, dst: 2, payload: new Uint8Array(9) }), (x) =>
      x.toString(16).padStart(2, "0"),
    );
    tools.feed(`0000 ${dump.join(" ")}\n`, "text2pcap", "-l", "101", "-", tools.path("text.pcapng"));
    expect(compare("text.pcapng").packets).toHaveLength(1);
  });

  it("and our own writers' files after these programs", () => {
    const out = new Gathered();
    const ours = new PcapngWriter(out.sink, SECTION, 262_144);
    const classic = new Gathered();
    const pcap = new PcapWriter(classic.sink, 1500);
    ours.addInterface(named("pod/a"));
    ours.addInterface(named("pod/b"));
    for (const [i, p] of readCapture(tools.read("raw-101.pcap")).packets.entries()) {
      const b = block({ ...p, comment: `packet ${i}`, direction: "out", packetId: i + 1 }, i % 2);
      ours.packet(b);
      pcap.packet(b);
    }
    ours.flush();
    pcap.flush();
    tools.write("ours.pcapng", out.bytes);
    tools.write("ours.pcap", classic.bytes);
    const direct = compare("ours.pcapng");
    expect(direct.packets.map((p) => p.comment)).toEqual(direct.packets.map((_, i) => `packet ${i}`));
    tools.run("editcap", tools.path("ours.pcapng"), tools.path("edited.pcapng"));
    expect(compare("edited.pcapng").packets).toEqual(direct.packets);
    expect(compare("ours.pcap").packets.map((p) => p.time)).toEqual(direct.packets.map((p) => p.time));
    expect(pcap.written).toBe(classic.bytes.length);
    expect(tools.run("tcpdump", "-n", "-r", tools.path("ours.pcap")).trimEnd().split("\n")).toHaveLength(10);
    expect(tools.run("capinfos", "-tE", tools.path("ours.pcap"))).toContain("nanosecond");
    tools.run("mergecap", "-w", tools.path("both.pcapng"), tools.path("ours.pcapng"), tools.path("sll.pcap"));
    expect(compare("both.pcapng").packets).toHaveLength(20);
  });

  it("leaves no file unread", () => {
    for (const name of readdirSync(tools.directory)) expect(readCapture(tools.read(name)).total).toBeGreaterThan(0);
  });
});
