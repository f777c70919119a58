/** How traces are written. */
export interface TraceStyle {
  /** Characters of a line. From {@link WIDE} on, a line says more. */
  readonly width: number;
  /** Whether what is longer goes on in a further line; otherwise it stays one line, for files and programs. */
  readonly wrap: boolean;
  /** Whether verdicts are coloured. */
  readonly colour: boolean;
}

/** Characters from which on a line has microseconds, the packet's and the flow's number and the length. */
export const WIDE = 120;

const RED = 31;
const GREEN = 32;
const YELLOW = 33;
const CYAN = 36;

const COLOURS: Readonly<Record<string, number>> = { DELIVERED: GREEN, DROPPED: RED, REJECTED: YELLOW, QUEUED: CYAN };

/** A text in the colour of a verdict, where colours are wanted. */
export function inVerdictColour(text: string, verdict: string, style: TraceStyle): string {
  const colour = COLOURS[verdict];
  return style.colour && colour !== undefined ? `\u001b[${colour}m${text}\u001b[0m` : text;
}
