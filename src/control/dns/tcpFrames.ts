const LENGTH_BYTES = 2;

/** Takes messages out of a TCP stream: each has its length before it (RFC 1035 section 4.2.2). */
export class TcpFrames {
  #rest: Buffer = Buffer.alloc(0);

  /** @returns the messages that are whole now. */
  push(chunk: Buffer): Buffer[] {
    let rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const messages: Buffer[] = [];
    while (rest.length >= LENGTH_BYTES) {
      const end = LENGTH_BYTES + rest.readUInt16BE(0);
      if (rest.length < end) break;
      messages.push(rest.subarray(LENGTH_BYTES, end));
      rest = rest.subarray(end);
    }
    this.#rest = rest;
    return messages;
  }
}

/** A message with its length before it. */
export function tcpFrame(message: Buffer): Buffer {
  const frame = Buffer.allocUnsafe(LENGTH_BYTES + message.length);
  frame.writeUInt16BE(message.length, 0);
  message.copy(frame, LENGTH_BYTES);
  return frame;
}
