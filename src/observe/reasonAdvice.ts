import type { ReasonCode } from "../plane/reasons.ts";
import type { Advice } from "./advice/advice.ts";
import { NODE_ADVICE } from "./advice/nodeAdvice.ts";
import { PACKET_ADVICE } from "./advice/packetAdvice.ts";
import { VPC_ADVICE } from "./advice/vpcAdvice.ts";

export type DropCode = Exclude<ReasonCode, "NONE">;

/** A reason without advice does not compile. */
export const REASON_ADVICE: Record<DropCode, Advice> = { ...PACKET_ADVICE, ...NODE_ADVICE, ...VPC_ADVICE };
