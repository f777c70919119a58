import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatAddress, formatCidr, maskOf, parseAddress, parseCidr } from "../../../src/plane/wire/address.ts";
import { getI32, getU16, getU16LE, setI32, setU16, setU16LE } from "../../../src/plane/wire/bytes.ts";

const int32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });

describe("addresses", () => {
  it("are int32 on the inside", () => {
    expect(parseAddress("10.0.1.16")).toBe(0x0a000110);
    expect(parseAddress("192.168.0.1")).toBe(0xc0a80001 | 0);
    expect(parseAddress("255.255.255.255")).toBe(-1);
    expect(formatAddress(-1)).toBe("255.255.255.255");
    expect(formatAddress(0)).toBe("0.0.0.0");
  });

  it("come back as the same text", () => {
    fc.assert(
      fc.property(int32, fc.integer({ min: 0, max: 32 }), (a, length) => {
        expect(parseAddress(formatAddress(a))).toBe(a);
        const prefix = a & maskOf(length);
        expect(parseCidr(formatCidr(prefix, length))).toEqual({ prefix, length, hostBits: false });
        expect(parseCidr(formatCidr(a, length))).toEqual({ prefix, length, hostBits: prefix !== a });
      }),
      { seed: 1, numRuns: 300 },
    );
  });

  it.each([
    "",
    "1.2.3",
    "1.2.3.4.5",
    "256.0.0.1",
    "1.2.3.04",
    "1.2.3.+4",
    " 1.2.3.4",
    "1.2.3.4\n",
    "1..2.3",
    "0x1.2.3.4",
    "a.b.c.d",
  ])("refuses %j", (text) => {
    expect(parseAddress(text)).toBeNull();
    expect(parseCidr(`${text}/8`)).toBeNull();
  });

  it.each(["10.0.0.0", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/08", "10.0.0.0/-1", "10.0.0.0/8/8", "10.0.0.0/8 ", "/8"])(
    "refuses the prefix %j",
    (text) => {
      expect(parseCidr(text)).toBeNull();
    },
  );

  it("have masks of every length", () => {
    expect(maskOf(0)).toBe(0);
    expect(maskOf(1)).toBe(-(2 ** 31));
    expect(formatAddress(maskOf(28))).toBe("255.255.255.240");
    expect(maskOf(32)).toBe(-1);
  });
});

describe("bytes", () => {
  it("are in the order that their names say", () => {
    const b = new Uint8Array(6);
    setI32(b, 1, 0x81020304 | 0);
    expect([...b]).toEqual([0, 0x81, 2, 3, 4, 0]);
    expect(getI32(b, 1)).toBe(0x81020304 | 0);
    expect(getU16(b, 1)).toBe(0x8102);
    expect(getU16LE(b, 1)).toBe(0x0281);
    setU16(b, 0, 0xfffe);
    setU16LE(b, 2, 0xfffd);
    expect([...b]).toEqual([0xff, 0xfe, 0xfd, 0xff, 4, 0]);
  });
});
