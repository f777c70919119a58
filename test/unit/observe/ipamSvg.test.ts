import { describe, expect, it } from "vitest";
import { simulationSvg } from "../../../src/observe/ipamSvg.ts";
import {
  areaPath,
  escapeXml,
  groupDigits,
  linePath,
  mergeSpans,
  niceTicks,
  timeTicks,
} from "../../../src/observe/svg.ts";
import { labScenario, run } from "../ipam/simulate/scenarios.ts";

/** Elements of an XML text by their names; fails where it is not well-formed. Enough for what podplane writes. */
function elements(xml: string): Map<string, Record<string, string>[]> {
  const found = new Map<string, Record<string, string>[]>();
  const open: string[] = [];
  const token = /<(\/?)([a-z]+)((?: [A-Za-z0-9:-]+="[^"<]*")*)(\/?)>|([^<]+)/gy;
  let end = 0;
  for (let match = token.exec(xml); match !== null; match = token.exec(xml)) {
    end = token.lastIndex;
    const [, closing, name, attributes, empty, content] = match;
    for (const text of [content, attributes]) expect(text ?? "").not.toMatch(/&(?!(amp|lt|gt|quot);)/);
    if (content !== undefined) continue;
    if (closing === "/") expect(open.pop()).toBe(name);
    else {
      const pairs = [...attributes.matchAll(/ ([A-Za-z0-9:-]+)="([^"]*)"/g)].map(
        ([, key, value]) => [key, value] as const,
      );
      expect(new Set(pairs.map(([key]) => key)).size).toBe(pairs.length);
      found.set(name, [...(found.get(name) ?? []), Object.fromEntries(pairs)]);
      if (empty === "") open.push(name);
    }
  }
  expect(end).toBe(xml.length);
  expect(open).toEqual([]);
  return found;
}

const cooling = run(labScenario("cooling-counted-as-available"));
const svg = simulationSvg('cooling <&> "quoted"', cooling);

describe("the picture of a simulation", () => {
  it("is well-formed, and has no script and nothing from elsewhere", () => {
    const found = elements(svg);
    expect([...found.keys()].sort()).toEqual(["g", "line", "path", "rect", "svg", "text", "title"]);
    expect(svg.replace("http://www.w3.org/2000/svg", "")).not.toMatch(/https?:|url\(|href|script|style/);
    expect(svg).toContain("cooling &lt;&amp;&gt; &quot;quoted&quot;: 10m, seed 1");
  });

  it("is the same for the same results", () => {
    expect(simulationSvg('cooling <&> "quoted"', run(labScenario("cooling-counted-as-available")))).toBe(svg);
  });

  it("has a panel of areas for each of the settings, with the same axes", () => {
    const found = elements(svg);
    const areas = (found.get("path") ?? []).filter((p) => p["fill-opacity"] === "0.75").map((p) => p.fill);
    // Assigned, cooling, warm; three times.
    expect(areas).toHaveLength(9);
    expect(new Set(areas).size).toBe(3);
    for (const { variant } of cooling) expect(svg).toContain(`>${variant}</text>`);
    const labels = [...svg.matchAll(/text-anchor="end">([\d,]+)<\/text>/g)].map(([, label]) => label);
    expect(labels.length % 3).toBe(0);
    const third = labels.length / 3;
    expect(labels.slice(0, third)).toEqual(labels.slice(third, 2 * third));
    expect(labels.slice(0, third)).toEqual(labels.slice(2 * third));
    // The axes are of all of them, not of the first: its 23 addresses would do with 30.
    expect(labels.slice(0, 5)).toEqual(["0", "10", "20", "30", "40"]);
  });

  it("keeps within its frame, and no number is none", () => {
    expect(svg).not.toMatch(/NaN|Infinity|undefined/);
    const { width, height } = (elements(svg).get("svg") ?? [])[0];
    for (const list of elements(svg).values())
      for (const attributes of list)
        for (const [key, value] of Object.entries(attributes)) {
          if (["x", "x1", "x2"].includes(key)) expect(Number(value)).toBeLessThanOrEqual(Number(width));
          if (["y", "y1", "y2"].includes(key)) expect(Number(value)).toBeLessThanOrEqual(Number(height));
          if (["x", "y", "width", "height"].includes(key)) expect(Number(value)).toBeGreaterThanOrEqual(0);
        }
  });

  it("shades the stalls of the settings that have some, and says what happened", () => {
    const shaded = (elements(svg).get("rect") ?? []).filter((r) => r.opacity === "0.28");
    expect(shaded).toHaveLength(cooling[0].stalls.length);
    // The timeline's first stall, from 3m15s to 3m30s of 10m: a fortieth of the plot's 864 pixels.
    expect(Number(shaded[0].width)).toBeCloseTo(864 / 40, 0);
    expect(svg).toContain(">deploy web (19)</text>");
    expect(svg).toContain("48 pods held up");
  });

  it("counts what happened where there is too much of it for labels", () => {
    const [result] = cooling;
    const marker = result.markers[1];
    const crowded = { ...result, markers: [result.markers[0], ...new Array(20).fill(marker)] };
    expect(simulationSvg("crowded", [crowded])).toContain(">1 deploy, 20 replace</text>");
  });
});

describe("the parts of a picture", () => {
  it.each([
    [0, 4, [0, 1]],
    [1, 4, [0, 1]],
    [7, 4, [0, 2, 4, 6, 8]],
    [30, 4, [0, 10, 20, 30]],
    [241, 3, [0, 100, 200, 300]],
    [13_500, 4, [0, 5000, 10_000, 15_000]],
  ])("niceTicks(%i, %i)", (most, count, ticks) => {
    expect(niceTicks(most, count)).toEqual(ticks);
  });

  it("timeTicks are round times", () => {
    const texts = (duration: number) => timeTicks(duration, 10).map((t) => t.text);
    expect(texts(600_000)).toEqual(["0", "1m", "2m", "3m", "4m", "5m", "6m", "7m", "8m", "9m", "10m"]);
    expect(texts(7 * 86_400_000)).toEqual(["0", "1d", "2d", "3d", "4d", "5d", "6d", "7d"]);
    expect(texts(100)).toEqual(["0", "100ms"]);
  });

  it("mergeSpans joins what touches, overlaps or is within another", () => {
    expect(
      mergeSpans(
        [
          [5, 6],
          [0, 2],
          [1, 3],
          [3.5, 4],
        ],
        0.5,
      ),
    ).toEqual([
      [0, 4],
      [5, 6],
    ]);
    expect(
      mergeSpans(
        [
          [0, 9],
          [1, 2],
        ],
        0,
      ),
    ).toEqual([[0, 9]]);
  });

  it("paths go there along one line and back along the other, level stretches without their middle", () => {
    expect(linePath([0, 1, 2, 3], [5, 5, 5, 6])).toBe("M0,5L2,5L3,6");
    expect(areaPath([0, 1, 2], [9, 9, 9], [5, 6, 4.333])).toBe("M0,5L1,6L2,4.33L2,9L0,9Z");
  });

  it("groupDigits and escapeXml", () => {
    expect([0, 999, 1000, 1_234_567].map(groupDigits)).toEqual(["0", "999", "1,000", "1,234,567"]);
    expect(escapeXml(`<a b="c">&`)).toBe("&lt;a b=&quot;c&quot;&gt;&amp;");
  });
});
