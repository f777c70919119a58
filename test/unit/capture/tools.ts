import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Real programs around capture files, in a directory that goes when the test ends. */
export class Tools {
  readonly directory = mkdtempSync(join(tmpdir(), "podplane-capture-"));

  path(name: string): string {
    return join(this.directory, name);
  }

  write(name: string, bytes: Uint8Array | string): string {
    writeFileSync(this.path(name), bytes);
    return this.path(name);
  }

  read(name: string): Uint8Array {
    return new Uint8Array(readFileSync(this.path(name)));
  }

  /** Runs a program that must succeed, and gives its standard output. */
  run(program: string, ...args: string[]): string {
    return this.feed("", program, ...args);
  }

  /** The same with standard input. */
  feed(input: string, program: string, ...args: string[]): string {
    const done = spawnSync(program, args, { input, encoding: "utf8", cwd: this.directory, maxBuffer: 1 << 28 });
    if (done.status !== 0) throw new Error(`${program} ${args.join(" ")}: ${done.error ?? done.stderr}`);
    return done.stdout;
  }

  /** Fields of every packet as tshark reads them: one row a packet; several values of a field are joined by "|". */
  fields(name: string, ...fields: string[]): string[][] {
    const args = [
      "-n",
      "-r",
      this.path(name),
      "-T",
      "fields",
      "-E",
      "aggregator=|",
      ...fields.flatMap((f) => ["-e", f]),
    ];
    const text = this.run("tshark", ...args);
    return text === ""
      ? []
      : text
          .replace(/\n$/, "")
          .split("\n")
          .map((line) => line.split("\t"));
  }

  remove(): void {
    rmSync(this.directory, { recursive: true });
  }
}
