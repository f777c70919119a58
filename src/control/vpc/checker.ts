import { parseCidr } from "../../plane/wire/address.ts";
import type { Findings, ObjectPath } from "../objects/finding.ts";
import { pathText } from "../objects/finding.ts";
import { type Cidr, cidrText } from "./cidr.ts";

/** Collects what the checks of a lab find. */
export class Checker implements Findings {
  readonly problems: { path: ObjectPath; message: string }[] = [];
  readonly notes: { path: ObjectPath; message: string }[] = [];

  problem(path: ObjectPath, message: string): void {
    this.problems.push({ path, message });
  }

  /** The block that EC2 makes of the text; host bits are cleared and a note says so. */
  cidr(path: ObjectPath, text: string): Cidr {
    const parsed = parseCidr(text) ?? { prefix: 0, length: 0, hostBits: false };
    const block = { prefix: parsed.prefix, length: parsed.length };
    if (parsed.hostBits)
      this.notes.push({ path, message: `${text} has host bits set: EC2 makes it ${cidrText(block)}` });
    return block;
  }

  /** Reports every name that was there before. `seen` maps a name to where it first stood. */
  unique(path: ObjectPath, what: string, name: string, seen: Map<string, ObjectPath>): void {
    const first = seen.get(name);
    if (first === undefined) seen.set(name, path);
    else
      this.problem(
        path,
        `expected a ${what} of its own, got ${name}, which ${pathText(first)} has; change one of them`,
      );
  }
}

/** A block as text, with what was written where EC2 changes that. */
export function blockText(written: string, block: Cidr): string {
  const text = cidrText(block);
  return written === text ? text : `${text} (written ${written})`;
}
