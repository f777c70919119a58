import { Cursor } from "./cursor.ts";
import { FilterError } from "./filterError.ts";
import type { Filter, Side } from "./filterTree.ts";
import { type Token, tokenize } from "./lexer.ts";
import { type AddressResolver, type Identifier, primitive, type Qualifier } from "./primitives.ts";
import { parseComparison } from "./valueParser.ts";
import { PROTOCOL_WORDS } from "./words.ts";

const TYPES: readonly string[] = ["host", "net", "port", "portrange"] satisfies Qualifier["type"][];

const SOMETHING = 'something to match, such as "host 10.0.1.16"';

/** A part of an expression, and the qualifier that an address or a number behind it would have; null: none. */
interface Part {
  readonly filter: Filter;
  readonly qualifier: Qualifier | null;
}

/**
 * pcap-filter's grammar (libpcap's grammar.y) by recursive descent: "and" and "or" bind alike, from left to right; "not"
 * binds tighter; an address or a number behind "and" or "or" has the qualifiers of what stands before it.
 */
export class Parser {
  readonly #cursor: Cursor;
  readonly #resolve: AddressResolver | undefined;

  constructor(text: string, resolve?: AddressResolver) {
    this.#cursor = new Cursor(tokenize(text));
    this.#resolve = resolve;
  }

  /** The whole expression, or null for an empty one. @throws FilterError */
  parse(): Filter | null {
    const cursor = this.#cursor;
    if (cursor.is("end")) return null;
    const { filter } = this.#expression(null);
    if (!cursor.is("end")) throw cursor.unexpected('"and", "or" or the end');
    return filter;
  }

