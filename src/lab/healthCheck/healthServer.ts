import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { HealthCheckAnswer } from "../../control/kube/healthCheck.ts";
import type { SocketSpec } from "../namespaceProtocol.ts";

/** kube-proxy listens at all of a node's addresses, unless --nodeport-addresses says otherwise. */
const ANY_ADDRESS = "0.0.0.0";

/** Answers a request for a path, its query left out. */
type AnswerCheck = (path: string) => HealthCheckAnswer;

/** HTTP on one port of a node, on the main thread's event loop. It keeps no process alive. */
export class HealthServer {
  readonly #http: Server;

  private constructor(answer: AnswerCheck) {
    this.#http = createServer((request, response) => {
      const [path] = (request.url ?? "/").split("?", 1);
      const { status, headers, body } = answer(path);
      response.writeHead(status, { ...headers, "Content-Length": Buffer.byteLength(body) });
      response.end(body);
      // Whatever a client sends with its request is of no interest.
      request.resume();
    });
  }

  /**
   * Listens; it answers when this resolves.
   *
   * @throws Error where the port is taken; nothing is left open.
   */
  static async open(
    port: number,
    openSocket: (spec: SocketSpec) => Promise<number>,
    answer: AnswerCheck,
  ): Promise<HealthServer> {
    const fd = await openSocket({ type: "tcp", bind: { address: ANY_ADDRESS, port } });
    const server = new HealthServer(answer);
    try {
      await once(server.#http.listen({ fd, exclusive: true }), "listening");
    } catch (error) {
      server.close();
      throw error;
    }
    // From here on an error is a client's: a connection that went while it was taken.
    server.#http.on("error", () => {});
    server.#http.on("connection", (socket) => socket.unref());
    server.#http.unref();
    return server;
  }

  /** Closes the socket and all connections, so that nothing holds the namespace. */
  close(): void {
    this.#http.close();
    this.#http.closeAllConnections();
  }
}
