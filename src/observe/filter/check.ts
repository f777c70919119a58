/**
 * A part of a filter as a function. Allocates nothing.
 *
 * @param bytes a buffer with the packet in it
 * @param at offset of its IP header
 * @param captured bytes from there that may be read
 * @param length bytes that the packet had on the wire
 * @returns YES, NO or OUTSIDE
 */
export type Check = (bytes: Uint8Array, at: number, captured: number, length: number) => number;

export const YES = 1;
export const NO = 0;
/**
 * A byte was asked for that is not there. It makes the whole expression false, as in BPF, where such a load ends the
 * program: `not` does not turn it, and what would be asked after it is not.
 */
export const OUTSIDE = -1;

export function and(left: Check, right: Check): Check {
  return (bytes, at, captured, length) => {
    const x = left(bytes, at, captured, length);
    return x === YES ? right(bytes, at, captured, length) : x;
  };
}

export function or(left: Check, right: Check): Check {
  return (bytes, at, captured, length) => {
    const x = left(bytes, at, captured, length);
    return x === NO ? right(bytes, at, captured, length) : x;
  };
}

export function not(of: Check): Check {
  return (bytes, at, captured, length) => {
    const x = of(bytes, at, captured, length);
    return x === OUTSIDE ? OUTSIDE : YES - x;
  };
}
