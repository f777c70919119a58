import { describe, expect, it } from "vitest";
import { toCidr } from "../../../src/control/vpc/cidr.ts";
import { associationProblem, primaryProblem } from "../../../src/control/vpc/cidrAssociation.ts";

/** What EC2 says of the last block of a VPC that begins with the first. */
function problem(...blocks: string[]): string | null {
  const cidrs = blocks.map(toCidr);
  return associationProblem(cidrs[0], cidrs.slice(0, -1), cidrs[cidrs.length - 1]);
}

describe("a further block of a VPC", () => {
  it.each([
    ["10.0.0.0/16", "100.64.0.0/16"],
    ["10.0.0.0/16", "10.2.0.0/16"],
    // 10.1.0.0/16 is of 10.0.0.0/15, and yet not of the restricted 10.0.0.0/16.
    ["10.0.0.0/16", "10.1.0.0/16"],
    ["10.2.0.0/16", "10.0.0.0/16"],
    ["10.0.0.0/16", "203.0.113.0/24"],
    ["172.16.0.0/16", "172.20.0.0/16"],
    ["172.31.0.0/16", "172.30.0.0/16"],
    ["172.16.0.0/16", "100.64.0.0/16"],
    ["192.168.0.0/24", "192.168.1.0/24"],
    ["192.168.0.0/16", "100.127.0.0/16"],
    ["198.19.0.0/17", "198.19.128.0/17"],
    ["198.19.0.0/16", "100.64.0.0/16"],
    ["100.64.0.0/16", "100.65.0.0/16"],
    ["203.0.113.0/24", "100.64.0.0/16"],
    ["10.0.0.0/16", "10.2.0.0/16", "10.3.0.0/16", "10.4.0.0/16", "10.5.0.0/16"],
  ])("%s may have %s", (...blocks) => {
    expect(problem(...blocks)).toBeNull();
  });

  const restricted = (expected: string, wanted: string, beside: string) =>
    `expected ${expected}, got ${wanted}, which is restricted beside ${beside} (InvalidVpc.Range); choose another one`;

  it.each([
    ["10.0.0.0/16", "172.16.0.0/16", "a block of 10.0.0.0/8 or outside RFC 1918"],
    ["10.0.0.0/16", "192.168.0.0/24", "a block of 10.0.0.0/8 or outside RFC 1918"],
    ["172.16.0.0/16", "10.2.0.0/16", "a block of 172.16.0.0/12 or outside RFC 1918"],
    ["192.168.0.0/16", "172.20.0.0/16", "a block of 192.168.0.0/16 or outside RFC 1918"],
    ["100.64.0.0/16", "10.2.0.0/16", "a block outside RFC 1918"],
    ["203.0.113.0/24", "192.168.0.0/16", "a block outside RFC 1918"],
    ["198.19.0.0/16", "10.2.0.0/16", "a block outside RFC 1918"],
    ["10.0.0.0/16", "198.19.0.0/16", "a block outside 198.19.0.0/16"],
    ["100.64.0.0/16", "198.19.4.0/24", "a block outside 198.19.0.0/16"],
    ["172.16.0.0/16", "172.31.8.0/24", "a block outside 172.31.0.0/16"],
    ["10.0.0.0/24", "10.0.1.0/24", "a block outside 10.0.0.0/16"],
    ["10.1.0.0/16", "10.0.0.0/16", "a block outside 10.0.0.0/16"],
  ])("%s may not have %s", (primary, wanted, expected) => {
    expect(problem(primary, wanted)).toBe(restricted(expected, wanted, primary));
  });

  it("of 10.0.0.0/16 is restricted by any block of 10.0.0.0/15, not by the primary one alone", () => {
    expect(problem("10.9.0.0/16", "10.1.4.0/24", "10.0.9.0/24")).toBe(
      restricted("a block outside 10.0.0.0/16", "10.0.9.0/24", "10.1.4.0/24"),
    );
  });

  it("has a size, a number and a place of its own", () => {
    expect(problem("10.0.0.0/16", "100.64.0.0/10")).toBe(
      "expected a block from /16 to /28, got 100.64.0.0/10; EC2 takes no other size",
    );
    expect(problem("10.0.0.0/16", "10.2.0.0/29")).toContain("EC2 takes no other size");
    expect(problem("10.0.0.0/16", "10.0.3.0/24")).toBe(
      "expected a block apart from 10.0.0.0/16, got 10.0.3.0/24; choose another one",
    );
    const five = ["10.0.0.0/16", "10.2.0.0/16", "10.3.0.0/16", "10.4.0.0/16", "10.5.0.0/16"];
    expect(problem(...five, "100.64.0.0/16")).toBe(
      "expected at most 5 blocks, got 100.64.0.0/16 as one more (CidrLimitExceeded); remove one",
    );
    expect(problem("10.0.0.0/16", "169.254.8.0/24")).toContain("link-local addresses are no VPC's");
  });
});

describe("the first block of a VPC", () => {
  it("has a size and is not link-local", () => {
    expect(["10.0.0.0/16", "192.168.1.0/28", "172.31.0.0/16"].map((b) => primaryProblem(toCidr(b)))).toEqual([
      null,
      null,
      null,
    ]);
    expect(primaryProblem(toCidr("10.0.0.0/8"))).toContain("EC2 takes no other size");
    expect(primaryProblem(toCidr("169.254.0.0/16"))).toBe(
      "expected a block outside 169.254.0.0/16, got 169.254.0.0/16 (InvalidVpc.Range); link-local addresses are no VPC's",
    );
  });
});
