import { type ChildProcess, spawn } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect } from "vitest";
import type { ControlReply, ControlVerbs, Verb, ViewName, Views } from "../../src/lab/controlProtocol.ts";
import { DIST } from "./support/dist.ts";
import type { LabDocument } from "./support/labObjects.ts";
import { expectBalance, type Metrics, quiescent, scrape } from "./support/metrics.ts";
import { describeProcesses, hostDevices, hostMounts, processesOf } from "./support/traces.ts";
import { until } from "./support/wait.ts";

export const CLI = fileURLToPath(new URL("cli/main.js", DIST));
export const QUICKSTART = fileURLToPath(new URL("../../labs/quickstart", import.meta.url));
/** The quickstart lab's HTTP server, for other labs. */
export const SERVER = join(QUICKSTART, "server.mjs");
/** UDP echo server and client (support/udp.mjs). */
export const UDP = fileURLToPath(new URL("support/udp.mjs", import.meta.url));

export interface Result {
  /** null: ended by a signal. */
  status: number | null;
  stdout: string;
  stderr: string;
}

/** A program that runs, with what it has written so far. */
export class Program {
  readonly child: ChildProcess;
  readonly ended: Promise<Result>;
  stdout = "";
  stderr = "";

  constructor(command: readonly string[], env: Record<string, string>) {
    this.child = spawn(command[0], command.slice(1), { env, stdio: ["ignore", "pipe", "pipe"] });
    this.child.stdout?.on("data", (chunk) => {
      this.stdout += chunk;
    });
    this.child.stderr?.on("data", (chunk) => {
      this.stderr += chunk;
    });
    this.ended = new Promise((resolve, reject) => {
      this.child.on("error", reject);
      this.child.on("close", (status) => resolve({ status, stdout: this.stdout, stderr: this.stderr }));
    });
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  /** Waits until it has written something. */
  async says(pattern: RegExp): Promise<void> {
    await until(`${this.child.spawnfile} to say ${pattern}, which said: ${this.stdout}${this.stderr}`, () => {
      if (this.child.exitCode !== null)
        throw new Error(`it ended with ${this.child.exitCode}: ${this.stdout}${this.stderr}`);
      return pattern.test(this.stdout) || pattern.test(this.stderr);
    });
  }

  /** Ends it and gives what it wrote. */
  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<Result> {
    this.child.kill(signal);
    return await this.ended;
  }
}

/** podplane as a user has it, with a state directory of its own: independent of all other labs of the machine. */
export class Podplane {
  /** Everything of this test is in it: lab files, the state directory, HOME. */
  readonly directory = mkdtempSync("/tmp/podplane-test-");
  readonly state = join(this.directory, "state");
  readonly env: Record<string, string>;
  readonly #wrap: readonly string[];
  readonly #devices = hostDevices();

  /** @param wrap command that runs the command after it, as another user for example. */
  constructor(wrap: readonly string[] = []) {
    this.#wrap = wrap;
    mkdirSync(this.state);
    chmodSync(this.directory, 0o755);
    this.env = {
      PATH: process.env.PATH ?? "",
      HOME: this.directory,
      PODPLANE_STATE: this.state,
      TZ: "UTC",
      LC_ALL: "C.UTF-8",
    };
  }

  /** Writes a file of objects. @returns its path. */
  write(name: string, objects: readonly LabDocument[] | string): string {
    const path = join(this.directory, name);
    const text = typeof objects === "string" ? objects : objects.map((o) => JSON.stringify(o, null, 2)).join("\n---\n");
    writeFileSync(path, text);
    return path;
  }

  /** Runs `podplane ARGS...`. */
  run(...args: string[]): Promise<Result> {
    return this.spawn(...args).ended;
  }

