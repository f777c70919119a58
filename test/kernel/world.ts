import type { Agent } from "./agent.ts";
import type { TestLab } from "./testLab.ts";

/** An ENI of a node. */
export interface Eni {
  node: string;
  device: string;
  address: string;
  publicAddress: string | null;
}

/** Who has which address: podplane's choice, which the twin's is as well. */
export interface Plan {
  /** Pods and hosts; nodes by their primary address. */
  addresses: Map<string, string>;
  enis: Eni[];
  /** Public addresses by private ones. */
  publicAddresses: Map<string, string>;
}

/** One of the two networks that the probes run in. */
export interface World {
  readonly lab: TestLab;
  readonly plan: Plan;
  agent(end: string): Agent;
  close(): Promise<void>;
}
