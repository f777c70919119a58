import { FilterError } from "./filterError.ts";
import { CONSTANTS, FOREIGN_WORDS, GRAMMAR_WORDS, PROTOCOL_WORDS } from "./words.ts";

/**
 * - `word`: of the grammar, or a protocol
 * - `number`: `value` has it, unsigned
 * - `quad`: two to four numbers with dots between
 * - `address6`: an IPv6 address
 * - `name`: with a slash, such as `pod/web-1`
 * - `id`: any other word
 */
export type TokenKind = "word" | "number" | "quad" | "address6" | "name" | "id" | "symbol" | "end";

export interface Token {
  readonly kind: TokenKind;
  /** As the grammar has it: `and` for `&&`. */
  readonly text: string;
  readonly value: number;
  /** From 1. */
  readonly column: number;
}

const SPACE = /[ \t\r\n]+/y;
const SYMBOL = /&&|\|\||>=|<=|!=|==|<<|>>|[-+*/%:[\]!<>()&|^=]/y;
/** At least two colons: an IPv6 address or an Ethernet one. `tcp[2:2]` has one. */
const COLONS = /(?:[0-9A-Fa-f]{0,4}:){2,}[0-9A-Fa-f.:]*/y;
const NAME = /[A-Za-z][-_.A-Za-z0-9]*(?:\/[A-Za-z0-9][-_.A-Za-z0-9]*)+/y;
const WORD = /[A-Za-z0-9](?:[-_.A-Za-z0-9]*[.A-Za-z0-9])?/y;
/** A word that is not to be read as one of the grammar: `ip proto \tcp`. */
const ESCAPED = /\\([^ !()\n\t]+)/y;

const NUMBER = /^(?:0[xX][0-9A-Fa-f]+|[0-9]+)$/;
const QUAD = /^[0-9]+(?:\.[0-9]+){1,3}$/;
const DOTTED_HEX = /^(?:0[xX][0-9A-Fa-f]+|[0-9]+)(?:\.(?:0[xX][0-9A-Fa-f]+|[0-9]+)){1,3}$/;
const ETHERNET =
  /^(?:[0-9A-Fa-f]{1,2}(?:([-.:])[0-9A-Fa-f]{1,2}(?:\1[0-9A-Fa-f]{1,2}){4})|[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}|[0-9A-Fa-f]{12})$/;

const SAME_SYMBOL: Readonly<Record<string, string>> = { "&&": "and", "||": "or", "==": "=", length: "len", not: "!" };
const MAX_NUMBER = 0xffffffff;

function numberOf(text: string, column: number): number {
  const octal = /^0[0-9]/.test(text);
  if (octal && /[89]/.test(text))
    throw new FilterError(`${text} begins with 0 and so is octal, but is no octal`, column);
  const value = octal ? Number.parseInt(text, 8) : Number(text);
  if (value > MAX_NUMBER) throw new FilterError(`${text} does not fit 32 bits`, column);
  return value;
}

function wordToken(text: string, column: number): Token {
  const token = (kind: TokenKind, value = 0): Token => ({ kind, text: SAME_SYMBOL[text] ?? text, value, column });
  if (ETHERNET.test(text))
    throw new FilterError(`"${text}" is an Ethernet address: write the IP address, such as "host 10.0.1.16"`, column);
  if (NUMBER.test(text)) return token("number", numberOf(text, column));
  if (QUAD.test(text)) return token("quad");
  if (DOTTED_HEX.test(text)) throw new FilterError(`"${text}" is no IPv4 address: write decimal numbers`, column);
  const constant = CONSTANTS.get(text);
  if (constant !== undefined) return token("number", constant);
  const hint = FOREIGN_WORDS.get(text);
  if (hint !== undefined) throw new FilterError(`"${text}" does not fit packets that begin at IP: ${hint}`, column);
  if (text === "and" || text === "or" || text === "not") return token("symbol");
  return token(GRAMMAR_WORDS.has(text) || PROTOCOL_WORDS.has(text) ? "word" : "id");
}

/** Whether a slash behind the word divides it: `len/2`. */
function isNumeric(word: string): boolean {
  return word === "len" || word === "length" || CONSTANTS.has(word);
}

/** Cuts an expression into tokens, as libpcap's scanner does; the last one is `end`. @throws FilterError */
export function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  const take = (pattern: RegExp): string | null => {
    pattern.lastIndex = at;
    return pattern.exec(text)?.[0] ?? null;
  };
  while (at < text.length) {
    const column = at + 1;
    const space = take(SPACE);
    if (space !== null) {
      at += space.length;
      continue;
    }
    const colons = take(COLONS);
    const name = take(NAME);
    const word = take(WORD);
    const escaped = take(ESCAPED);
    const symbol = take(SYMBOL);
    if (colons !== null) {
      if (ETHERNET.test(colons)) wordToken(colons, column);
      tokens.push({ kind: "address6", text: colons, value: 0, column });
      at += colons.length;
    } else if (name !== null && word !== null && !isNumeric(name.slice(0, name.indexOf("/")))) {
      tokens.push({ kind: "name", text: name, value: 0, column });
      at += name.length;
    } else if (word !== null) {
      tokens.push(wordToken(word, column));
      at += word.length;
    } else if (escaped !== null) {
      tokens.push({ kind: "id", text: escaped.slice(1), value: 0, column });
      at += escaped.length;
    } else if (symbol !== null) {
      tokens.push({ kind: "symbol", text: SAME_SYMBOL[symbol] ?? symbol, value: 0, column });
      at += symbol.length;
    } else throw new FilterError(`unexpected ${JSON.stringify(text[at])}`, column);
  }
  tokens.push({ kind: "end", text: "", value: 0, column: text.length + 1 });
  return tokens;
}