  spawn(...args: string[]): Program {
    return new Program([...this.#wrap, process.execPath, CLI, ...args], this.env);
  }

  /** Runs it and expects that it does what it is asked. @returns what it printed. */
  async must(...args: string[]): Promise<string> {
    const { status, stdout, stderr } = await this.run(...args);
    expect(status, `podplane ${args.join(" ")}: ${stdout}${stderr}`).toBe(0);
    return stdout;
  }

  /** `podplane up --detach`. */
  async up(lab: string, ...options: string[]): Promise<string> {
    return await this.must("up", lab, "--detach", "--metrics-port", "0", ...options);
  }

  /** `podplane up` in the foreground, until it says that it is up. */
  async foreground(lab: string, ...options: string[]): Promise<Program> {
    const program = this.spawn("up", lab, "--metrics-port", "0", ...options);
    await program.says(/ is up in /);
    return program;
  }

  /** Runs a shell script in a namespace, which must succeed. @returns what it printed, trimmed. */
  async sh(object: string, script: string): Promise<string> {
    return (await this.must("exec", object, "--", "sh", "-c", script)).trim();
  }

  /** Runs a program in a namespace in the background. */
  background(object: string, ...command: string[]): Program {
    return this.spawn("exec", object, "--", ...command);
  }

  async get<V extends ViewName>(view: V, ...options: string[]): Promise<Views[V]> {
    return JSON.parse(await this.must("get", view, "-o", "json", ...options)) as Views[V];
  }

  /** The ClusterIP of a service. */
  async clusterIP(name: string): Promise<string> {
    const address = (await this.get("services")).find((s) => s.name === name)?.clusterIP;
    if (address === null || address === undefined) throw new Error(`service ${name} has no ClusterIP`);
    return address;
  }

  /** Waits until this many endpoints take part in a service. */
  async endpoints(service: string, count: number): Promise<Views["endpoints"]> {
    return await until(`${count} endpoints of ${service}`, async () => {
      const found = (await this.ask("get", { what: "endpoints", name: null })) as Views["endpoints"];
      const own = found.filter((e) => e.service.startsWith(`svc/default/${service}:`));
      return own.length === count && own;
    });
  }

  /** Waits until the servers of these pods or hosts say that they listen. */
  async serving(...objects: string[]): Promise<void> {
    for (const name of objects)
      await until(`${name} to listen`, async () =>
        (await this.ask("logs", { name })).some(({ text }) => /ready|listen/i.test(text)),
      );
  }

  /** Asks a lab at its control socket, as the command line does. */
  async ask<V extends Verb>(
    verb: V,
    argument: ControlVerbs[V]["argument"],
    lab = this.labs()[0] ?? "none",
  ): Promise<ControlVerbs[V]["result"]> {
    const text = await new Promise<string>((resolve, reject) => {
      const socket = connect(join(this.state, `${lab}.sock`));
      let answer = "";
      socket.setEncoding("utf8");
      socket.on("data", (chunk: string) => {
        answer += chunk;
      });
      socket.on("error", reject);
      socket.on("end", () => resolve(answer));
      socket.write(`${JSON.stringify({ verb, argument })}\n`);
    });
    const reply = JSON.parse(text) as ControlReply;
    if ("error" in reply) throw new Error(reply.error);
    return reply.result as ControlVerbs[V]["result"];
  }

  /** Names of the labs that have a control socket. */
  labs(): string[] {
    return this.left().flatMap((file) => (file.endsWith(".sock") ? [file.slice(0, -".sock".length)] : []));
  }

  /** Files in the state directory. */
  left(): string[] {
    return readdirSync(this.state);
  }

  async metricsUrl(): Promise<string> {
    return (await this.ask("status", null)).metrics;
  }

  async metrics(): Promise<Metrics> {
    return await scrape(await this.metricsUrl());
  }

  /** Checks that every packet is accounted for. @returns the metrics after the last packet. */
  async ledger(): Promise<Metrics> {
    const metrics = await quiescent(await this.metricsUrl());
    expectBalance(metrics);
    return metrics;
  }

  /** The end of every lab's test: the ledger balances, the lab goes down, and nothing of it is left. */
  async finish(): Promise<Metrics> {
    const metrics = await this.ledger();
    await this.must("down");
    await this.expectNothingLeft();
    return metrics;
  }

  /** Waits until no process of the lab is left, and checks that there is nothing else. */
  async expectNothingLeft(files: string[] = []): Promise<void> {
    const gone = until("the lab's processes to end", () => processesOf(this.directory).length === 0);
    await gone.catch(() => {});
    expect(describeProcesses(processesOf(this.directory)), "processes").toEqual([]);
    expect(this.left(), "files in the state directory").toEqual(files);
    expect(hostDevices(), "devices of the host").toEqual(this.#devices);
    expect(hostMounts(this.directory), "mounts of the host").toEqual([]);
  }

  /** Ends whatever is left of a test that failed, and removes its directory. */
  async dispose(): Promise<void> {
    for (const pid of processesOf(this.directory)) {
      try {
        process.kill(pid, "SIGKILL");
      } catch {
        // It has ended in between.
      }
    }
    await until("the test's processes to end", () => processesOf(this.directory).length === 0).catch(() => {});
    rmSync(this.directory, { recursive: true, force: true });
  }
}
