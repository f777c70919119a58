import { type ChildProcess, spawn } from "node:child_process";
import { createInterface, type Interface } from "node:readline";
import { fileURLToPath } from "node:url";

const SCRIPT = fileURLToPath(new URL("agent.py", import.meta.url));
/** Debian's own, whatever else comes first in PATH. */
const PYTHON = "/usr/bin/python3";

/** A packet that came to an end. */
export interface Seen {
  /** The kernel left the checksum to a device, or it is not known. */
  partial: boolean;
  length: number;
  hex: string;
}

/** What a client's socket told. */
export interface Told {
  failed?: string;
  name: string;
  /** The client as the server saw it, and as it saw itself. */
  peer: [string, number];
  mine: [string, number];
  intact: boolean;
  size: number;
}

/** An end of a wire: agent.py in a namespace of one of the two worlds. */
export class Agent {
  readonly name: string;
  readonly #process: ChildProcess;
  readonly #lines: Interface;
  readonly #waiting: { resolve(value: unknown): void; reject(error: Error): void }[] = [];
  #stderr = "";

  private constructor(name: string, enter: readonly string[]) {
    this.name = name;
    const [command, ...args] = [...enter, PYTHON, SCRIPT, name, name.startsWith("node-") ? "local" : "wire"];
    const child = spawn(command, args, { stdio: ["pipe", "pipe", "pipe"] });
    this.#process = child;
    child.stderr.on("data", (data) => {
      this.#stderr += data;
    });
    child.stdin.on("error", () => {});
    this.#lines = createInterface({ input: child.stdout });
    this.#lines.on("line", (line) => {
      const { value, error } = JSON.parse(line);
      const waiter = this.#waiting.shift();
      if (error === undefined) waiter?.resolve(value);
      else waiter?.reject(new Error(error));
    });
    child.on("error", (error) => this.#fail(error));
    child.on("close", () => this.#fail(new Error(`${name}: its agent ended: ${this.#stderr}`)));
  }

  /** @param enter argv that runs a command in the end's namespace. */
  static async start(name: string, enter: readonly string[]): Promise<Agent> {
    const agent = new Agent(name, enter);
    await agent.#answer();
    return agent;
  }

  raw(packets: readonly Uint8Array[]): Promise<void> {
    return this.#ask({ do: "raw", packets: packets.map((packet) => Buffer.from(packet).toString("hex")) });
  }

  tcp(host: string, port: number, sport: number, size = 0): Promise<Told> {
    return this.#ask({ do: "tcp", host, port, sport, size });
  }

  udp(host: string, port: number, sport: number, size: number): Promise<Told> {
    return this.#ask({ do: "udp", host, port, sport, size });
  }

  holdUdp(ports: readonly number[]): Promise<void> {
    return this.#ask({ do: "hold_udp", ports });
  }

  /** @throws Error naming the hosts that did not answer. */
  async barrier(hosts: readonly string[], id: number): Promise<void> {
    const missing = await this.#ask<string[]>({ do: "barrier", hosts, id });
    if (missing.length > 0) throw new Error(`${this.name} had no answer to its ping from ${missing.join(" and ")}`);
  }

  /** Has its UDP server answer what came so far, before anything else happens. @returns answers since the last call. */
  serve(): Promise<number> {
    return this.#ask({ do: "serve" });
  }

  /** What came since the last call. */
  packets(): Promise<Seen[]> {
    return this.#ask({ do: "packets" });
  }

  async stop(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const closed = new Promise((resolve) => this.#process.once("close", resolve));
    this.#process.stdin?.end();
    await closed;
  }

  #ask<T>(request: object): Promise<T> {
    this.#process.stdin?.write(`${JSON.stringify(request)}\n`);
    return this.#answer();
  }

  #answer<T>(): Promise<T> {
    if (this.#process.exitCode !== null) return Promise.reject(new Error(`${this.name}: ${this.#stderr}`));
    return new Promise<unknown>((resolve, reject) => this.#waiting.push({ resolve, reject })) as Promise<T>;
  }

  #fail(error: Error): void {
    for (const waiter of this.#waiting.splice(0)) waiter.reject(error);
  }
}
