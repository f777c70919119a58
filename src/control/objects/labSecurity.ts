import { z } from "zod";
import { cidr, dnsLabel, words } from "./fields.ts";
import { identity } from "./labIdentity.ts";

const protocol = z.union([z.enum(["all", "tcp", "udp", "icmp"]), z.int().min(0).max(255)], {
  error: "expected a protocol: all, tcp, udp, icmp or a number from 0 to 255",
});

const PORT_MAX = 65535;
const portError = `expected a port from 0 to ${PORT_MAX}, or -1 for any ICMP type or code`;
const port = z.int({ error: portError }).min(-1, { error: portError }).max(PORT_MAX, { error: portError });
/** As EC2 has them: for ICMP the type and the code. */
const ports = { fromPort: port.optional(), toPort: port.optional() };

export const securityGroupSchema = z.strictObject({
  ...identity,
  name: dnsLabel,
  description: z.string().optional(),
  ingress: z.array(z.strictObject({ protocol, ...ports, sources: words })).default([]),
  egress: z
    .array(z.strictObject({ protocol, ...ports, destinations: words }))
    .default([{ protocol: "all", destinations: ["0.0.0.0/0"] }])
    .describe("EC2 gives a new group one rule, all protocols to 0.0.0.0/0; an empty list: none"),
});

const aclRules = z
  .array(
    z.strictObject({
      ruleNumber: z.int().min(1).max(32766),
      protocol,
      ...ports,
      cidrBlock: cidr,
      ruleAction: z.enum(["allow", "deny"]),
    }),
  )
  .default([]);

export const networkAclSchema = z.strictObject({
  ...identity,
  name: dnsLabel,
  subnets: words.default([]),
  ingress: aclRules,
  egress: aclRules,
});

const seconds = (min: number, max: number) => {
  const error = `expected ${min} to ${max} seconds`;
  return z.int({ error }).min(min, { error }).max(max, { error }).default(max);
};
/** As many as the plane can count: AWS publishes no number for an instance type. */
const MOST_CONNECTIONS = 0x7fff_ffff;

/** EC2's ConnectionTrackingSpecification, and how many connections the instance tracks. */
export const connectionTrackingSchema = z.strictObject({
  tcpEstablishedTimeout: seconds(60, 432_000).describe("Seconds; 350 is the default of Nitro v6 instance types"),
  udpStreamTimeout: seconds(60, 180),
  udpTimeout: seconds(30, 60).unwrap().default(30),
  maxConnections: z
    .int()
    .min(1)
    .max(MOST_CONNECTIONS)
    .default(MOST_CONNECTIONS)
    .describe("Connections that the instance tracks before it drops new ones"),
});
