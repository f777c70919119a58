/**
 * What to change so that a packet goes further, for each reason. Words in braces are filled in from the decision
 * (adviceFor); in docs/reasons.md they stand in capitals.
 */
export interface Advice {
  /** The object to change. */
  readonly object: string;
  /** What of it; "": the object as a whole. */
  readonly field: string;
  /** What to do, in one or two sentences. */
  readonly change: string;
  /** A command, or lines of a lab file or manifest, that show the change or the cause. */
  readonly example: string;
}
