import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { Cluster } from "../../../src/control/cluster.ts";
import { pinnedObjects } from "../../../src/control/pinnedObjects.ts";
import { loadLab } from "../../../src/lab/files/load.ts";
import { packReport, ReportError, readReport } from "../../../src/lab/report/report.ts";
import { isTar, readTar, writeTar } from "../../../src/lab/report/tar.ts";
import { readCapture } from "../../../src/observe/capture/captureReader.ts";
import { captureBytes } from "./captureBytes.ts";
import { Conversation } from "./conversation.ts";
import { connection, lab, replay } from "./scenarios.ts";

const addresses = (cluster: Cluster): string[] =>
  cluster
    .state()
    .pods.map((p) => `${p.desired.key} ${p.place.address} ${p.place.eni}`)
    .sort();

describe("pinned objects", () => {
  it.each([
    "quickstart",
    "dns-5-seconds",
    "pod-subnet-security-group",
    "100-64-behind-peering",
    "first-pod-second-eni",
    "service-questions",
  ])("of labs/%s come to the same pods on the same addresses", (name) => {
    let cluster: Cluster;
    try {
      ({ cluster } = loadLab(`labs/${name}`));
    } catch {
      return; // a scenario, no lab
    }
    const { objects, notes } = pinnedObjects(cluster);
    expect(notes.filter((n) => !n.includes("is left out"))).toEqual([]);
    expect(addresses(new Cluster(objects))).toEqual(addresses(cluster));
  });

  it("follow what the lab has become: pods in place of the controllers, on the addresses that they have by now", () => {
    const { cluster } = loadLab("labs/quickstart");
    const [first] = cluster.state().pods.filter((p) => p.desired.key.includes("/api-"));
    cluster.remove([first.desired.key]);
    cluster.advance(600_000);
    const { objects } = pinnedObjects(cluster);
    expect(objects.filter((o) => o.kind === "Deployment").map((o) => o.metadata.name)).toEqual(["coredns"]);
    expect(addresses(new Cluster(objects))).toEqual(addresses(cluster));
    expect(addresses(new Cluster(objects))).not.toEqual(addresses(loadLab("labs/quickstart").cluster));
  });
});

describe("a report", () => {
  const cluster = lab();
  const talk = new Conversation(cluster);
  connection(talk);
  const capture = captureBytes(talk.tcpdump("pod/client"));
  const facts = { lab: "replay", at: "pod/client", podplane: "1.0.0", node: "20.0.0", notes: ["a note"] };
  const bytes = packReport({ facts, objects: pinnedObjects(cluster).objects, capture, trace: '{"a":1}\n' });

  it("replays as the lab that it was made of", () => {
    const report = readReport("r.tar", bytes);
    expect(report.facts).toEqual(facts);
    const here = replay(cluster, readCapture(capture), { at: "pod/client" });
    const there = replay(report.cluster, readCapture(report.capture), { at: report.facts.at });
    expect(there.events).toEqual(here.events);
    expect(report.trace).toBe('{"a":1}\n');
  });

  it("has the same bytes each time, and tar takes it apart", () => {
    expect(packReport({ facts, objects: pinnedObjects(lab()).objects, capture, trace: '{"a":1}\n' })).toEqual(bytes);
    const directory = mkdtempSync(join(tmpdir(), "podplane-report-"));
    try {
      writeFileSync(join(directory, "r.tar"), bytes);
      execFileSync("tar", ["-xf", "r.tar"], { cwd: directory });
      expect(readFileSync(join(directory, "README.md"), "utf8")).toContain(
        "podplane replay THIS-FILE.tar --at pod/client",
      );
      expect(new Uint8Array(readFileSync(join(directory, "capture.pcapng")))).toEqual(new Uint8Array(capture));
      expect(loadLab(join(directory, "lab.yaml")).cluster.lab.metadata.name).toBe("replay");
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  it("says what is wrong with a file that is none", () => {
    expect(() => readReport("x.tar", writeTar([{ name: "a", bytes: new Uint8Array(3) }]))).toThrow(
      "x.tar is no report: it has no report.json",
    );
    const damaged = bytes.slice();
    damaged[3] ^= 1;
    expect(() => readReport("x.tar", damaged)).toThrow(ReportError);
    expect(() => readReport("x.tar", bytes.subarray(0, 700))).toThrow("x.tar: the archive ends within README.md");
    expect(isTar(capture)).toBe(false);
  });
});

it("an archive gives back what was put in", () => {
  const files = [0, 1, 511, 512, 513].map((size) => ({ name: `f${size}`, bytes: new Uint8Array(size).fill(size) }));
  expect(readTar(writeTar(files)).map(({ name, bytes }) => ({ name, bytes: bytes.slice() }))).toEqual(files);
  expect(() => writeTar([{ name: "x".repeat(101), bytes: new Uint8Array(0) }])).toThrow(RangeError);
});
