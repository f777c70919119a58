import { maskOf } from "../../../src/plane/wire/address.ts";

interface Rule {
  prefix: number;
  length: number;
  value: number;
}

/** Longest prefix match as one says it: look at every rule, keep the longest that matches. */
export class LinearTwin {
  readonly rules: Rule[] = [];

  insert(prefix: number, length: number, value: number): void {
    this.delete(prefix, length);
    this.rules.push({ prefix, length, value });
  }

  delete(prefix: number, length: number): boolean {
    const i = this.rules.findIndex((r) => r.prefix === prefix && r.length === length);
    if (i < 0) return false;
    this.rules.splice(i, 1);
    return true;
  }

  match(address: number, belowLength = 33): Rule | undefined {
    let best: Rule | undefined;
    for (const r of this.rules) {
      if (r.length >= belowLength || (address & maskOf(r.length)) !== r.prefix) continue;
      if (best === undefined || r.length > best.length) best = r;
    }
    return best;
  }

  sorted(): Rule[] {
    return [...this.rules].sort((a, b) => (a.prefix >>> 0) - (b.prefix >>> 0) || a.length - b.length);
  }
}
