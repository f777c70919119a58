import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { EXPLAINED } from "../kernel/explained.ts";
import type { Probe } from "../kernel/flows.ts";
import { LAB, type Mode } from "../kernel/labFile.ts";
import { LabWorld } from "../kernel/labWorld.ts";
import { PROBES } from "../kernel/probes.ts";
import { SERVICE_LAB } from "../kernel/serviceLab.ts";
import { SERVICE_PROBES } from "../kernel/serviceProbes.ts";
import { Stage } from "../kernel/stage.ts";
import type { TestLab } from "../kernel/testLab.ts";

// The same flows through podplane and through the kernel; test/kernel/README.md says how.

const SUITES: [string, Mode, TestLab, readonly Probe[]][] = (["iptables", "nftables"] as const).flatMap((mode) => [
  ["podplane and the kernel", mode, LAB, PROBES],
  ["services in podplane and in the kernel", mode, SERVICE_LAB, SERVICE_PROBES],
]);

/** Cases of services (how asked, policy, client's position, endpoints' state) that there have to be at least. */
const CASES: Record<Mode, number> = { iptables: 40, nftables: 60 };
const agreed: Record<Mode, Set<string>> = { iptables: new Set(), nftables: new Set() };

describe.each(SUITES)("%s, %s mode", (_, mode, lab, all) => {
  let podplane: LabWorld;
  let kernel: LabWorld;

  beforeAll(async () => {
    podplane = await LabWorld.podplane(lab, mode);
    kernel = await LabWorld.kernel(lab, mode, podplane.plan);
  });
  afterAll(async () => {
    await Promise.all([podplane?.close(), kernel?.close()]);
  });

  const probes = all
    .map((probe, number) => ({ probe, number }))
    .filter(({ probe }) => probe.modes?.includes(mode) ?? true);

  it.each(probes.map(({ probe, number }) => [probe.name, probe, number] as const))(
    "%s",
    async (name, probe, number) => {
      const [expected, seen] = await Promise.all([
        probe.run(new Stage(kernel, number)),
        probe.run(new Stage(podplane, number)),
      ]);
      const rows = EXPLAINED.filter(({ probes, modes }) => probes.test(name) && (modes?.includes(mode) ?? true));
      expect(rows.length).toBeLessThanOrEqual(1);
      expect(expected.join("\n"), "what the kernel does is what the probe is about").toMatch(probe.sees);
      if (rows.length === 0) expect(seen).toEqual(expected);
      else {
        const [{ reason, podplane: known }] = rows;
        expect(seen, `${reason} No longer so: the row can go`).not.toEqual(expected);
        if (known instanceof RegExp) expect(seen.join("\n"), reason).toMatch(known);
        else expect(seen, reason).toEqual(known(expected));
      }
      if (probe.serviceCase !== undefined) agreed[mode].add(probe.serviceCase);
    },
  );

  if (probes.some(({ probe }) => probe.serviceCase !== undefined))
    it(`at least ${CASES[mode]} distinct cases of services were compared, without an unexplained difference`, () => {
      const wanted = new Set(probes.map(({ probe }) => probe.serviceCase).filter((name) => name !== undefined));
      process.stdout.write(`${mode} mode: ${agreed[mode].size} of ${wanted.size} distinct cases of services agree\n`);
      expect([...wanted].filter((name) => !agreed[mode].has(name))).toEqual([]);
      expect(agreed[mode].size).toBeGreaterThanOrEqual(CASES[mode]);
    });
});
