import type { Dice } from "../plane/dice.ts";
import { ADDRESSES, ADDRESSES_6, PORTS } from "./packetSet.ts";

/** Expressions made from the grammar. Divisors and distances are constants: libpcap refuses some others by mistake. */
export class RandomExpression {
  readonly #dice: Dice;

  constructor(dice: Dice) {
    this.#dice = dice;
  }

  make(depth = 3): string {
    const { int } = this.#shape();
    if (depth === 0 || int < 3) return this.#term(depth);
    const parts = [this.#term(depth - 1)];
    for (let i = 1 + this.#dice.int(3); i > 0; i--) {
      parts.push(this.#dice.pick(["and", "or", "&&", "||"]), this.#operand(parts[parts.length - 1], depth - 1));
    }
    return parts.join(" ");
  }

  #shape(): { int: number } {
    return { int: this.#dice.int(10) };
  }

  /** A term, or an identifier where the term before it leaves its qualifiers. */
  #operand(before: string, depth: number): string {
    const { int } = this.#shape();
    const kind = /\b(port|portrange|host|net)\b[^()[\]]*$/.exec(before)?.[1];
    if (kind === undefined || int < 6 || /[=<>]/.test(before)) return this.#term(depth);
    const not = int === 9 ? "not " : "";
    return `${not}${this.#identifiers(kind)}`;
  }

  #identifiers(kind: string): string {
    const one = () => this.#identifier(kind);
    const { int } = this.#shape();
    if (int < 6) return one();
    return `(${one()} ${this.#dice.pick(["or", "and"])} ${int === 9 ? "not " : ""}${one()})`;
  }

  #identifier(kind: string): string {
    const dice = this.#dice;
    switch (kind) {
      case "host":
        return dice.chance(0.15) ? dice.pick(ADDRESSES_6) : dice.chance(0.1) ? "10.0" : dice.pick(ADDRESSES);
      case "net":
        return dice.pick([
          "10.0.0.0/8",
          "10.0.0",
          "10",
          "192.168.1.0/24",
          "10.0.0.0 mask 255.255.0.0",
          "2001:db8::/32",
        ]);
      case "port":
        return String(dice.pick(PORTS));
      default:
        return dice.pick(["6000-6008", "6005", "80-443", "443-80", "1024-65535"]);
    }
  }

  #term(depth: number): string {
    const dice = this.#dice;
    const { int } = this.#shape();
    if (depth > 0 && int === 0) return `(${this.make(depth - 1)})`;
    if (depth > 0 && int === 1) return `${dice.pick(["not ", "! ", "!"])}${this.#term(depth - 1)}`;
    if (int < 5) return this.#qualified();
    if (int < 7) return this.#word();
    return `${this.#value(2)} ${dice.pick(["=", "==", "!=", "<", "<=", ">", ">="])} ${this.#value(1)}`;
  }

  #qualified(): string {
    const dice = this.#dice;
    const kind = dice.pick(["host", "net", "port", "port", "portrange"]);
    const side = dice.pick(["", "", "src ", "dst ", "src or dst ", "src and dst ", "dst or src "]);
    if (kind === "port" || kind === "portrange") {
      const protocol = dice.pick(["", "", "tcp ", "udp ", "sctp "]);
      return `${protocol}${side}${kind} ${this.#identifiers(kind)}`;
    }
    const id = this.#identifier(kind);
    const protocol = dice.chance(0.3) ? (id.includes(":") ? "ip6 " : "ip ") : "";
    const type = kind === "host" && side !== "" && dice.chance(0.5) ? "" : `${kind} `;
    return `${protocol}${side}${type}${id}`;
  }

  #word(): string {
    return this.#dice.pick([
      ...["tcp", "udp", "icmp", "sctp", "ip", "ip6", "igmp", "icmp6", "esp", "ah", "vrrp", "pim", "igrp", "carp"],
      ...["ip proto 47", "proto 6", "ip6 proto 58", "ip proto \\udp", "ip multicast", "ip6 multicast", "ip broadcast"],
      ...["less 60", "greater 60", "less 1000", "greater 0x50", "proto gre"],
    ]);
  }

  #value(depth: number): string {
    const dice = this.#dice;
    const { int } = this.#shape();
    if (depth === 0 || int < 2) return this.#number();
    if (int < 6) return this.#load(depth);
    if (int === 6) return "len";
    if (int === 7) return `(${this.#value(depth - 1)})`;
    if (int === 8 && dice.chance(0.5)) return `- ${this.#value(depth - 1)}`;
    const op = dice.pick(["+", "-", "*", "/", "%", "&", "|", "^", "<<", ">>"]);
    const right = ["/", "%"].includes(op) ? dice.pick(["2", "3", "0x10"]) : this.#shift(op, depth);
    return `${this.#value(depth - 1)} ${op} ${right}`;
  }

  #shift(op: string, depth: number): string {
    return op === "<<" || op === ">>" ? String(this.#dice.int(32)) : this.#value(depth - 1);
  }

  #number(): string {
    return this.#dice.pick([
      "0",
      "1",
      "2",
      "6",
      "16",
      "0x1fff",
      "0xf",
      "64",
      "80",
      "tcp-syn",
      "tcp-ack",
      "icmp-echo",
      "40",
      "017",
    ]);
  }

  #load(depth: number): string {
    const dice = this.#dice;
    const protocol = dice.pick(["ip", "ip", "tcp", "tcp", "udp", "icmp", "sctp", "ip6", "icmp6", "igmp", "vrrp"]);
    const index = dice.chance(0.2)
      ? this.#value(depth - 1)
      : dice.pick(["0", "1", "2", "6", "8", "9", "12", "13", "16", "30", "58", "tcpflags", "icmptype"]);
    return `${protocol}[${index}${dice.pick(["", "", ":1", ":2", ":4"])}]`;
  }
}
