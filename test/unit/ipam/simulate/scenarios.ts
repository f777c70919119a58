import type { SimulationResult } from "../../../../src/control/ipam/simulate/result.ts";
import { type SimulateOptions, simulate } from "../../../../src/control/ipam/simulate/simulate.ts";
import type { IpamScenario } from "../../../../src/control/objects/ipamScenario.ts";
import { loadScenario, parseScenario } from "../../../../src/lab/files/loadScenario.ts";

/** A scenario of one m5.large in a /24 with the given lines under spec. */
export function scenarioText(spec: string, settings = "    - { name: default, mode: standard }"): string {
  return `apiVersion: podplane.dev/v1alpha1
kind: IpamScenario
metadata: { name: test }
spec:
  duration: 10m
  sample: 10s
  vpc:
    cidrBlocks: [10.0.0.0/16]
    subnets:
      - { name: nodes-a, availabilityZone: us-east-1a, cidrBlock: 10.0.1.0/24 }
  nodes:
    - { name: node-1, instanceType: m5.large, subnet: nodes-a }
  settings:
${settings}
${spec}`;
}

export function run(scenario: IpamScenario, options: SimulateOptions = {}): SimulationResult[] {
  return scenario.spec.settings.map((settings) => simulate(scenario, settings, options));
}

/** The results of a text's scenario, by the names of its settings. */
export function runText(text: string, options: SimulateOptions = {}): SimulationResult[] {
  return run(parseScenario(text, "scenario.yaml").scenario, options);
}

/** The scenario of a lab of the repository. */
export function labScenario(name: string): IpamScenario {
  return loadScenario(new URL(`../../../../labs/${name}/scenario.yaml`, import.meta.url).pathname).scenario;
}

/** Values of a series at a time, milliseconds. */
export function at(result: SimulationResult, time: number): Record<string, number> {
  const { series } = result;
  const i = series.time.indexOf(time);
  const { assigned, cooling, warm, enis, prefixes, waiting, reserved, subnetFree, unscheduled } = series;
  return {
    assigned: assigned[i],
    cooling: cooling[i],
    warm: warm[i],
    enis: enis[i],
    prefixes: prefixes[i],
    waiting: waiting[i],
    reserved: reserved[i],
    subnetFree: subnetFree[i],
    unscheduled: unscheduled[i],
  };
}
