/** Largest int of Go on the machines that EKS has, 2^63 - 1, as near as a number comes. */
const INT_MAX = 2 ** 63;

const TRUE: ReadonlySet<string> = new Set(["1", "t", "T", "TRUE", "true", "True"]);
const FALSE: ReadonlySet<string> = new Set(["0", "f", "F", "FALSE", "false", "False"]);

/** What Go's strconv.Atoi reads, or null where it returns an error. Blanks are an error too. */
export function goInteger(text: string): number | null {
  if (!/^[+-]?\d+$/.test(text)) return null;
  const value = Number(text);
  return Math.abs(value) < INT_MAX ? value : null;
}

/** What Go's strconv.ParseBool reads, or null where it returns an error. */
export function goBoolean(text: string): boolean | null {
  if (TRUE.has(text)) return true;
  return FALSE.has(text) ? false : null;
}

/** What Go's strconv.ParseInt(text, 0, 64) reads: with 0x, 0o, 0b or 0 in front another base than ten. Null: an error. */
export function goIntegerOfAnyBase(text: string): number | null {
  const match = /^([+-]?)(0x[\da-f]+|0b[01]+|0o?[0-7]+|0|[1-9]\d*)$/i.exec(text);
  if (match === null) return null;
  const digits = /^0[0-7]+$/.test(match[2]) ? `0o${match[2].slice(1)}` : match[2];
  const value = Number(digits);
  if (value >= INT_MAX) return null;
  return match[1] === "-" ? -value : value;
}
