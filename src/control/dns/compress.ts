const HEADER_LENGTH = 12;
/** type, class, TTL, length of the data */
const FIXED_LENGTH = 10;
const RDLENGTH_AT = 8;
/** The upper two bits of a pointer to a name that came earlier; 14 bits say where (RFC 1035 section 4.1.4). */
const POINTER = 0xc000;
const POINTER_MAX = 0x3fff;
const POINTER_LENGTH = 2;
const QUESTION_FIXED = 4;
/** Types whose data is one name that RFC 1035 lets be compressed: NS, CNAME, PTR. */
const NAME_TYPES: ReadonlySet<number> = new Set([2, 5, 12]);

/** A message whose names are shortened. */
export interface Compressed {
  readonly bytes: Buffer;
  /** Where its question ends, and each record after that. */
  readonly ends: readonly number[];
}

/**
 * Shortens the names of a message that has none shortened, which dns-packet's are: a response of CoreDNS is compressed, and
 * what fits into a datagram depends on that. Letters count as they are written, as in CoreDNS's library.
 *
 * @param message with one question.
 */
export function compressNames(message: Buffer): Compressed {
  const out = Buffer.alloc(message.length);
  const known = new Map<string, number>();
  let from = HEADER_LENGTH;
  let to = message.copy(out, 0, 0, HEADER_LENGTH);

  const name = (): void => {
    while (message[from] !== 0) {
      const rest = restOfName(message, from);
      const at = known.get(rest);
      if (at !== undefined) {
        out.writeUInt16BE(POINTER | at, to);
        to += POINTER_LENGTH;
        from += rest.length + 1;
        return;
      }
      if (to <= POINTER_MAX) known.set(rest, to);
      const length = message[from] + 1;
      copy(length);
    }
    copy(1);
  };
  const copy = (length: number): void => {
    to += message.copy(out, to, from, from + length);
    from += length;
  };

  name();
  copy(QUESTION_FIXED);
  const ends = [to];
  while (from < message.length) {
    name();
    const type = message.readUInt16BE(from);
    const length = message.readUInt16BE(from + RDLENGTH_AT);
    copy(FIXED_LENGTH);
    if (NAME_TYPES.has(type)) {
      const start = to;
      name();
      out.writeUInt16BE(to - start, start - 2);
    } else copy(length);
    ends.push(to);
  }
  return { bytes: out.subarray(0, to), ends };
}

/** The labels of a name from here to its end, as text of one character a byte, without the 0 that ends it. */
function restOfName(message: Buffer, start: number): string {
  let end = start;
  while (message[end] !== 0) end += message[end] + 1;
  return message.toString("latin1", start, end);
}
