const BUILT_IN = ["PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"];

/** A table of iptables as text for iptables-restore: its chains in the order they are first named. */
export class RuleTable {
  readonly #name: string;
  readonly #chains = new Map<string, string[]>();

  constructor(name: string) {
    this.#name = name;
  }

  /** Makes a chain, if there is none of that name. */
  declare(chain: string): string[] {
    const rules = this.#chains.get(chain) ?? [];
    this.#chains.set(chain, rules);
    return rules;
  }

  add(chain: string, rule: string): void {
    this.declare(chain).push(rule);
  }

  text(): string {
    const own = [...this.#chains.keys()].filter((chain) => !BUILT_IN.includes(chain));
    const rules = [...this.#chains].flatMap(([chain, lines]) => lines.map((line) => `-A ${chain} ${line}`));
    return [`*${this.#name}`, ...own.map((chain) => `:${chain} - [0:0]`), ...rules, "COMMIT", ""].join("\n");
  }
}
