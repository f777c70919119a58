import { FilterError } from "./filterError.ts";
import type { Token, TokenKind } from "./lexer.ts";

/** What follows a number or a closed bracket only when it is arithmetic. */
const ARITHMETIC = new Set([..."+-*/%&|^<>=", "<<", ">>", "<=", ">=", "!="]);

/** Where the parser stands among the tokens. */
export class Cursor {
  readonly #tokens: readonly Token[];
  #at = 0;

  /** @param tokens the last one is `end` */
  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  /** The token here, or some places on; `end` behind the last one. */
  peek(ahead = 0): Token {
    return this.#tokens[Math.min(this.#at + ahead, this.#tokens.length - 1)];
  }

  next(): Token {
    const token = this.peek();
    this.#at++;
    return token;
  }

  is(kind: TokenKind, text?: string, ahead = 0): boolean {
    const token = this.peek(ahead);
    return token.kind === kind && (text === undefined || token.text === text);
  }

  /** Steps over a symbol if it is here. */
  skip(symbol: string): boolean {
    if (!this.is("symbol", symbol)) return false;
    this.#at++;
    return true;
  }

  /** @throws FilterError unless the symbol is here */
  close(symbol: string, opened: Token): void {
    if (this.skip(symbol)) return;
    throw this.unexpected(`"${symbol}" to close the "${opened.text}" of column ${opened.column}`);
  }

  number(what: string): Token {
    if (!this.is("number")) throw this.unexpected(what);
    return this.next();
  }

  /** Whether the bracket here encloses a number to calculate with: an operator follows behind it. */
  isArithmeticBracket(ahead = 0): boolean {
    let depth = 0;
    for (let i = ahead; !this.is("end", undefined, i); i++) {
      if (this.is("symbol", "(", i)) depth++;
      if (this.is("symbol", ")", i) && --depth === 0) return this.isOperator(i + 1);
    }
    return false;
  }

  isOperator(ahead = 0): boolean {
    const token = this.peek(ahead);
    return token.kind === "symbol" && ARITHMETIC.has(token.text);
  }

  /** What to throw when something else was expected here. */
  unexpected(expected: string): FilterError {
    const token = this.peek();
    const got = token.kind === "end" ? "the expression ends" : `got "${token.text}"`;
    return new FilterError(`expected ${expected}, ${got}${this.#hint(token)}`, token.column);
  }

  #hint(token: Token): string {
    const lower = token.text.toLowerCase();
    if (token.kind === "id" && lower !== token.text) return "; words are in lower case";
    if (token.kind === "id" && /^[0-9a-z]+-[0-9a-z]/.test(token.text) && this.#at > 0)
      return '; a "-" that subtracts has spaces around it';
    return "";
  }
}
