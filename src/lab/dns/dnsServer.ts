import { createSocket, type RemoteInfo, type Socket as UdpSocket } from "node:dgram";
import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import type { Transport } from "../../control/dns/message.ts";
import { TcpFrames, tcpFrame } from "../../control/dns/tcpFrames.ts";
import { close } from "../../device/libc.ts";
import type { SocketSpec } from "../namespaceProtocol.ts";

const DNS_PORT = 53;
/** How long a connection may be silent (miekg/dns, server.go: tcpIdleTimeout). */
const TCP_IDLE_MS = 8000;
const MAX_CONNECTIONS = 256;

/** Makes a socket in the server's network namespace. */
export type OpenSocket = (spec: SocketSpec) => Promise<number>;
/** @param from address of the client. @returns null: no answer. */
export type AnswerQuery = (query: Buffer, transport: Transport, from: string) => Buffer | null;

/**
 * Port 53 of one address, UDP and TCP, on the main thread's event loop. It keeps no process alive: what runs ends when
 * everything else has.
 */
export class DnsServer {
  readonly #udp: UdpSocket;
  readonly #tcp: Server;
  readonly #connections = new Set<Socket>();
  readonly #answer: AnswerQuery;

  private constructor(answer: AnswerQuery) {
    this.#answer = answer;
    this.#udp = createSocket("udp4");
    this.#tcp = createServer((socket) => this.#serve(socket));
    this.#tcp.maxConnections = MAX_CONNECTIONS;
    this.#udp.on("message", (query, from) => this.#datagram(query, from));
  }

  /**
   * Listens; UDP and TCP both answer when this resolves.
   *
   * @throws Error where the address is not the namespace's or its port is taken; nothing is left open.
   */
  static async open(address: string, openSocket: OpenSocket, answer: AnswerQuery): Promise<DnsServer> {
    const bind = { address, port: DNS_PORT };
    const udp = await openSocket({ type: "udp", bind });
    let tcp: number;
    try {
      tcp = await openSocket({ type: "tcp", bind });
    } catch (error) {
      close(udp);
      throw error;
    }
    const server = new DnsServer(answer);
    try {
      // A datagram socket that is open already listens at once, a server after a turn of the loop.
      server.#udp.bind({ fd: udp, exclusive: true });
      await once(server.#tcp.listen({ fd: tcp, exclusive: true }), "listening");
    } catch (error) {
      server.close();
      throw error;
    }
    // From here on an error is a client's: a connection that went while it was taken.
    server.#udp.on("error", () => {});
    server.#tcp.on("error", () => {});
    server.#udp.unref();
    server.#tcp.unref();
    return server;
  }

  /** Closes the sockets and all connections, so that nothing holds the namespace. */
  close(): void {
    this.#udp.close();
    this.#tcp.close();
    for (const socket of this.#connections) socket.destroy();
  }

  #datagram(query: Buffer, { address, port }: RemoteInfo): void {
    const answer = this.#answer(query, "udp", address);
    // What cannot be sent is lost, as datagrams are.
    if (answer !== null) this.#udp.send(answer, port, address, () => {});
  }

  #serve(socket: Socket): void {
    const frames = new TcpFrames();
    this.#connections.add(socket);
    socket.unref();
    socket.setNoDelay(true);
    socket.setTimeout(TCP_IDLE_MS, () => socket.destroy());
    socket.on("error", () => {});
    socket.on("close", () => this.#connections.delete(socket));
    socket.on("data", (chunk) => {
      for (const query of frames.push(chunk)) {
        const answer = this.#answer(query, "tcp", socket.remoteAddress ?? "");
        if (answer !== null) socket.write(tcpFrame(answer));
      }
    });
  }
}
