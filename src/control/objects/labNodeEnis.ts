import { z } from "zod";
import { cidr, dnsLabel, ipv4, notEmpty, stringMap, words } from "./fields.ts";

/** More than any instance type has ENIs of one network card. */
const DEVICE_MAX = 63;
const deviceError = `expected a device number from 0 to ${DEVICE_MAX}`;

/** An ENI that a node has from the start, with its addresses: as DescribeNetworkInterfaces shows it. */
export const nodeEniSchema = z.strictObject({
  id: notEmpty.optional(),
  tags: stringMap.default({}),
  deviceNumber: z
    .int({ error: deviceError })
    .min(0, { error: deviceError })
    .max(DEVICE_MAX, { error: deviceError })
    .describe("0: the primary ENI, eth0"),
  subnet: dnsLabel,
  address: ipv4.describe("Primary address"),
  prefixes: z.array(cidr).default([]).describe("Delegated /28 prefixes"),
  addresses: z.array(ipv4).default([]).describe("Secondary addresses"),
  securityGroups: words.optional().describe("The node's without it"),
  trunk: z.boolean().default(false).describe("Whether branch ENIs of pods hang on it"),
});
