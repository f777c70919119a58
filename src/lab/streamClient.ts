import { connect } from "node:net";
import { ControlError, unreachable } from "./controlClient.ts";
import { FRAME_BYTES, FRAME_ERROR, FRAME_MESSAGE, FRAME_SUMMARY, type Frame, FrameReader } from "./controlStream.ts";
import type { ControlStreams, StreamVerb } from "./controlStreams.ts";
import { socketPath } from "./stateDirectory.ts";

export interface StreamListener<S extends StreamVerb> {
  /** @returns a promise where the stream is to wait for it before more is read; anything else is nothing to wait for */
  readonly onMessage?: (message: ControlStreams[S]["message"]) => unknown;
  /** @returns a promise where the stream is to wait for it before more is read */
  readonly onBytes?: (bytes: Buffer) => Promise<void> | undefined;
}

/** A stream from a running lab. */
export interface LabStream<S extends StreamVerb> {
  /** Asks the lab to end it; what is left still comes. Idempotent. */
  end(): void;
  /** How it ended. @throws ControlError when the lab refused or went away */
  readonly summary: Promise<ControlStreams[S]["summary"]>;
}

/** Opens a stream at a lab's control socket. */
export function openStream<S extends StreamVerb>(
  lab: string,
  verb: S,
  argument: ControlStreams[S]["argument"],
  listener: StreamListener<S>,
): LabStream<S> {
  const socket = connect({ path: socketPath(lab), allowHalfOpen: true });
  const reader = new FrameReader();
  const summary = new Promise<ControlStreams[S]["summary"]>((resolve, reject) => {
    const fail = (text: string) => {
      socket.destroy();
      reject(new ControlError(text));
    };
    const take = ({ type, payload }: Frame): Promise<void> | undefined => {
      if (type === FRAME_BYTES) return listener.onBytes?.(payload);
      const value: unknown = JSON.parse(payload.toString());
      if (type === FRAME_MESSAGE) {
        const wait = listener.onMessage?.(value as ControlStreams[S]["message"]);
        if (wait instanceof Promise) return wait;
      } else if (type === FRAME_SUMMARY) {
        resolve(value as ControlStreams[S]["summary"]);
        socket.end();
      } else if (type === FRAME_ERROR) fail(String(value));
      return undefined;
    };
    socket.on("error", (error: NodeJS.ErrnoException) => reject(unreachable(lab, error)));
    socket.on("close", () => reject(new ControlError(`lab ${lab} went down`)));
    socket.on("data", (chunk: Buffer) => {
      const waits: Promise<void>[] = [];
      try {
        for (const frame of reader.push(chunk)) {
          const wait = take(frame);
          if (wait !== undefined) waits.push(wait);
        }
      } catch (error) {
        fail(error instanceof Error ? error.message : String(error));
        return;
      }
      if (waits.length === 0) return;
      socket.pause();
      Promise.all(waits).then(
        () => socket.resume(),
        (error: Error) => fail(error.message),
      );
    });
  });
  socket.write(`${JSON.stringify({ stream: verb, argument })}\n`);
  return { end: () => socket.end(), summary };
}
