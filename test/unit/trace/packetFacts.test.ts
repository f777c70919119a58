import { describe, expect, it } from "vitest";
import { packetFacts } from "../../../src/observe/trace/packetFacts.ts";
import { Dice } from "../plane/dice.ts";
import { echo, icmpError, ip, tcp, udp } from "../plane/packets.ts";
import { build, cutOut, VNET } from "../plane/slowPacket.ts";
import { hex } from "./packetNotation.ts";

const of = (bytes: Uint8Array, captured = bytes.length - VNET) => packetFacts(bytes, VNET, captured);
const A = "10.0.1.5";
const B = "10.0.2.5";

describe("the facts of a packet", () => {
  it("are its tuple, its length and tcpdump's words", () => {
    expect(of(tcp(`${A}:40000`, `${B}:80`, "S."))).toEqual({
      version: 4,
      protocol: 6,
      src: ip(A),
      dst: ip(B),
      sport: 40000,
      dport: 80,
      ipv6: null,
      length: 40,
      info: "S.",
    });
  });

  it.each([
    ["S", "S"],
    ["S.", "S."],
    [".", "."],
    ["P.", "P."],
    ["F.", "F."],
    ["R", "R"],
    ["R.", "R."],
    ["SF", "FS"],
    ["", "none"],
  ])("TCP with the flags %s is %s", (flags, info) => {
    expect(of(tcp(`${A}:1`, `${B}:2`, flags)).info).toBe(info);
  });

  const udpBytes = udp(`${A}:1`, `${B}:2`, new Uint8Array(100));
  const whole = build({
    protocol: 17,
    src: ip(A),
    dst: ip(B),
    sport: 1,
    dport: 2,
    payload: new Uint8Array(3000).fill(7),
  });
  it.each<[string, Uint8Array, string, number, number]>([
    ["a UDP datagram", udpBytes, "", 1, 2],
    ["an echo request", echo(A, B, 77), "echo request", 77, 0x800],
    ["an echo reply", echo(A, B, 77, { reply: true }), "echo reply", 77, 0],
    ["port unreachable", icmpError(B, A, 3, 3, udpBytes), "port unreachable", 0, 0x303],
    ["need to frag", icmpError(B, A, 3, 4, udpBytes), "need to frag", 0, 0x304],
    ["time exceeded", icmpError(B, A, 11, 0, udpBytes), "time exceeded", 0, 0xb00],
    ["a redirect", icmpError(B, A, 5, 1, udpBytes), "redirect", 0, 0x501],
    ["a first fragment", cutOut(whole, 0, 1480), "frag 0+", 1, 2],
    ["a middle fragment", cutOut(whole, 1480, 2960), "frag 1480+", 0, 0],
    ["a last fragment", cutOut(whole, 2960, 3008), "frag 2960", 0, 0],
    ["GRE", build({ protocol: 47, src: ip(A), dst: ip(B), payload: new Uint8Array(8) }), "", 0, 0],
  ])("%s", (_, bytes, info, sport, dport) => {
    expect(of(bytes)).toMatchObject({ info, sport, dport, src: expect.any(Number) });
  });

  it("says a wrong header checksum, and reads on", () => {
    const bytes = tcp(`${A}:1`, `${B}:2`, "S");
    bytes[VNET + 10] ^= 1;
    expect(of(bytes)).toMatchObject({ info: "S, bad ip checksum", sport: 1, dport: 2 });
  });

  it("of a packet that was cut by a snap length are those of the whole", () => {
    const bytes = tcp(`${A}:1`, `${B}:2`, "P.", { payload: new Uint8Array(1000) });
    expect(of(bytes, 54)).toEqual(of(bytes));
  });

  it("of IPv6 have its addresses", () => {
    const bytes = hex("60000000 00143a40 20010db8000000000000000000000001 fe800000000000000000000000000002 8000 0000");
    expect(packetFacts(bytes, 0, bytes.length)).toMatchObject({
      version: 6,
      protocol: 58,
      ipv6: { source: "2001:db8::1", destination: "fe80::2" },
      length: 60,
      info: "echo request",
    });
  });

  it.each<[string, Uint8Array, string]>([
    ["nothing", new Uint8Array(0), "empty"],
    ["version 5", Uint8Array.of(0x55, 0), "ip version 5"],
    ["12 bytes", udpBytes.slice(VNET, VNET + 12), "truncated ip, 12 bytes"],
    ["3 bytes of IPv6", Uint8Array.of(0x60, 0, 0), "truncated ipv6, 3 bytes"],
    ["a header and nothing else", udpBytes.slice(VNET, VNET + 20), "truncated header"],
  ])("of %s are what can be said of it", (_, bytes, info) => {
    expect(packetFacts(bytes, 0, bytes.length).info).toBe(info);
  });

  it("are read from any bytes without an exception, and from none behind those that were captured", () => {
    const dice = new Dice(7);
    const good = [udpBytes, whole, tcp(`${A}:1`, `${B}:2`, "S"), icmpError(B, A, 3, 3, udpBytes), echo(A, B, 1)];
    for (let i = 0; i < 5000; i++) {
      const bytes = dice.pick(good).slice(VNET);
      for (let n = dice.int(4); n > 0; n--) bytes[dice.int(Math.min(60, bytes.length))] = dice.int(256);
      const captured = dice.int(bytes.length + 1);
      const facts = packetFacts(bytes, 0, captured);
      const other = bytes.slice();
      other.fill(dice.int(256), captured);
      expect(packetFacts(other, 0, captured)).toEqual(facts);
      for (const n of [facts.sport, facts.dport]) expect(n >= 0 && n <= 0xffff).toBe(true);
    }
  });
});
