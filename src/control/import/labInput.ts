import type { z } from "zod";
import type { labSchema } from "../objects/lab.ts";

/** A Lab document as a user writes it. */
export type LabInput = z.input<typeof labSchema>;
export type LabSpec = LabInput["spec"];
export type VpcInput = LabSpec["vpc"];
export type FurtherVpcInput = NonNullable<LabSpec["vpcs"]>[number];
export type RouteInput = NonNullable<NonNullable<VpcInput["routeTables"]>[number]["routes"]>[number];
export type NodeInput = NonNullable<LabSpec["nodes"]>[number];
export type NodeEniInput = NonNullable<NodeInput["enis"]>[number];
export type HostInput = NonNullable<LabSpec["hosts"]>[number];
export type PeeringInput = NonNullable<LabSpec["peerings"]>[number];
export type TransitGatewayInput = NonNullable<LabSpec["transitGateways"]>[number];
export type NetworkInput = NonNullable<LabSpec["networks"]>[number];
