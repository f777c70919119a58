import { z } from "zod";
import { duration } from "./duration.ts";
import { dnsLabel, notEmpty, stringMap } from "./fields.ts";
import { intOrPercent } from "./intOrPercent.ts";

/** Most pods that one event may ask for, and most machines. */
const PODS_MAX = 100_000;
const NODES_MAX = 5000;
const MAX_PODS_MAX = 1000;

const count = (what: string, min: number, max: number) => {
  const error = `expected ${what} from ${min} to ${max}`;
  return z.int({ error }).min(min, { error }).max(max, { error });
};

/** Kubernetes' default of both (apps/v1 RollingUpdateDeployment). */
const DEFAULT_STEP = "25%";

const noDuration = "0s";

/** Machines of one kind. */
export const scenarioNodesSchema = z
  .strictObject({
    name: dnsLabel.optional(),
    namePrefix: dnsLabel.optional().describe("Of the names of `count` nodes: PREFIX-1, PREFIX-2, ..."),
    count: count("a number of nodes", 1, NODES_MAX).optional(),
    instanceType: notEmpty,
    subnet: dnsLabel.optional(),
    subnets: z.array(dnsLabel).min(1).optional().describe("Taken in turn"),
    maxPods: count("kubelet's --max-pods", 1, MAX_PODS_MAX).optional(),
    labels: stringMap.default({}),
  })
  .superRefine((nodes, context) => {
    const problem = (path: string[], message: string) => context.addIssue({ code: "custom", path, message });
    if ((nodes.name === undefined) === (nodes.namePrefix === undefined))
      problem([], "nodes have either name (one) or namePrefix and count; write one of them");
    else if ((nodes.namePrefix === undefined) !== (nodes.count === undefined))
      problem([], "namePrefix and count go together; write both, or name");
    if ((nodes.subnet === undefined) === (nodes.subnets === undefined))
      problem([], "nodes have either subnet or subnets (taken in turn); write one of them");
  });

export type ScenarioNodes = z.output<typeof scenarioNodesSchema>;

/** What may happen, each with its fields. */
const actions = {
  deploy: z
    .strictObject({
      name: dnsLabel,
      replicas: count("a number of pods", 0, PODS_MAX),
      readyAfter: duration.prefault(noDuration).describe("From a pod's address to the moment it counts as available"),
      terminationGracePeriod: duration.prefault(noDuration).describe("How long a pod that goes keeps its address"),
    })
    .describe("A new deployment"),
  scale: z.strictObject({ name: dnsLabel, replicas: count("a number of pods", 0, PODS_MAX) }),
  rollout: z
    .strictObject({
      name: dnsLabel,
      maxSurge: intOrPercent.default(DEFAULT_STEP),
      maxUnavailable: intOrPercent.default(DEFAULT_STEP),
    })
    .describe("Replaces all pods of a deployment, as a rolling update does"),
  replace: z
    .strictObject({ pods: count("a number of pods", 1, PODS_MAX), over: duration.prefault(noDuration) })
    .describe("Deletes pods of all deployments one by one, each at once replaced by its deployment"),
  addNodes: scenarioNodesSchema,
  removeNodes: z
    .strictObject({
      names: z.array(dnsLabel).min(1).optional(),
      count: count("a number of nodes", 1, NODES_MAX).optional().describe("Those with the fewest pods"),
    })
    .refine((r) => (r.names === undefined) !== (r.count === undefined), {
      error: "removeNodes has either names or count; write one of them",
    })
    .describe("Drains nodes and terminates them"),
  fillSubnet: z
    .strictObject({
      subnet: dnsLabel,
      addresses: z.int().min(1),
      pattern: z.enum(["scattered", "contiguous"]).default("contiguous"),
    })
    .describe("Somebody else takes addresses of a subnet"),
  freeSubnet: z
    .strictObject({ subnet: dnsLabel, addresses: z.int().min(1).optional() })
    .describe("Gives back what fillSubnet took; without `addresses` all of it"),
  restartIpamd: z
    .strictObject({
      node: dnsLabel.default("all").describe("A node's name, or all"),
      checkpoint: z.boolean().default(true).describe("Whether the daemon finds its checkpoint file again"),
      down: duration.prefault("5s"),
    })
    .describe("Ends the daemon and starts it again"),
};

export type ActionName = keyof typeof actions;
export const ACTION_NAMES = Object.keys(actions) as ActionName[];

/** When something happens (`at`, or `every` with `from` and `until`), and exactly one thing that does. */
export const timelineEventSchema = z
  .strictObject({
    at: duration.optional(),
    every: duration.optional(),
    from: duration.optional().describe("First time of `every`; one period after the beginning without it"),
    until: duration.optional().describe("Last time of `every` at most; the end without it"),
    ...Object.fromEntries(Object.entries(actions).map(([name, schema]) => [name, schema.optional()])),
  } as { at: z.ZodOptional<typeof duration> } & {
    [K in "every" | "from" | "until"]: z.ZodOptional<typeof duration>;
  } & { [K in ActionName]: z.ZodOptional<(typeof actions)[K]> })
  .superRefine((event, context) => {
    const problem = (path: string[], message: string) => context.addIssue({ code: "custom", path, message });
    if ((event.at === undefined) === (event.every === undefined))
      problem([], "an event happens either at a time or every so often; write at or every");
    if (event.every === 0) problem(["every"], "expected a period longer than 0s, got 0s");
    for (const field of ["from", "until"] as const)
      if (event.at !== undefined && event[field] !== undefined)
        problem([field], `${field} belongs to every; remove it, or write every for at`);
    // A word that is no action has been told already.
    if (context.issues.length > 0) return;
    const named = ACTION_NAMES.filter((name) => event[name] !== undefined);
    if (named.length === 0) problem([], `an event does one thing; write one of ${ACTION_NAMES.join(", ")}`);
    else if (named.length > 1)
      problem([named[1]], `an event does one thing, got ${named.join(" and ")}; write two events`);
  });

export type TimelineEvent = z.output<typeof timelineEventSchema>;
