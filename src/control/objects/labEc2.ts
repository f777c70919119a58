import { z } from "zod";
import { DEFAULT_EC2_SETTINGS, type Ec2Settings } from "../vpc/ec2/types.ts";

const { latency, jitter, attachDelay, metadataDelay, throttle, addressSelection } = DEFAULT_EC2_SETTINGS;

/** Most milliseconds that make sense: EC2 answers, or gives up, within minutes. */
const LONGEST = 3_600_000;
/** Where `throttle` is written without one of its fields. */
const THROTTLE = throttle ?? { bucket: 100, refillPerSecond: 20 };

const millisecondsError = `expected whole milliseconds from 0 to ${LONGEST}`;
const milliseconds = z
  .int({ error: millisecondsError })
  .min(0, { error: millisecondsError })
  .max(LONGEST, { error: millisecondsError });

const latencySchema = z.strictObject({
  CreateNetworkInterface: milliseconds.default(latency.CreateNetworkInterface),
  AttachNetworkInterface: milliseconds.default(latency.AttachNetworkInterface),
  DetachNetworkInterface: milliseconds.default(latency.DetachNetworkInterface),
  DeleteNetworkInterface: milliseconds.default(latency.DeleteNetworkInterface),
  AssignPrivateIpAddresses: milliseconds.default(latency.AssignPrivateIpAddresses),
  UnassignPrivateIpAddresses: milliseconds.default(latency.UnassignPrivateIpAddresses),
  AssociateTrunkInterface: milliseconds.default(latency.AssociateTrunkInterface),
  DescribeNetworkInterfaces: milliseconds.default(latency.DescribeNetworkInterfaces),
  DescribeSubnets: milliseconds.default(latency.DescribeSubnets),
});

/** How the EC2 API of a lab behaves. */
export const ec2Schema = z
  .strictObject({
    latency: latencySchema.prefault({}).describe("Milliseconds from a call to its answer"),
    jitter: z.number().min(0).max(1).default(jitter).describe("Part of the latency that varies, up and down"),
    attachDelay: milliseconds.default(attachDelay).describe("Milliseconds until an instance sees an attached ENI"),
    metadataDelay: milliseconds.default(metadataDelay).describe("Milliseconds by which instance metadata lags behind"),
    throttle: z
      .strictObject({
        bucket: z.int().min(1).default(THROTTLE.bucket).describe("Calls at once"),
        refillPerSecond: z.number().positive().default(THROTTLE.refillPerSecond),
      })
      .nullable()
      .default(throttle)
      .describe("Token bucket of each action; null: none is throttled"),
    addressSelection: z
      .enum(["lowest", "random"])
      .default(addressSelection)
      .describe("Which free address or block EC2 gives; it promises no order"),
  })
  .describe("How the EC2 API answers");

export function ec2Settings(lab: { readonly spec: { readonly ec2: Ec2Settings } }): Ec2Settings {
  return lab.spec.ec2;
}
