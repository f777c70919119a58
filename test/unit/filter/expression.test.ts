import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { compileExpression } from "../../../src/observe/filter/expression.ts";
import { FilterError } from "../../../src/observe/filter/filterError.ts";
import { Dice } from "../plane/dice.ts";
import { ip, tcp, VNET } from "../plane/packets.ts";
import { ERRORS, EXPRESSIONS, REFUSED } from "./expressionTable.ts";
import { type Answer, askLibpcap, askTcpdump } from "./oracle.ts";
import { packetSet, pcapFile } from "./packetSet.ts";
import { RandomExpression } from "./randomExpression.ts";

const packets = packetSet(new Dice(6), 300);

/** Which packets match, or the error. */
function ours(expression: string): Answer {
  try {
    const test = compileExpression(expression);
    return { matches: packets.flatMap(({ bytes, length }, i) => (test(bytes, 0, bytes.length, length) ? [i] : [])) };
  } catch (error) {
    if (!(error instanceof FilterError)) throw error;
    return { error: error.message };
  }
}

/** What can be compared: libpcap's words for an error are its own. */
function withoutWords(answer: Answer): readonly number[] | "an error" {
  return "matches" in answer ? answer.matches : "an error";
}

describe("against tcpdump", () => {
  const directory = mkdtempSync(join(tmpdir(), "podplane-filter-"));
  const file = join(directory, "packets.pcap");
  beforeAll(() => writeFileSync(file, pcapFile(packets)));
  afterAll(() => rmSync(directory, { recursive: true }));

  it("the expressions that people write match the same packets", () => {
    const theirs = askLibpcap(packets, EXPRESSIONS);
    for (const [i, expression] of EXPRESSIONS.entries()) {
      expect([expression, ours(expression)]).toEqual([expression, theirs[i]]);
      // A process each: a part of them is enough to see that tcpdump does what its library says.
      if (i % 4 === 0) expect([expression, askTcpdump(file, expression)]).toEqual([expression, theirs[i]]);
    }
  });

  it("expressions made from the grammar match the same packets, or are errors for both", () => {
    const random = new RandomExpression(new Dice(2026));
    const expressions = Array.from({ length: 2000 }, () => random.make());
    const theirs = askLibpcap(packets, expressions);
    let telling = 0;
    for (const [i, expression] of expressions.entries()) {
      const expected = withoutWords(theirs[i]);
      expect([expression, withoutWords(ours(expression))]).toEqual([expression, expected]);
      if (expected !== "an error" && expected.length > 0 && expected.length < packets.length) telling++;
    }
    expect(telling).toBeGreaterThan(1200);
  });

  it("what is an error here is one there", () => {
    const theirs = askLibpcap(
      packets,
      ERRORS.map(([expression]) => expression),
    );
    const taken = ERRORS.flatMap(([expression], i) => ("matches" in theirs[i] ? [expression] : []));
    expect(taken).toEqual([]);
  });

  it("what is refused here alone has a meaning there, which is why the message says what to write", () => {
    const theirs = askLibpcap(
      packets,
      REFUSED.map(([expression]) => expression),
    );
    expect(theirs.filter((answer) => "error" in answer)).toEqual([]);
  });

  it("tokens in any order are an error for both, or match the same packets", () => {
    const words =
      "tcp udp ip ip6 icmp host net port portrange proto src dst and or not ( ) [ ] = > & + - : / len 80 10.0.0.1 10.0 ::1 6000-6008 less mask \\tcp ! && ip[0] tcp[13]";
    const dice = new Dice(77);
    const list = words.split(" ");
    const expressions = Array.from({ length: 2000 }, () =>
      Array.from({ length: 1 + dice.int(6) }, () => dice.pick(list)).join(" "),
    );
    const theirs = askLibpcap(packets, expressions);
    for (const [i, expression] of expressions.entries())
      expect([expression, withoutWords(ours(expression))]).toEqual([expression, withoutWords(theirs[i])]);
  });
});

describe("errors", () => {
  it.each([...ERRORS, ...REFUSED])("%s", (expression, message) => {
    expect(ours(expression)).toEqual({ error: message });
  });
});

describe("names", () => {
  const addresses: Record<string, readonly number[]> = {
    "pod/web-1": [ip("10.0.1.16")],
    "svc/default/api": [ip("172.20.0.17"), ip("203.0.113.5"), ip("203.0.113.6")],
  };
  const resolve = (name: string): readonly number[] => {
    const found = addresses[name];
    if (found === undefined) throw new Error(`there is no ${name}; did you mean pod/web-1?`);
    return found;
  };
  const matches = (expression: string, from: string, to: string): boolean => {
    const bytes = tcp(`${from}:4000`, `${to}:80`, "S");
    return compileExpression(expression, resolve)(bytes, VNET, bytes.length - VNET);
  };

  it.each([
    ["host pod/web-1", "10.0.1.16", "10.0.1.17", true],
    ["host pod/web-1", "10.0.1.17", "10.0.1.16", true],
    ["host pod/web-1", "10.0.1.17", "10.0.1.18", false],
    ["src pod/web-1", "10.0.1.17", "10.0.1.16", false],
    ["dst pod/web-1", "10.0.1.17", "10.0.1.16", true],
    ["dst host svc/default/api", "10.0.1.16", "203.0.113.6", true],
    ["dst host svc/default/api", "203.0.113.6", "10.0.1.16", false],
    ["src and dst host svc/default/api", "203.0.113.6", "172.20.0.17", true],
    ["src and dst host svc/default/api", "203.0.113.6", "10.0.1.16", false],
    ["host pod/web-1 and svc/default/api", "10.0.1.16", "172.20.0.17", true],
    ["host pod/web-1 and not svc/default/api", "10.0.1.16", "172.20.0.17", false],
    ["tcp port 80 and src host (pod/web-1 or svc/default/api)", "10.0.1.16", "1.1.1.1", true],
    ["len/2 = 20 and host pod/web-1", "10.0.1.16", "1.1.1.1", true],
  ] as const)("%s: %s -> %s is %s", (expression, from, to, expected) => {
    expect(matches(expression, from, to)).toBe(expected);
  });

  it("that nothing has are errors with their column", () => {
    expect(() => compileExpression("tcp and host pod/web-7", resolve)).toThrow(
      new FilterError("there is no pod/web-7; did you mean pod/web-1?", 14),
    );
  });
});

describe("a packet in a buffer", () => {
  it("is read from its offset, and no further than what was captured of it", () => {
    const bytes = new Uint8Array(200).fill(0x45);
    const packet = tcp("10.0.0.1:4000", "10.0.0.2:80", "S").subarray(VNET);
    bytes.set(packet, 100);
    const port = compileExpression("port 80");
    expect(port(bytes, 100, packet.length)).toBe(true);
    expect(port(bytes, 100, 22)).toBe(false);
    expect(compileExpression("not port 80")(bytes, 100, 22)).toBe(false);
    expect(compileExpression("not port 80")(bytes, 99, 40)).toBe(true);
  });

  it("is as long as the caller says it was on the wire", () => {
    const bytes = tcp("10.0.0.1:4000", "10.0.0.2:80", "S").subarray(VNET);
    const long = compileExpression("greater 1000");
    expect(long(bytes, 0, bytes.length)).toBe(false);
    expect(long(bytes, 0, bytes.length, 1500)).toBe(true);
  });

  it("of any kind matches an empty expression", () => {
    expect(compileExpression(" ")(new Uint8Array(0), 0, 0)).toBe(true);
  });
});
