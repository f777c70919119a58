import { spawnSync } from "node:child_process";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Podplane, QUICKSTART } from "./podplane.ts";

let podplane: Podplane;
beforeEach(() => {
  podplane = new Podplane();
});
afterEach(() => podplane.dispose());

/** TCP listeners of the host, as `ss` prints them: address:port. */
function listening(): string[] {
  const run = spawnSync("ss", ["-H", "-l", "-t", "-n"], { encoding: "utf8" });
  expect(run.status, run.stderr).toBe(0);
  return run.stdout
    .trim()
    .split("\n")
    .flatMap((line) => line.split(/\s+/)[3] ?? []);
}

describe("the metrics endpoint", () => {
  it("passes promtool, counts traffic and drops, and listens on loopback alone", async () => {
    const before = new Set(listening());
    await podplane.up(QUICKSTART);
    const url = new URL(await podplane.metricsUrl());
    expect(url.hostname).toBe("127.0.0.1");
    const opened = listening().filter((address) => !before.has(address));
    expect(opened).toContain(url.host);
    expect(opened.filter((address) => !/^(127\.|\[::1\])/.test(address))).toEqual([]);

    const start = await podplane.metrics();
    // ipamd's own names, which promtool's naming rules do not like, keep theirs; their text must still parse.
    const own = start.text.split("\n").filter((line) => !/(^| )awscni_/.test(line));
    const lint = spawnSync("promtool", ["check", "metrics"], { input: own.join("\n"), encoding: "utf8" });
    expect(lint.stdout + lint.stderr).toBe("");
    expect(lint.status).toBe(0);
    const all = spawnSync("promtool", ["check", "metrics"], { input: start.text, encoding: "utf8" });
    expect(all.stdout + all.stderr).not.toMatch(/error|parse/i);
    expect(start.text).toContain('awscni_total_ipv4_prefixes{node="node-1"} 2\n');
    expect(start.get("lpm_routes")).toBeGreaterThan(5);

    await podplane.serving("pod/api-1", "pod/api-2", "pod/api-3");
    await podplane.sh("pod/client", "for i in 1 2 3 4 5; do curl -sS -o /dev/null http://api/bytes/1000000; done");
    await podplane.sh("pod/client", "ping -c 2 -W 1 10.0.3.3 >/dev/null; true");
    const end = await podplane.ledger();
    const moved = (series: string): number => end.get(series) - start.get(series);
    // Five requests, and the question to cluster DNS before each of them.
    expect(moved("nat_dnat_total")).toBe(10);
    expect(moved('conntrack_events_total{event="insert"}')).toBeGreaterThanOrEqual(10);
    expect(end.get("conntrack_entries")).toBeGreaterThanOrEqual(10);
    expect(moved('drops_total{reason="VPC_ADDRESS_UNASSIGNED"}')).toBe(2);
    expect(moved("batches_total")).toBeGreaterThan(10);
    expect(moved("batch_packets_total")).toBe(moved("packets_read_total"));
    expect(moved("loop_busy_seconds_total")).toBeGreaterThan(0);
    const bytes = (direction: string, device: string): number =>
      moved(`device_bytes_total{device="${device}",direction="${direction}"}`);
    expect(bytes("out", "pod/default/client")).toBeGreaterThan(5_000_000);
    const servers = ["api-1", "api-2", "api-3"].map((name) => `default/${name}`);
    const answerers = [...servers, "kube-system/coredns-1", "kube-system/coredns-2"];
    expect(answerers.reduce((sum, name) => sum + bytes("in", `pod/${name}`), 0)).toBe(
      bytes("out", "pod/default/client"),
    );
    expect(end.get('device_kernel_drops_total{device="pod/default/client",direction="in"}')).toBe(0);
    const answer = await fetch(new URL("/nothing", url));
    expect(answer.status).toBe(404);
    await podplane.finish();
  });
});
