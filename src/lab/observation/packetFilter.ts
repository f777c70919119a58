import type { Names } from "../../control/names.ts";
import { nearMatches } from "../../control/near.ts";
import { compileExpression } from "../../observe/filter/expression.ts";
import { resolveQuestion } from "../../observe/filter/objectFilter.ts";
import type { PacketQuestion } from "../controlStreams.ts";
import type { SessionFilter } from "./observationMessages.ts";

/** Addresses that a name in an expression stands for. @throws NameError */
function addressesOf(name: string, names: Names): readonly number[] {
  // A service without its port is an address, too.
  const service = names.directory.services.get(serviceKey(name))?.address ?? null;
  return [service ?? names.resolve(name).address];
}

/** `svc/default/api` of `svc/api`, `service/api` and the like; what is no service's name stays. */
function serviceKey(name: string): string {
  const [kind, ...rest] = name.split("/");
  if (!["svc", "service", "services"].includes(kind)) return name;
  return ["svc", ...(rest.length === 1 ? ["default"] : []), ...rest].join("/");
}

/**
 * A question in numbers, as names are by now.
 *
 * @throws FilterError, NameError with what is wrong
 */
export function packetFilter(question: PacketQuestion, names: Names): SessionFilter {
  const addresses = new Map<string, readonly number[]>();
  if (question.expression !== null)
    compileExpression(question.expression, (name) => {
      const found = addressesOf(name, names);
      addresses.set(name, found);
      return found;
    });
  const { pods, services, nodes, verdicts, reasons, flow } = question;
  const asksObjects = [pods, services, nodes, verdicts, reasons].some((list) => list.length > 0) || flow !== null;
  const { machines, services: ports } = names.directory;
  const objectNames = { machines, services: ports, nodes: names.nodes, near: nearMatches };
  return {
    expression: question.expression,
    addresses,
    objects: asksObjects ? resolveQuestion(question, objectNames) : null,
  };
}
