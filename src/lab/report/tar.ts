/** A member of an archive. */
export interface TarFile {
  /** At most 100 bytes of ASCII. */
  readonly name: string;
  readonly bytes: Uint8Array;
}

// The ustar format (POSIX.1-1988): a header of 512 bytes with octal texts, then the file, filled up with zeros.
const BLOCK = 512;
const NAME = { at: 0, size: 100 };
const MODE = 100;
const UID = 108;
const GID = 116;
const SIZE = { at: 124, size: 12 };
const MTIME = 136;
const CHECKSUM = { at: 148, size: 8 };
const TYPE = 156;
const MAGIC = 257;
const MAGIC_TEXT = "ustar";
const REGULAR = "0";
const OWN_MODE = "0000644";
const NOBODY = "0000000";
const NO_TIME = "00000000000";
const OCTAL = 8;
const SPACE = 0x20;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/**
 * Packs files into an uncompressed archive, which `tar -xf` takes apart. The same files give the same bytes: they belong to
 * nobody and have no time.
 *
 * @throws RangeError for a name that does not fit
 */
export function writeTar(files: readonly TarFile[]): Uint8Array {
  const blocks = files.map(({ bytes }) => BLOCK + Math.ceil(bytes.length / BLOCK) * BLOCK);
  // Two blocks of zeros end an archive.
  const tar = new Uint8Array(blocks.reduce((sum, size) => sum + size, 2 * BLOCK));
  let at = 0;
  files.forEach(({ name, bytes }, i) => {
    tar.set(header(name, bytes.length), at);
    tar.set(bytes, at + BLOCK);
    at += blocks[i];
  });
  return tar;
}

function header(name: string, size: number): Uint8Array {
  const bytes = new Uint8Array(BLOCK);
  const put = (at: number, text: string): void => bytes.set(encoder.encode(text), at);
  if (encoder.encode(name).length > NAME.size) throw new RangeError(`"${name}" is too long a name for an archive`);
  put(NAME.at, name);
  put(MODE, OWN_MODE);
  put(UID, NOBODY);
  put(GID, NOBODY);
  put(SIZE.at, size.toString(OCTAL).padStart(SIZE.size - 1, "0"));
  put(MTIME, NO_TIME);
  put(TYPE, REGULAR);
  put(MAGIC, `${MAGIC_TEXT}\0${"00"}`);
  put(
    CHECKSUM.at,
    `${checksum(bytes)
      .toString(OCTAL)
      .padStart(CHECKSUM.size - 2, "0")}\0 `,
  );
  return bytes;
}

/** Sum of a header's bytes, with spaces for the checksum itself. */
function checksum(block: Uint8Array): number {
  const end = CHECKSUM.at + CHECKSUM.size;
  return block.reduce((sum, byte, i) => sum + (i >= CHECKSUM.at && i < end ? SPACE : byte), 0);
}

/** Whether bytes begin as an archive does. */
export function isTar(bytes: Uint8Array): boolean {
  return bytes.length >= BLOCK && decoder.decode(bytes.subarray(MAGIC, MAGIC + MAGIC_TEXT.length)) === MAGIC_TEXT;
}

/**
 * The regular files of an archive, in its order. Their bytes are views of it.
 *
 * @throws RangeError where it is damaged or ends too early
 */
export function readTar(tar: Uint8Array): TarFile[] {
  const files: TarFile[] = [];
  for (let at = 0; at + BLOCK <= tar.length; ) {
    const block = tar.subarray(at, at + BLOCK);
    if (block.every((byte) => byte === 0)) return files;
    const octal = (from: number, size: number): number => Number.parseInt(textOf(block, from, size), OCTAL);
    const size = octal(SIZE.at, SIZE.size);
    if (octal(CHECKSUM.at, CHECKSUM.size) !== checksum(block) || !(size >= 0))
      throw new RangeError(`the archive is damaged at byte ${at}`);
    const from = at + BLOCK;
    if (from + size > tar.length) throw new RangeError(`the archive ends within ${textOf(block, NAME.at, NAME.size)}`);
    const type = String.fromCharCode(block[TYPE]);
    if (type === REGULAR || type === "\0")
      files.push({ name: textOf(block, NAME.at, NAME.size), bytes: tar.subarray(from, from + size) });
    at = from + Math.ceil(size / BLOCK) * BLOCK;
  }
  throw new RangeError("the archive has no end");
}

function textOf(block: Uint8Array, at: number, size: number): string {
  const field = block.subarray(at, at + size);
  const end = field.indexOf(0);
  return decoder.decode(end < 0 ? field : field.subarray(0, end)).trim();
}
