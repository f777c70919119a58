import { getI32, getU16 } from "../../plane/wire/bytes.ts";
import { and, type Check, NO, OUTSIDE, YES } from "./check.ts";
import type { Comparison, Operator, Value } from "./filterTree.ts";
import { layer4Check, nextHeaderCheck, versionCheck } from "./headerChecks.ts";
import { PROTO_ICMP6, PROTOCOL_WORDS } from "./words.ts";

/**
 * Arithmetic on 32 bits, unsigned. Between functions a number is an int32, because V8 keeps those without allocating;
 * where the sign matters it is taken away first.
 */
type Compute = (bytes: Uint8Array, at: number, captured: number, length: number) => number;

/** Set where a value cannot be had: a byte is not there, or a division by zero. Looked at once for a comparison. */
class Fault {
  happened = false;
}

const SIGN = 0x80000000 | 0;
const BITS = 32;
const IHL_MASK = 0x0f;
const IHL_SHIFT = 2;
const IP6_HEADER = 40;

const OPERATIONS: Readonly<Record<Operator, (a: number, b: number) => number>> = {
  "+": (a, b) => (a + b) | 0,
  "-": (a, b) => (a - b) | 0,
  "*": (a, b) => Math.imul(a, b),
  "/": (a, b) => ((a >>> 0) / (b >>> 0)) | 0,
  "%": (a, b) => ((a >>> 0) % (b >>> 0)) | 0,
  "&": (a, b) => a & b,
  "|": (a, b) => a | b,
  "^": (a, b) => a ^ b,
  "<<": (a, b) => (b >>> 0 < BITS ? a << b : 0),
  ">>": (a, b) => (b >>> 0 < BITS ? (a >>> b) | 0 : 0),
};

/** Compares two values, where the packet has the headers that their bytes are in. */
export function comparisonCheck(op: Comparison, left: Value, right: Value): Check {
  const check = compareValues(op, left, right);
  const headers = [headersOf(left), headersOf(right)].filter((c) => c !== null);
  return [...headers, check].reduce(and);
}

function compareValues(op: Comparison, left: Value, right: Value): Check {
  const fault = new Fault();
  const a = compute(left, fault);
  const b = compute(right, fault);
  const equal = op === "=" || op === "!=";
  const orEqual = op === ">=" || op === "<=";
  const swapped = op === "<" || op === "<=";
  const onEqual = op === "=" || orEqual ? YES : NO;
  const onUnequal = op === "!=" ? YES : NO;
  if (equal && right.t === "constant") {
    const wanted = right.value | 0;
    return (bytes, at, captured, length) => {
      fault.happened = false;
      const x = a(bytes, at, captured, length);
      if (fault.happened) return OUTSIDE;
      return x === wanted ? onEqual : onUnequal;
    };
  }
  return (bytes, at, captured, length) => {
    fault.happened = false;
    const x = a(bytes, at, captured, length);
    const y = b(bytes, at, captured, length);
    if (fault.happened) return OUTSIDE;
    if (x === y) return onEqual;
    if (equal) return onUnequal;
    return (x ^ SIGN) > (y ^ SIGN) !== swapped ? YES : NO;
  };
}

/**
 * What a packet must be for a value to mean something; null: nothing. Of an operation's right side libpcap asks nothing
 * (gen_arth of gencode.c leaves it out), so that `1 + tcp[0]` reads UDP's bytes too: it is the same here.
 */
function headersOf(value: Value): Check | null {
  switch (value.t) {
    case "constant":
    case "length":
      return null;
    case "negate":
      return headersOf(value.of);
    case "operation":
      return headersOf(value.left);
    case "load":
      return loadHeaders(value.protocol, headersOf(value.index));
  }
}

function loadHeaders(name: string, index: Check | null): Check {
  const word = PROTOCOL_WORDS.get(name);
  const version = word?.version ?? null;
  const number = word?.number ?? null;
  const first = index === null ? [] : [index];
  if (number === null) return [...first, versionCheck(version ?? 4)].reduce(and);
  if (number === PROTO_ICMP6) return [...first, versionCheck(6), nextHeaderCheck(number)].reduce(and);
  const header = layer4Check(number);
  return index === null ? header : [versionCheck(4), index, header].reduce(and);
}

function compute(value: Value, fault: Fault): Compute {
  switch (value.t) {
    case "constant":
      return constant(value.value | 0);
    case "length":
      return (_bytes, _at, _captured, length) => length | 0;
    case "negate": {
      const of = compute(value.of, fault);
      return (bytes, at, captured, length) => (0 - of(bytes, at, captured, length)) | 0;
    }
    case "operation":
      return operation(value.op, value.left, value.right, fault);
    case "load":
      return load(value.protocol, value.index, value.size, fault);
  }
}

function constant(n: number): Compute {
  return () => n;
}

function operation(op: Operator, left: Value, right: Value, fault: Fault): Compute {
  const apply = OPERATIONS[op];
  const divides = op === "/" || op === "%";
  const a = compute(left, fault);
  const b = compute(right, fault);
  // The common one, without a call for it: tcp[tcpflags] & tcp-syn
  if (op === "&" && right.t === "constant") {
    const mask = right.value | 0;
    return (bytes, at, captured, length) => a(bytes, at, captured, length) & mask;
  }
  return (bytes, at, captured, length) => {
    const x = a(bytes, at, captured, length);
    const y = b(bytes, at, captured, length);
    if (divides && y === 0) {
      fault.happened = true;
      return 0;
    }
    return apply(x, y);
  };
}

function load(name: string, index: Value, size: number, fault: Fault): Compute {
  const number = PROTOCOL_WORDS.get(name)?.number ?? null;
  const behindIp = number !== null && number !== PROTO_ICMP6;
  const base = number === PROTO_ICMP6 ? IP6_HEADER : 0;
  const from = index.t === "constant" ? null : compute(index, fault);
  const constantIndex = index.t === "constant" ? index.value | 0 : 0;
  return (bytes, at, captured, length) => {
    let k = from === null ? constantIndex : from(bytes, at, captured, length);
    if (captured < 1) {
      fault.happened = true;
      return 0;
    }
    // The sum wraps at 32 bits, so that tcp[-4:4] is the destination address.
    if (behindIp) k = (k + ((bytes[at] & IHL_MASK) << IHL_SHIFT)) | 0;
    if (k < 0 || k + base > captured - size) {
      fault.happened = true;
      return 0;
    }
    const i = at + base + k;
    return size === 1 ? bytes[i] : size === 2 ? getU16(bytes, i) : getI32(bytes, i);
  };
}
