import type { Cursor } from "./cursor.ts";
import { FilterError } from "./filterError.ts";
import type { Comparison, Filter, Operator, Value } from "./filterTree.ts";
import { PROTOCOL_WORDS } from "./words.ts";

/** How tightly operators bind, from 1. "%" and "^" are not here: {@link parseValue}. */
const LEVELS: Readonly<Record<string, number>> = {
  "|": 1,
  "&": 2,
  "<<": 3,
  ">>": 3,
  "+": 4,
  "-": 4,
  "*": 5,
  "/": 5,
};
const LOOSEST = 1;
const MINUS_LEVEL = 6;
const COMPARISONS: readonly string[] = [">", ">=", "=", "!=", "<", "<="] satisfies Comparison[];
const SIZES = [1, 2, 4];
const BITS = 32;

/** `ip[6:2] & 0x1fff = 0`: two values and how they compare. */
export function parseComparison(cursor: Cursor): Filter {
  const left = parseValue(cursor, LOOSEST);
  const token = cursor.peek();
  const op = COMPARISONS.find((c) => token.kind === "symbol" && c === token.text);
  if (op === undefined) throw cursor.unexpected('a comparison, such as "= 1"');
  cursor.next();
  return { t: "compare", op: op as Comparison, left, right: parseValue(cursor, LOOSEST) };
}

/**
 * Operators bind as in C, with one exception that libpcap has: its grammar gives "%" and "^" no place in the order, so that
 * they take what stands left of them before any other operator does, and everything that stands right of them.
 *
 * @param tightest operators that bind less tightly are left to the caller
 */
function parseValue(cursor: Cursor, tightest: number): Value {
  let left = parseOperand(cursor);
  while (cursor.peek().kind === "symbol") {
    const { text, column } = cursor.peek();
    const isUnordered = text === "%" || text === "^";
    const level = LEVELS[text] ?? 0;
    if (!isUnordered && level < tightest) break;
    cursor.next();
    const right = parseValue(cursor, isUnordered ? LOOSEST : level + 1);
    const op = text as Operator;
    checkConstant(op, right, column);
    left = { t: "operation", op, left, right };
  }
  return left;
}

/** A division by nothing would never match, nor a shift of everything. */
function checkConstant(op: Operator, right: Value, column: number): void {
  if (right.t !== "constant") return;
  if ((op === "/" || op === "%") && right.value === 0) throw new FilterError("division by zero", column);
  if ((op === "<<" || op === ">>") && right.value >= BITS)
    throw new FilterError(`a number has ${BITS} bits: shift by 0 to ${BITS - 1}`, column);
}

function parseOperand(cursor: Cursor): Value {
  const token = cursor.peek();
  if (cursor.skip("-")) return { t: "negate", of: parseValue(cursor, MINUS_LEVEL) };
  if (cursor.skip("(")) {
    const value = parseValue(cursor, LOOSEST);
    cursor.close(")", token);
    return value;
  }
  if (token.kind === "number") return { t: "constant", value: cursor.next().value };
  if (cursor.is("word", "len")) {
    cursor.next();
    return { t: "length" };
  }
  if (token.kind === "word" && PROTOCOL_WORDS.has(token.text)) return parseLoad(cursor);
  throw cursor.unexpected('a number, "len" or bytes, such as ip[8]');
}

/** `tcp[tcpflags]`, `ip[2:2]` */
function parseLoad(cursor: Cursor): Value {
  const { text: protocol, column } = cursor.next();
  if (PROTOCOL_WORDS.get(protocol)?.hasBytes !== true)
    throw new FilterError(`"${protocol}" has no bytes to look at: write ip[N]`, column);
  const opened = cursor.peek();
  if (!cursor.skip("[")) throw cursor.unexpected(`"[" behind "${protocol}"`);
  const index = parseValue(cursor, LOOSEST);
  let size = 1;
  if (cursor.skip(":")) {
    const token = cursor.number("the number of bytes: 1, 2 or 4");
    if (!SIZES.includes(token.value))
      throw new FilterError(`a value is 1, 2 or 4 bytes, not ${token.text}`, token.column);
    size = token.value;
  }
  cursor.close("]", opened);
  return { t: "load", protocol, index, size };
}
