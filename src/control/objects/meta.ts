import { z } from "zod";
import { dnsLabel, dnsSubdomain, stringMap } from "./fields.ts";

const common = { labels: stringMap.default({}), annotations: stringMap.default({}) };

/** metadata of a namespaced Kubernetes object whose name is a DNS-1123 subdomain. */
export const objectMeta = z.strictObject({
  name: dnsSubdomain,
  namespace: dnsLabel.default("default"),
  ...common,
});

/** The same with a DNS-1123 label as name. */
export const labelMeta = z.strictObject({ name: dnsLabel, namespace: dnsLabel.default("default"), ...common });

/** metadata of an object that belongs to no namespace. */
export const clusterMeta = z.strictObject({ name: dnsLabel, ...common });

/** metadata of a pod template: its pods get names of their own. */
export const templateMeta = z.strictObject(common).prefault({});

export const protocolName = z.enum(["TCP", "UDP", "SCTP"]);
