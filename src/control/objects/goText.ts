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
