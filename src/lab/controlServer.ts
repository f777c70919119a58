import { chmodSync, rmSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import type { ControlReply, ControlRequest, ControlVerbs, Verb } from "./controlProtocol.ts";

export type Handlers = { [V in Verb]: (argument: ControlVerbs[V]["argument"]) => Promise<ControlVerbs[V]["result"]> };

const MAX_REQUEST = 1 << 20;
const OWNER_ONLY = 0o600;

/** Somebody else answers at this lab's control socket. */
export class AlreadyRunningError extends Error {
  override name = "AlreadyRunningError";
}

/**
 * The control socket of a running lab: a UNIX socket that its owner alone may open. A stale one, which a killed lab
 * leaves behind, is replaced.
 */
export class ControlServer {
  readonly #server: Server;
  readonly #path: string;

  private constructor(server: Server, path: string) {
    this.#server = server;
    this.#path = path;
  }

  /** @throws AlreadyRunningError when a lab answers at the path. */
  static async listen(path: string, handlers: Handlers): Promise<ControlServer> {
    if (await answers(path))
      throw new AlreadyRunningError(`a lab is running at ${path}: take it down with \`podplane down\``);
    rmSync(path, { force: true });
    const server = createServer((socket) => serve(socket, handlers));
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(path, resolve);
    });
    chmodSync(path, OWNER_ONLY);
    return new ControlServer(server, path);
  }

  /** Stops listening and removes the socket; open requests get their answer first. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
    rmSync(this.#path, { force: true });
    await Promise.race([closed, new Promise((resolve) => setTimeout(resolve, 200).unref())]);
  }
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}

function serve(socket: Socket, handlers: Handlers): void {
  let text = "";
  socket.setEncoding("utf8");
  socket.on("error", () => socket.destroy());
  socket.on("data", (chunk: string) => {
    text += chunk;
    if (text.length > MAX_REQUEST) socket.destroy();
    const end = text.indexOf("\n");
    if (end < 0) return;
    const line = text.slice(0, end);
    text = "";
    void answer(line, handlers).then((reply) => socket.end(`${JSON.stringify(reply)}\n`));
  });
}

async function answer(line: string, handlers: Handlers): Promise<ControlReply> {
  try {
    const request = JSON.parse(line) as ControlRequest;
    const handler = handlers[request.verb] as ((argument: unknown) => Promise<unknown>) | undefined;
    if (handler === undefined) throw new Error(`unknown request "${request.verb}"`);
    return { result: await handler(request.argument) };
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) };
  }
}
