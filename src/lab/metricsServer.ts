import { createServer, type Server } from "node:http";
import type { Registry } from "prom-client";

/** Serves a registry at http://ADDRESS:PORT/metrics. Port 0 takes any free one. */
export class MetricsServer {
  readonly #server: Server;
  readonly url: string;

  private constructor(server: Server, url: string) {
    this.#server = server;
    this.url = url;
  }

  /** @throws Error in words for people when the port is in use. */
  static async listen(registry: Registry, address: string, port: number): Promise<MetricsServer> {
    const server = createServer((request, response) => {
      if (request.url !== "/metrics") {
        response.writeHead(404, { "content-type": "text/plain" }).end("metrics are at /metrics\n");
        return;
      }
      registry.metrics().then(
        (text) => response.writeHead(200, { "content-type": registry.contentType }).end(text),
        (error: Error) => response.writeHead(500, { "content-type": "text/plain" }).end(`${error.message}\n`),
      );
    });
    await new Promise<void>((resolve, reject) => {
      server.once("error", (error: NodeJS.ErrnoException) => {
        reject(
          error.code === "EADDRINUSE"
            ? new Error(
                `spec.metrics.port: ${address}:${port} is in use: set another port there, give --metrics-port, or 0 for any free port`,
              )
            : error,
        );
      });
      server.listen(port, address, resolve);
    });
    const bound = server.address();
    const actual = typeof bound === "object" && bound !== null ? bound.port : port;
    return new MetricsServer(server, `http://${address}:${actual}/metrics`);
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
  }
}
