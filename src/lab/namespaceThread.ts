import { parentPort, workerData } from "node:worker_threads";
import { NamespaceFactory } from "./namespaceFactory.ts";
import type { Request, Response } from "./namespaceProtocol.ts";

// The lab thread: a worker that answers namespaces.ts, one request after the other.

if (parentPort === null) throw new Error("this file is a worker's");
const port = parentPort;
const factory = new NamespaceFactory(workerData.directory);

function perform(request: Request): unknown {
  switch (request.operation) {
    case "create":
      return factory.create(request.argument);
    case "remove":
      return factory.remove(request.argument);
    case "stats":
      return factory.stats(request.argument);
    case "addresses":
      return factory.addresses(request.argument.name, request.argument.add, request.argument.remove);
    case "routing":
      return factory.routing(request.argument.name, request.argument.add, request.argument.remove);
    case "socket":
      return factory.socket(request.argument.name, request.argument.spec);
  }
}

port.on("message", (request: Request) => {
  let response: Response;
  try {
    response = { id: request.id, result: perform(request) };
  } catch (error) {
    response = { id: request.id, error: error instanceof Error ? error.message : String(error) };
  }
  port.postMessage(response);
});
