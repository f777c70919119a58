import { z } from "zod";
import { parseAddress, parseCidr } from "../../plane/wire/address.ts";

/** Longest DNS-1123 label and subdomain, RFC 1123 by way of the Kubernetes API conventions. */
const LABEL_MAX = 63;
const SUBDOMAIN_MAX = 253;
const PORT_MAX = 65535;
/** Limits that AWS VPC CNI documents for AWS_VPC_ENI_MTU with IPv4. */
const MTU_MIN = 576;
const MTU_MAX = 9001;

const LABEL = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;

const text = (expected: string, test: (s: string) => boolean) => {
  const error = `expected ${expected}`;
  return z.string({ error }).refine(test, { error });
};

export const dnsLabel = text(
  "a DNS-1123 label (lower case letters, digits and '-', at most 63, such as node-1)",
  (s) => s.length <= LABEL_MAX && LABEL.test(s),
);

export const dnsSubdomain = text(
  "a DNS-1123 subdomain (lower case letters, digits, '-' and '.', such as web-1)",
  (s) => s.length <= SUBDOMAIN_MAX && SUBDOMAIN.test(s),
);

export const ipv4 = text("an IPv4 address such as 10.0.1.200", (s) => parseAddress(s) !== null);
/** One of kube-proxy's --nodeport-addresses. */
export const nodePortAddress = text(
  "an IPv4 CIDR block such as 10.0.1.0/24, or primary",
  (s) => s === "primary" || parseCidr(s) !== null,
);
export const cidr = text("an IPv4 CIDR block such as 10.0.1.0/24", (s) => parseCidr(s) !== null);
export const notEmpty = text("a text that is not empty", (s) => s.length > 0);

const portError = `expected a port from 1 to ${PORT_MAX}`;
export const port = z.int({ error: portError }).min(1, { error: portError }).max(PORT_MAX, { error: portError });

const mtuError = `expected an MTU from ${MTU_MIN} to ${MTU_MAX} bytes`;
export const mtu = z.int({ error: mtuError }).min(MTU_MIN, { error: mtuError }).max(MTU_MAX, { error: mtuError });

export const words = z.array(z.string());
export const stringMap = z.record(z.string(), z.string());

/** A comma-separated list of CIDR blocks, as an environment variable has it. */
export const cidrList = text("CIDR blocks with commas between, such as 10.12.0.0/16,10.13.0.0/16", (s) =>
  splitList(s).every((part) => parseCidr(part) !== null),
);

export const mtuText = text(`an MTU in quotes, "${MTU_MIN}" to "${MTU_MAX}"`, (s) => {
  const value = Number(s);
  return /^\d+$/.test(s) && value >= MTU_MIN && value <= MTU_MAX;
});

/** The parts of a comma-separated list, without blanks and empty parts. */
export function splitList(list: string): string[] {
  return list
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");
}
