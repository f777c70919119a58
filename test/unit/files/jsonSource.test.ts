import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseJsonFile } from "../../../src/lab/files/jsonSource.ts";
import { readObjectFiles } from "../../../src/lab/files/readObjects.ts";
import { parseFile } from "../../../src/lab/files/yamlSource.ts";

/** Every path of a value. */
function* paths(value: unknown, path: (string | number)[] = []): Generator<(string | number)[]> {
  yield path;
  if (Array.isArray(value)) for (const [i, item] of value.entries()) yield* paths(item, [...path, i]);
  else if (typeof value === "object" && value !== null)
    for (const [key, item] of Object.entries(value)) yield* paths(item, [...path, key]);
}

describe("a JSON file", () => {
  it("is the value it says, and each place where the YAML parser finds it", () => {
    const key = fc.constantFrom("a", "b", "spec", "x y", 'q"', "\\");
    const { json } = fc.letrec((tie) => ({
      json: fc.oneof(
        { depthSize: "small" },
        fc.oneof(fc.integer(), fc.boolean(), fc.constant(null), fc.constantFrom("", "[{", 'a"b', "c\\", "x,y: z")),
        fc.array(tie("json"), { maxLength: 4 }),
        fc.dictionary(key, tie("json"), { maxKeys: 4, noNullPrototype: true }),
      ),
    }));
    fc.assert(
      fc.property(json, fc.nat(2), (value, indent) => {
        const text = JSON.stringify({ value }, null, indent);
        const [document] = parseJsonFile(text, "x.json")?.documents ?? [];
        const [yaml] = parseFile(text, "x.json").documents;
        expect(document.value).toEqual({ value });
        for (const path of paths({ value })) expect(document.locate(path)).toEqual(yaml.locate(path));
        expect(document.locate(["value", "none", 3])).toEqual(yaml.locate(["value", "none", 3]));
      }),
      { seed: 2, numRuns: 300 },
    );
  });

  it("is left to the YAML parser where it is none", () => {
    expect(parseJsonFile("{ a: 1 }", "x.json")).toBeNull();
    expect(parseJsonFile("null", "x.json")?.documents).toEqual([]);
  });

  it("has lines for problems and notes of a List", () => {
    const list = {
      apiVersion: "v1",
      kind: "List",
      items: [
        { apiVersion: "v1", kind: "Service", metadata: { name: "a" }, spec: { ports: [{ port: 0 }] } },
        { apiVersion: "v1", kind: "Service", metadata: { name: "B" }, spec: {} },
      ],
    };
    const text = JSON.stringify(list, null, 1);
    expect(() => readObjectFiles([{ file: "x.json", text }])).toThrow(
      [
        "x.json:14:7: items[0].spec.ports[0].port: expected a port from 1 to 65535, got 0",
        `x.json:23:5: items[1].metadata.name: expected a DNS-1123 label (lower case letters, digits and '-', at most 63, such as node-1), got "B"`,
      ].join("\n"),
    );
  });
});
