import type { DesiredPod } from "../deployments.ts";

/** A pod over time: from the moment a controller makes it until its processes have ended and its address went back. */
export interface LivePod {
  /** One for every pod that ever was: a pod that comes again under the same name is another one. */
  readonly uid: number;
  readonly desired: DesiredPod;
  /** Key of the object it belongs to; its own for a pod that nobody else asks for. */
  readonly owner: string;
  /** Hash of the template it was made from; empty for a pod that nobody else asks for. */
  readonly revision: string;
  /** Its place among the pods of its owner: k of NAME-k, a StatefulSet's ordinal. */
  readonly number: number;
  /** Since when its Ready condition holds, milliseconds; null: it does not. */
  readonly readySince: number | null;
  /** When it was deleted, milliseconds: it terminates; null: it runs. */
  readonly deletedAt: number | null;
}

/** What the lab, a test or a person says about a pod. */
export interface PodReport {
  /** `pod/NAMESPACE/NAME` */
  readonly pod: string;
  /** Of the pod that is meant, where it matters that it is no other one of that name. */
  readonly uid?: number;
  /**
   * Whether its Ready condition holds; `deleted`: it is to terminate, whatever asks for it; `stopped`: its processes have
   * ended, which counts for pods that terminate alone.
   */
  readonly state: "ready" | "unready" | "deleted" | "stopped";
}
