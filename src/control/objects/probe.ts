import { z } from "zod";
import { notEmpty, port, words } from "./fields.ts";

const DEFAULT_PERIOD = 10;
const DEFAULT_FAILURES = 3;

const seconds = (least: number) => {
  const error = `expected whole seconds, ${least} or more`;
  return z.int({ error }).min(least, { error });
};
const count = (() => {
  const error = "expected a whole number, 1 or more";
  return z.int({ error }).min(1, { error });
})();
const portOrName = z.union([port, notEmpty], { error: "expected a port from 1 to 65535 or a port's name" });

export const execSchema = z.strictObject({ command: words.min(1) });

/** A probe of a container (k8s.io/api core/v1 Probe), with the defaults of the API server. */
export const probeSchema = z
  .strictObject({
    exec: execSchema.optional(),
    httpGet: z
      .strictObject({
        path: z.string().default("/"),
        port: portOrName,
        /** The pod's address where it is absent. */
        host: notEmpty.optional(),
        scheme: z.enum(["HTTP", "HTTPS"]).default("HTTP"),
        httpHeaders: z.array(z.strictObject({ name: notEmpty, value: z.string() })).default([]),
      })
      .optional(),
    tcpSocket: z.strictObject({ port: portOrName, host: notEmpty.optional() }).optional(),
    initialDelaySeconds: seconds(0).default(0),
    periodSeconds: seconds(1).default(DEFAULT_PERIOD),
    timeoutSeconds: seconds(1).default(1),
    successThreshold: count.default(1),
    failureThreshold: count.default(DEFAULT_FAILURES),
    terminationGracePeriodSeconds: seconds(1).optional(),
  })
  .refine((p) => [p.exec, p.httpGet, p.tcpSocket].filter((way) => way !== undefined).length === 1, {
    error: "expected one of exec, httpGet and tcpSocket",
  });

export type Probe = z.output<typeof probeSchema>;
