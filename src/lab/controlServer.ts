import { chmodSync, rmSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import type { ControlReply, ControlRequest, ControlVerbs, Verb } from "./controlProtocol.ts";
import { OutStream } from "./controlStream.ts";
import type { ControlStreams, StreamVerb } from "./controlStreams.ts";

export type Handlers = { [V in Verb]: (argument: ControlVerbs[V]["argument"]) => Promise<ControlVerbs[V]["result"]> };
/** Each goes on until `out.ended`, and returns how it went. */
export type StreamHandlers = {
  [S in StreamVerb]?: (
    argument: ControlStreams[S]["argument"],
    out: OutStream,
  ) => Promise<ControlStreams[S]["summary"]>;
};

const MAX_REQUEST = 1 << 20;
/** How the request of a stream begins. */
const STREAM_REQUEST = '{"stream":';
const OWNER_ONLY = 0o600;
/** How long requests have for their answer when the lab is down. */
const ANSWER_WITHIN_MS = 200;

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
  readonly #sockets: ReadonlySet<Socket>;

  private constructor(server: Server, path: string, sockets: ReadonlySet<Socket>) {
    this.#server = server;
    this.#path = path;
    this.#sockets = sockets;
  }

  /** @throws AlreadyRunningError when a lab answers at the path. */
  static async listen(path: string, handlers: Handlers, streams: StreamHandlers = {}): Promise<ControlServer> {
    if (await answers(path))
      throw new AlreadyRunningError(`a lab is running at ${path}: take it down with \`podplane down\``);
    rmSync(path, { force: true });
    const sockets = new Set<Socket>();
    // A command ends a stream by closing its half of the connection.
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      sockets.add(socket);
      socket.on("close", () => sockets.delete(socket));
      serve(socket, handlers, streams);
    });
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(path, resolve);
    });
    chmodSync(path, OWNER_ONLY);
    return new ControlServer(server, path, sockets);
  }

  /** Stops listening and removes the socket. Open requests may still get their answer; those that do not soon never do. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
    rmSync(this.#path, { force: true });
    await Promise.race([closed, new Promise((resolve) => setTimeout(resolve, ANSWER_WITHIN_MS).unref())]);
    // A client that stays connected would keep the process alive.
    for (const socket of this.#sockets) socket.destroy();
  }
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    // Its queue is full: it is there, and does not answer (unix(7)).
    socket.once("error", ({ code }: NodeJS.ErrnoException) => resolve(code === "EAGAIN"));
  });
}

function serve(socket: Socket, handlers: Handlers, streams: StreamHandlers): void {
  let text = "";
  let asked = false;
  socket.setEncoding("utf8");
  socket.on("error", () => socket.destroy());
  socket.on("end", () => {
    if (!asked) socket.destroy();
  });
  socket.on("data", (chunk: string) => {
    if (asked) return;
    text += chunk;
    if (text.length > MAX_REQUEST) socket.destroy();
    const end = text.indexOf("\n");
    if (end < 0) return;
    const line = text.slice(0, end);
    asked = true;
    if (line.startsWith(STREAM_REQUEST)) void stream(line, streams, new OutStream(socket));
    else void answer(line, handlers).then((reply) => socket.end(`${JSON.stringify(reply)}\n`));
  });
}

async function stream(line: string, streams: StreamHandlers, out: OutStream): Promise<void> {
  try {
    const request = JSON.parse(line) as { stream: StreamVerb; argument: unknown };
    const handler = streams[request.stream] as ((argument: unknown, stream: OutStream) => Promise<unknown>) | undefined;
    if (handler === undefined) throw new Error(`unknown request "${request.stream}"`);
    out.summary(await handler(request.argument, out));
  } catch (error) {
    out.error(error instanceof Error ? error.message : String(error));
  }
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
