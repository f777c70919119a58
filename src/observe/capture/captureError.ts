/** A capture file that cannot be read at all. The message says what was found, what was expected and what to do. */
export class CaptureError extends Error {
  /** Where in the file, in bytes from its beginning. */
  readonly offset: number;

  constructor(message: string, offset: number) {
    super(message);
    this.name = "CaptureError";
    this.offset = offset;
  }
}
