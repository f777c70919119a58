/**
 * pcapng the slow way, block by block, in either byte order and with every field free: files that no program at hand
 * writes. Nothing here is shared with the reader, not even constants.
 */

export type Option = readonly [code: number, value: Uint8Array];

/** Blocks of one section, all in its byte order. */
export class SlowPcapng {
  readonly #little: boolean;

  constructor(little: boolean) {
    this.#little = little;
  }

  u16(...values: number[]): Uint8Array {
    const b = new DataView(new ArrayBuffer(values.length * 2));
    for (const [i, v] of values.entries()) b.setUint16(i * 2, v, this.#little);
    return new Uint8Array(b.buffer);
  }

  u32(...values: number[]): Uint8Array {
    const b = new DataView(new ArrayBuffer(values.length * 4));
    for (const [i, v] of values.entries()) b.setUint32(i * 4, v, this.#little);
    return new Uint8Array(b.buffer);
  }

  u64(v: bigint): Uint8Array {
    const b = new DataView(new ArrayBuffer(8));
    b.setBigUint64(0, BigInt.asUintN(64, v), this.#little);
    return new Uint8Array(b.buffer);
  }

  options(list: readonly Option[]): Uint8Array {
    if (list.length === 0) return new Uint8Array(0);
    return join(...list.map(([code, value]) => join(this.u16(code, value.length), padded(value))), this.u16(0, 0));
  }

  block(type: number, ...body: Uint8Array[]): Uint8Array {
    const inside = padded(join(...body));
    const length = this.u32(inside.length + 12);
    return join(this.u32(type), length, inside, length);
  }

  section(options: readonly Option[] = []): Uint8Array {
    return this.block(0x0a0d0d0a, this.u32(0x1a2b3c4d), this.u16(1, 0), this.u64(-1n), this.options(options));
  }

  interface(linkType: number, snapLength: number, options: readonly Option[] = []): Uint8Array {
    return this.block(1, this.u16(linkType, 0), this.u32(snapLength), this.options(options));
  }

  /** @param ticks the interface's own */
  enhanced(
    number: number,
    ticks: bigint,
    bytes: Uint8Array,
    length: number,
    options: readonly Option[] = [],
  ): Uint8Array {
    const head = this.u32(number, Number(ticks >> 32n), Number(ticks & 0xffffffffn), bytes.length, length);
    return this.block(6, head, padded(bytes), this.options(options));
  }

  obsolete(
    number: number,
    drops: number,
    ticks: bigint,
    bytes: Uint8Array,
    options: readonly Option[] = [],
  ): Uint8Array {
    const rest = this.u32(Number(ticks >> 32n), Number(ticks & 0xffffffffn), bytes.length, bytes.length);
    return this.block(2, this.u16(number, drops), rest, padded(bytes), this.options(options));
  }

  simple(bytes: Uint8Array, length: number): Uint8Array {
    return this.block(3, this.u32(length), bytes);
  }
}

export function join(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

export function text(value: string): Uint8Array {
  return new TextEncoder().encode(value);
}

function padded(b: Uint8Array): Uint8Array {
  const all = new Uint8Array(Math.ceil(b.length / 4) * 4);
  all.set(b);
  return all;
}
