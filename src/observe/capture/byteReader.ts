/** Integers of a file in the byte order that it turns out to have. Whoever reads has checked that the bytes are there. */
export class ByteReader {
  readonly bytes: Uint8Array;
  little = true;
  readonly #view: DataView;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get length(): number {
    return this.bytes.length;
  }

  u16(at: number): number {
    return this.#view.getUint16(at, this.little);
  }

  u32(at: number): number {
    return this.#view.getUint32(at, this.little);
  }

  u64(at: number): bigint {
    return this.#view.getBigUint64(at, this.little);
  }

  i64(at: number): bigint {
    return this.#view.getBigInt64(at, this.little);
  }
}
