import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { EXPLAINED } from "../kernel/explained.ts";
import { KernelWorld } from "../kernel/kernelWorld.ts";
import type { Mode } from "../kernel/labFile.ts";
import { PodplaneWorld } from "../kernel/podplaneWorld.ts";
import { PROBES } from "../kernel/probes.ts";
import { Stage } from "../kernel/stage.ts";

// The same flows through podplane and through the kernel; test/kernel/README.md says how.

describe.each<Mode>(["iptables", "nftables"])("podplane and the kernel, %s mode", (mode) => {
  let podplane: PodplaneWorld;
  let kernel: KernelWorld;

  beforeAll(async () => {
    podplane = await PodplaneWorld.start(mode);
    kernel = await KernelWorld.start(mode, podplane.plan);
  });
  afterAll(async () => {
    await Promise.all([podplane?.close(), kernel?.close()]);
  });

  const probes = PROBES.map((probe, number) => ({ probe, number })).filter(
    ({ probe }) => probe.modes?.includes(mode) ?? true,
  );

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
    },
  );
});
