import type { GatewayNames } from "../../../src/observe/explainGateway.ts";

/** Gateways by their numbers. */
export const GATEWAY_NAMES: Omit<GatewayNames, "eni"> = {
  natGateway: (i) => `nat-${i}`,
  peering: (i) => `peering-${i}`,
  transitAttachment: (i) => `attachment-${i}`,
};
