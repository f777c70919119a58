import type { NearMiss, Refusal } from "../control/nearMiss/refusal.ts";
import type { Ends, FlowEnd } from "./explainEnds.ts";
import type { GatewayNames } from "./explainGateway.ts";
import type { ImpairmentNames } from "./explainImpairment.ts";
import type { PolicyNames } from "./explainPolicy.ts";
import type { SecurityNames } from "./explainSecurity.ts";

/** What an explanation is made of, and what it is made with. */

/** Turns the numbers of a decision into names; control's Names is one. */
export interface NameSource extends SecurityNames, GatewayNames, PolicyNames, ImpairmentNames {
  device(index: number): string;
  node(index: number): string;
  service(index: number): string;
  endpoint(service: number, index: number): string;
  routeTable(index: number): string;
  /** Name of the object that has an address, or null. */
  byAddress(address: number): string | null;
}

export interface ExplainedStep {
  at: string;
  stage: string;
  action: string;
  rule: string | null;
  detail: string;
  reason: string | null;
  /** A translation: the packet before and after it, both ends. null: the step translates nothing. */
  before: Ends | null;
  after: Ends | null;
}

/** What would have to change for a packet to go further: an object of the lab or the cluster, by its name. */
export interface Change {
  /** `securitygroup/db`, `networkpolicy/default/web`, `svc/default/api`, `node/node-2`, `pod/default/web-1` */
  object: string;
  /** What of it: `ingress`, `spec.ports`, `env AWS_VPC_K8S_CNI_EXTERNALSNAT`; null: the object as a whole. */
  field: string | null;
  /** One sentence. */
  text: string;
}

/** What `why -o json` prints; docs/architecture.md fixes these fields. */
export interface Explanation {
  /** QUEUED: a fragment that waits for the others of its datagram, or a packet that an impairment holds. */
  verdict: "DELIVERED" | "QUEUED" | "DROPPED" | "REJECTED";
  reason: string | null;
  /** One sentence about the reason. */
  text: string | null;
  flow: { protocol: string; source: FlowEnd; destination: FlowEnd };
  seen: {
    by: string;
    source: { address: string; port: number };
    destination: { address: string; port: number };
  } | null;
  path: string[];
  steps: ExplainedStep[];
  /** The facts that decided, as what a change would have to touch: `svc/default/api:80`, `securitygroup/db ingress[0]`. */
  decidedBy: string[];
  /** What to change for the packet to go further; null: it was delivered, or waits. */
  change: Change | null;
  /** The rule that almost let it pass; null: there is none like it, or nobody looked. */
  nearMiss: NearMiss | null;
}

/** An explanation with that of the receiver's answer. */
export interface WhyAnswer extends Explanation {
  /** null: nobody asked for it, nothing arrived, or what arrived is not answered. */
  reply: Explanation | null;
  /** Whether the answer reaches the socket that asked, from whom it asked; null: there is no answer. */
  comesBack: boolean | null;
}

export type { NearMiss, Refusal };

/** Finds what almost let a packet pass: somebody who knows the rows and objects behind a decision; control has one. */
export interface NearMisses {
  find(refusal: Refusal): NearMiss | null;
}