  #expression(context: Qualifier | null): Part {
    let left = this.#term(context);
    for (let t = this.#junction(); t !== null; t = this.#junction()) {
      const right = this.#isIdentifier() ? this.#identifier(left.qualifier) : this.#term(left.qualifier);
      left = { filter: { t, left: left.filter, right: right.filter }, qualifier: right.qualifier };
    }
    return left;
  }

  #junction(): "and" | "or" | null {
    if (this.#cursor.skip("and")) return "and";
    return this.#cursor.skip("or") ? "or" : null;
  }

  /** Something that stands for itself. */
  #term(context: Qualifier | null): Part {
    const cursor = this.#cursor;
    const token = cursor.peek();
    if (cursor.skip("!")) {
      const { filter, qualifier } = this.#term(context);
      return { filter: { t: "not", of: filter }, qualifier };
    }
    if (cursor.is("symbol", "(") && !cursor.isArithmeticBracket()) {
      cursor.next();
      const { filter } = this.#expression(context);
      cursor.close(")", token);
      return { filter, qualifier: context };
    }
    if (token.kind === "number" && !cursor.isOperator(1)) throw this.#unqualified();
    if (token.kind === "number" || cursor.is("symbol", "(") || cursor.is("symbol", "-") || cursor.is("word", "len"))
      return { filter: parseComparison(cursor), qualifier: null };
    if (token.kind === "word") return this.#wordTerm(token);
    throw token.kind === "end" || token.kind === "symbol" ? cursor.unexpected(SOMETHING) : this.#unqualified();
  }

  #wordTerm(token: Token): Part {
    const cursor = this.#cursor;
    if (token.text === "less" || token.text === "greater") {
      cursor.next();
      const { value } = cursor.number("a number of bytes");
      const right = { t: "constant", value } as const;
      const op = token.text === "less" ? "<=" : ">=";
      return { filter: { t: "compare", op, left: { t: "length" }, right }, qualifier: null };
    }
    const isProtocol = PROTOCOL_WORDS.has(token.text);
    if (isProtocol && cursor.is("symbol", "[", 1)) return { filter: parseComparison(cursor), qualifier: null };
    const protocol = isProtocol ? cursor.next().text : null;
    if (cursor.is("word", "broadcast") || cursor.is("word", "multicast"))
      return { filter: this.#cast(protocol, cursor.next()), qualifier: null };
    const qualifier = this.#head(protocol, token.column);
    if (qualifier !== null) return this.#identifier(qualifier);
    if (protocol === null) throw cursor.unexpected(SOMETHING);
    return { filter: protocolAlone(protocol), qualifier: null };
  }

  /** The words behind a protocol and in front of an address or a number. */
  #head(protocol: string | null, column: number): Qualifier | null {
    const cursor = this.#cursor;
    const side = this.#side();
    const { text } = cursor.peek();
    const type = TYPES.find((t) => cursor.is("word", t));
    if (type !== undefined) {
      cursor.next();
      return { protocol, side, type: type as Qualifier["type"], column };
    }
    if (cursor.is("word", "proto")) {
      if (side !== null) throw new FilterError(`"${text}" has no source and destination`, cursor.peek().column);
      cursor.next();
      return { protocol, side, type: "proto", column };
    }
    return side === null ? null : { protocol, side, type: "host", column };
  }

  /** `src`, `dst`, `src or dst`, `dst and src` */
  #side(): Side | null {
    const cursor = this.#cursor;
    const first = cursor.peek().text;
    if (!cursor.is("word", "src") && !cursor.is("word", "dst")) return null;
    cursor.next();
    const other = first === "src" ? "dst" : "src";
    if (!cursor.is("word", other, 1)) return first === "src" ? "src" : "dst";
    const junction = this.#junction();
    if (junction === null) return first === "src" ? "src" : "dst";
    cursor.next();
    return junction === "or" ? "either" : "both";
  }

  #cast(protocol: string | null, token: Token): Filter {
    const isMulticast = token.text === "multicast";
    if (isMulticast && protocol === "ip") return { t: "multicast", version: 4 };
    if (isMulticast && protocol === "ip6") return { t: "multicast", version: 6 };
    if (!isMulticast && protocol === "ip") return { t: "broadcast" };
    const instead = isMulticast ? '"ip multicast" or "ip6 multicast"' : '"ip broadcast"';
    throw new FilterError(`there is nothing below IP here: write ${instead}`, token.column);
  }

  /** Whether an address or a number is here, or several in brackets, that need a qualifier from before. */
  #isIdentifier(ahead = 0): boolean {
    const cursor = this.#cursor;
    const { kind } = cursor.peek(ahead);
    if (kind === "number") return !cursor.isOperator(ahead + 1);
    if (cursor.is("symbol", "!", ahead)) return this.#isIdentifier(ahead + 1);
    if (cursor.is("symbol", "(", ahead)) return !cursor.isArithmeticBracket(ahead) && this.#isIdentifier(ahead + 1);
    return kind === "quad" || kind === "address6" || kind === "name" || kind === "id";
  }

  #identifier(qualifier: Qualifier | null): Part {
    const cursor = this.#cursor;
    const opened = cursor.peek();
    if (cursor.skip("!")) return { filter: { t: "not", of: this.#identifier(qualifier).filter }, qualifier };
    if (cursor.skip("(")) {
      let { filter } = this.#identifier(qualifier);
      for (let t = this.#junction(); t !== null; t = this.#junction())
        filter = { t, left: filter, right: this.#identifier(qualifier).filter };
      cursor.close(")", opened);
      return { filter, qualifier };
    }
    if (cursor.is("number") && cursor.is("symbol", "/", 1))
      throw new FilterError(`write the network with its dots, such as ${opened.text}.0.0.0/8`, opened.column);
    if (!this.#isIdentifier()) throw cursor.unexpected(expectedBy(qualifier));
    if (qualifier === null) throw this.#unqualified();
    return { filter: primitive(qualifier, this.#masked(), this.#resolve), qualifier };
  }

  /** An address with what may follow it. */
  #masked(): Identifier {
    const cursor = this.#cursor;
    const token = cursor.next();
    const isAddress = token.kind === "quad" || token.kind === "address6";
    if (isAddress && cursor.skip("/")) return { token, length: cursor.number("the length of a prefix"), mask: null };
    if (token.kind === "quad" && cursor.is("word", "mask")) {
      cursor.next();
      if (!cursor.is("quad")) throw cursor.unexpected("a mask, such as 255.255.255.0");
      return { token, length: null, mask: cursor.next() };
    }
    return { token, length: null, mask: null };
  }

  /** What to throw for an address, a number or a word that nothing before it gives a meaning. */
  #unqualified(): FilterError {
    const { kind, text, column } = this.#cursor.peek();
    if (kind !== "id") {
      const instead = kind === "number" ? `"port ${text}" or "ip proto ${text}"` : `"host ${text}"`;
      return new FilterError(`${text} of what? Write ${instead}`, column);
    }
    if (text.toLowerCase() !== text) return new FilterError(`"${text}" is no word: words are in lower case`, column);
    const instead = text.startsWith("len-") ? 'spaces around the "-"' : `"host pod/${text}" for a pod`;
    return new FilterError(`"${text}" is no word of a filter: write ${instead}`, column);
  }
}

function expectedBy(qualifier: Qualifier | null): string {
  switch (qualifier?.type) {
    case "port":
      return "a port, such as 80";
    case "portrange":
      return "ports, such as 6000-6008";
    case "proto":
      return 'a protocol, such as 6 or "\\tcp"';
    case "net":
      return "a network, such as 10.0.0.0/16";
    default:
      return "an address, such as 10.0.1.16, or a name, such as pod/web-1";
  }
}

/** `tcp`, `ip6` */
function protocolAlone(name: string): Filter {
  const word = PROTOCOL_WORDS.get(name);
  if (word === undefined || word.number === null) return { t: "version", version: word?.version ?? 4 };
  return { t: "protocol", version: word.version, number: word.number };
}
