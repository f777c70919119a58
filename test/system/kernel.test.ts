import { describe, it } from "vitest";
import { KernelWorld } from "../kernel/kernelWorld.ts";
import { PodplaneWorld } from "../kernel/podplaneWorld.ts";
import { PROBES, Stage } from "../kernel/probes.ts";
import type { Mode } from "../kernel/labFile.ts";

describe.each<Mode>(["iptables", "nftables"])("%s", (mode) => {
  it("x", async () => {
    const pod = await PodplaneWorld.start(mode);
    try {
      const kernel = await KernelWorld.start(mode, pod.plan);
      try {
        let bad = 0;
        for (const [i, probe] of PROBES.entries()) {
          if (probe.modes && !probe.modes.includes(mode)) continue;
          const t0 = Date.now();
          const safe = (w: PodplaneWorld | KernelWorld) => probe.run(new Stage(w, i)).catch((e) => [`THREW ${e.message}`]);
          const [a, b] = await Promise.all([safe(kernel), safe(pod)]);
          const dt = Date.now() - t0;
          const saw = probe.sees.test(b.join("\n")) && probe.sees.test(a.join("\n"));
          if (a.join("\n") !== b.join("\n") || !saw) {
            bad++;
            console.log(`#### ${mode} ${probe.name} (${dt} ms) sees ${saw}\nkernel:\n  ${a.join("\n  ")}\npodplane:\n  ${b.join("\n  ")}`);
          } else if (dt > 500) console.log(`slow ${probe.name} ${dt}\n  ${a.join("\n  ")}`);
        }
        console.log(mode, PROBES.length, "bad", bad);
      } finally {
        await kernel.close();
      }
    } finally {
      await pod.close();
    }
  }, 300_000);
});
