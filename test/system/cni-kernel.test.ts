import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { cniLab } from "../kernel/cniLab.ts";
import { cniProbes } from "../kernel/cniProbes.ts";
import type { Mode } from "../kernel/labFile.ts";
import { LabWorld } from "../kernel/labWorld.ts";
import { Stage } from "../kernel/stage.ts";

// The VPC CNI's rules in podplane and in the kernel: its marks before and after kube-proxy's DNAT, and branch ENIs.

const SUITES: [order: string, mode: Mode, old: boolean][] = [
  ["marks after DNAT", "iptables", false],
  ["marks after DNAT", "nftables", false],
  ["marks before DNAT", "iptables", true],
  ["marks before DNAT", "nftables", true],
];

describe.each(SUITES)("the CNI's rules: %s, %s mode", (_, mode, old) => {
  let podplane: LabWorld;
  let kernel: LabWorld;

  beforeAll(async () => {
    podplane = await LabWorld.podplane(cniLab(old), mode);
    kernel = await LabWorld.kernel(cniLab(old), mode, podplane.plan);
  });
  afterAll(async () => {
    await Promise.all([podplane?.close(), kernel?.close()]);
  });

  const probes = cniProbes(mode, old).map((probe, number) => [probe.name, probe, number] as const);

  it.each(probes)("%s", async (_name, probe, number) => {
    const [expected, seen] = await Promise.all([
      probe.run(new Stage(kernel, number)),
      probe.run(new Stage(podplane, number)),
    ]);
    expect(expected.join("\n"), "what the kernel does is what the probe is about").toMatch(probe.sees);
    expect(seen).toEqual(expected);
  });
});
