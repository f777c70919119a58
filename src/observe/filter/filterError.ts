/** A filter that means nothing here: one message for people, with the column where it goes wrong. */
export class FilterError extends Error {
  override readonly name = "FilterError";
  /** Where in the expression, from 1; null: not in an expression. */
  readonly column: number | null;

  constructor(message: string, column: number | null = null) {
    super(column === null ? message : `column ${column}: ${message}`);
    this.column = column;
  }
}
