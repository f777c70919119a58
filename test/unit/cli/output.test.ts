import { describe, expect, it } from "vitest";
import { fittingTable, table } from "../../../src/cli/output.ts";

const HEADER = ["NAME", "PODS", "PEERS", "PORTS"];
const ROWS = [
  ["policy/a", 12, "pods app=web in namespaces team=shop", "TCP 80"],
  ["policy/b", 3, "10.0.0.0/8", null],
];

describe("a table in a terminal", () => {
  it("is a table where it fits", () => {
    expect(fittingTable(HEADER, ROWS, 60)).toBe(table(HEADER, ROWS));
  });

  it("has the columns that do not fit below each row", () => {
    expect(fittingTable(HEADER, ROWS, 59)).toMatchInlineSnapshot(`
      "NAME      PODS  PEERS
      policy/a    12  pods app=web in namespaces team=shop
          PORTS TCP 80
      policy/b     3  10.0.0.0/8"
    `);
    expect(fittingTable(HEADER, ROWS, 24)).toMatchInlineSnapshot(`
      "NAME      PODS
      policy/a    12
          PEERS pods app=web
          in namespaces
          team=shop
          PORTS TCP 80
      policy/b     3
          PEERS 10.0.0.0/8"
    `);
  });

  it("counts no column that nobody fills", () => {
    const rows = ROWS.map(([name, pods]) => [name, pods, null, ""]);
    expect(fittingTable(HEADER, rows, 14)).toBe(table(HEADER, rows));
  });
});
