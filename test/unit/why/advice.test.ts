import { describe, expect, it } from "vitest";
import { reasonText } from "../../../src/cli/why.ts";
import type { Refusal } from "../../../src/control/nearMiss/refusal.ts";
import { adviceFor, generalText } from "../../../src/observe/adviceFor.ts";
import { REASON_ADVICE } from "../../../src/observe/reasonAdvice.ts";
import { allReasons, reasonHelp } from "../../../src/observe/reasonHelp.ts";
import { reasonsDocument } from "../../../src/observe/reasonsDocument.ts";
import { REASONS } from "../../../src/plane/reasons.ts";
import { GATEWAY_NAMES } from "../plane/gatewayNames.ts";
import { POLICY_NAMES } from "../plane/policyNames.ts";
import { SECURITY_NAMES } from "../plane/securityNames.ts";

const NAMES = {
  device: (i: number) => `pod/default/p${i}`,
  eni: (i: number) => `node-1/eth${i}`,
  node: (i: number) => `node-${i}`,
  service: () => "svc/default/api:80",
  endpoint: () => "pod/default/api",
  routeTable: () => "main",
  byAddress: () => null,
  ...SECURITY_NAMES,
  ...GATEWAY_NAMES,
  ...POLICY_NAMES,
};

const refusal = (code: string, known: boolean): Refusal => {
  const n = known ? 1 : -1;
  const ends = { protocol: 6, src: 0x0a000101, sport: 1000, dst: 0x0a000202, dport: 80, egress: false };
  const asked = { service: n, subnet: n, acl: n, aclRule: 100, routeTable: n, natGateway: n, peering: n };
  const rest = { transitAttachment: n, policyRule: n, impairment: known ? 4 : -1, size: 2000, mtu: 1500 };
  return { code, node: n, sender: n, eni: n, device: n, ...ends, ...asked, ...rest };
};

describe("advice", () => {
  const codes = REASONS.slice(1).map((r) => r.code);

  it.each(codes)("%s names an object and says what to do, whatever is known of the packet", (code) => {
    for (const known of [true, false]) {
      const { object, field, text } = adviceFor(refusal(code, known), NAMES);
      for (const part of [object, field ?? "x", text]) {
        expect(part).not.toMatch(/[{}]|undefined|\(gone\)/);
        expect(part.trim()).not.toBe("");
      }
      expect(text).toMatch(/^[A-Z].*\.$/);
    }
    expect(REASON_ADVICE[code as keyof typeof REASON_ADVICE].example.trim()).not.toBe("");
  });

  it("about a port that a service does not have is about the service, wherever the packet ended", () => {
    const names = { ...NAMES, byAddress: () => "svc/default/api" };
    expect(adviceFor({ ...refusal("OUTSIDE_UNREACHABLE", false) }, names)).toMatchObject({
      object: "svc/default/api",
      field: "spec.ports",
    });
  });

  it("in general has its placeholders in capitals", () => {
    expect(generalText("Raise {mtu} of {eni}")).toBe("Raise MTU of ENI");
  });
});

describe("docs/reasons.md", () => {
  it("has of each reason its text, what to change, an example and its counter", () => {
    const text = reasonsDocument();
    for (const { code, text: means, change, example, counter, link } of allReasons()) {
      const from = text.indexOf(`\n## ${code}\n`);
      expect(from).toBeGreaterThan(0);
      const section = text.slice(
        from,
        text.indexOf("\n## ", from + 1) < 0 ? undefined : text.indexOf("\n## ", from + 1),
      );
      for (const part of [means, change, example, counter]) expect(section).toContain(part);
      expect(link).toBe(`docs/reasons.md#${code.toLowerCase()}`);
    }
  });
});

describe("--explain", () => {
  it("takes a code in any case, and offers near ones for a wrong one", () => {
    expect(reasonHelp("source-dest-check")).toMatchObject({ code: "SOURCE_DEST_CHECK" });
    expect(reasonHelp("SECURITY_GROUP_INGRES")).toEqual({ near: ["SECURITY_GROUP_INGRESS", "SECURITY_GROUP_EGRESS"] });
    expect(reasonHelp("PEERING")).toEqual({ near: ["PEERING_NOT_TRANSITIVE"] });
    expect(reasonHelp("zzzzzz")).toEqual({ near: [] });
  });

  it("fits 80 columns", () => {
    for (const help of allReasons())
      for (const line of reasonText(help, 80).split("\n")) expect(line.length, line).toBeLessThanOrEqual(80);
  });
});
