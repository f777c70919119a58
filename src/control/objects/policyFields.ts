import { z } from "zod";
import { parseCidr } from "../../plane/wire/address.ts";
import { invalidText, unsupportedText } from "./apiServerText.ts";

export const PROTOCOLS = ["TCP", "UDP", "SCTP"] as const;

const PORT_MAX = 65_535;
/** Longest name of a port (IANA_SVC_NAME, RFC 6335 section 5.1). */
const PORT_NAME_MAX = 15;

const PORT_NUMBER_DETAIL = `must be between 1 and ${PORT_MAX}, inclusive`;
const CIDR_DETAIL = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)";

/** IPv6 is accepted wherever a policy has a block: it has no packets in an IPv4 cluster. */
export const isIPv6Block = (text: string): boolean => text.includes(":");

export const policyProtocol = z.enum(PROTOCOLS, { error: ({ input }) => unsupportedText(input, PROTOCOLS) });

/** An IPv4 block, host bits and all (the API server takes those for old objects' sake), or any IPv6 one. */
export const policyBlock = z.string().refine((text) => isIPv6Block(text) || parseCidr(text) !== null, {
  error: ({ input }) => invalidText(input, CIDR_DETAIL),
});

const isPortNumber = (value: unknown): boolean =>
  Number.isInteger(value) && Number(value) >= 1 && Number(value) <= PORT_MAX;

export const policyPortNumber = z
  .int()
  .refine(isPortNumber, { error: ({ input }) => invalidText(input, PORT_NUMBER_DETAIL) });

/** What is wrong with a port's name; null: nothing (k8s.io/apimachinery, validation.IsValidPortName). */
export function portNameProblem(name: string): string | null {
  if (name.length > PORT_NAME_MAX) return `must be no more than ${PORT_NAME_MAX} characters`;
  if (!/^[-a-z0-9]+$/.test(name)) return "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)";
  if (!/[a-z]/.test(name)) return "must contain at least one letter (a-z)";
  if (name.includes("--")) return "must not contain consecutive hyphens";
  return /^-|-$/.test(name) ? "must not begin or end with a hyphen" : null;
}

/** What is wrong with a port that is a number or a name; null: nothing. */
export function portProblem(port: number | string): string | null {
  if (typeof port === "string") return portNameProblem(port);
  return isPortNumber(port) ? null : PORT_NUMBER_DETAIL;
}
