import { z } from "zod";

const count = z.int().min(0);

const networkInterfaceSchema = z
  .strictObject({
    networkCardIndex: count,
    deviceIndex: count,
    interfaceType: z.enum(["interface", "efa-only"]),
    /** Secondary addresses of pods. */
    secondaryIPv4Count: count.optional(),
    /** /28 prefixes of pods. */
    secondaryIPv4PrefixCount: count.optional(),
  })
  .superRefine((eni, context) => {
    const counts = (["secondaryIPv4Count", "secondaryIPv4PrefixCount"] as const).filter((f) => eni[f] !== undefined);
    const problem = (path: string, message: string) => context.addIssue({ code: "custom", path: [path], message });
    if (counts.length > 1)
      problem(counts[1], "an interface has either secondaryIPv4Count or secondaryIPv4PrefixCount; remove one of them");
    for (const field of counts) {
      if (eni.networkCardIndex !== 0)
        problem(field, `${field} is for interfaces of networkCardIndex 0; remove it, or move it to one of those`);
      if (eni.interfaceType === "efa-only") problem(field, `an efa-only interface has no addresses; remove ${field}`);
    }
    if (eni.networkCardIndex === 0 && eni.deviceIndex === 0 && eni.interfaceType !== "interface")
      problem("interfaceType", "expected interface for the primary ENI (networkCardIndex 0, deviceIndex 0)");
  });

/**
 * Interfaces that a node is launched with and that nothing is added to afterwards (EKS user guide, "Create a Node Class",
 * "Static Network Interface Configuration").
 */
export const networkInterfaceListSchema = z
  .array(networkInterfaceSchema)
  .min(1)
  .superRefine((list, context) => {
    const seen = new Map<string, number>();
    list.forEach((eni, i) => {
      const key = `${eni.networkCardIndex}/${eni.deviceIndex}`;
      const first = seen.get(key);
      if (first === undefined) seen.set(key, i);
      else
        context.addIssue({
          code: "custom",
          path: [i],
          message: `networkInterfaces[${first}] has the same networkCardIndex and deviceIndex; change one of them`,
        });
    });
    if (!seen.has("0/0"))
      context.addIssue({
        code: "custom",
        message: "networkInterfaces need the primary ENI; add one with networkCardIndex: 0, deviceIndex: 0",
      });
  });
