import type { ConntrackEventName } from "../observe/conntrackText.ts";
import type { NameSource } from "../observe/explain.ts";
import { conntrackRows } from "../observe/tables.ts";
import {
  CT_EVENT,
  CT_EVENT_DESTROY,
  CT_EVENT_ENTRY,
  CT_EVENT_NEW,
  CT_EVENT_UPDATE,
  CT_EVENT_WORDS,
} from "../plane/conntrack/events.ts";
import { unpackEntry } from "./conntrackData.ts";
import type { OutStream } from "./controlStream.ts";
import type { ControlStreams } from "./controlStreams.ts";
import type { PlaneClient } from "./planeClient.ts";

type Message = ControlStreams["conntrackEvents"]["message"];

/** How often the plane's ring is emptied: it has room for 16,384 events. */
const DRAIN_MS = 100;

const EVENTS: Readonly<Record<number, ConntrackEventName>> = {
  [CT_EVENT_NEW]: "NEW",
  [CT_EVENT_UPDATE]: "UPDATE",
  [CT_EVENT_DESTROY]: "DESTROY",
};

/** Events in names, oldest first. @param words records of the plane's ring (CT_EVENT_*) */
export function conntrackEvents(words: Int32Array, names: NameSource): Exclude<Message, { lost: number }>[] {
  const messages: Exclude<Message, { lost: number }>[] = [];
  for (let at = 0; at < words.length; at += CT_EVENT_WORDS) {
    const [entry] = conntrackRows([unpackEntry(words, at + CT_EVENT_ENTRY)], names);
    messages.push({ event: EVENTS[words[at + CT_EVENT]] ?? "UPDATE", entry });
  }
  return messages;
}

/** A command that watches, and how many events it has missed because it reads too slowly. */
interface Watcher {
  readonly out: OutStream;
  isBehind: boolean;
  missed: number;
}

/** Tells commands what happens to conntrack entries, and has the plane note it while there are any. */
export class ConntrackWatch {
  readonly #plane: Pick<PlaneClient, "conntrackEvents">;
  readonly #names: () => NameSource;
  readonly #watchers = new Set<Watcher>();
  #timer: NodeJS.Timeout | null = null;
  #draining: Promise<void> = Promise.resolve();
  #lost = 0;

  constructor(plane: Pick<PlaneClient, "conntrackEvents">, names: () => NameSource) {
    this.#plane = plane;
    this.#names = names;
  }

  /** Streams events until the command ends it. */
  async watch(out: OutStream): Promise<null> {
    const watcher: Watcher = { out, isBehind: false, missed: 0 };
    // Its first event is the first one after this.
    await this.#drain();
    this.#watchers.add(watcher);
    this.#timer ??= setInterval(() => {
      // The plane has ended: so will the lab.
      this.#drain().catch(() => {});
    }, DRAIN_MS);
    await out.ended;
    await this.#drain();
    this.#watchers.delete(watcher);
    if (this.#watchers.size === 0) await this.close();
    return null;
  }

  async close(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
    await this.#drain(false).catch(() => {});
  }

  /** Takes what the plane has noted, one call after the other. @param on whether it is to note more */
  #drain(on = true): Promise<void> {
    const next = this.#draining
      .catch(() => {})
      .then(async () => {
        const { words, lost } = await this.#plane.conntrackEvents(on);
        const news = lost - this.#lost;
        this.#lost = on ? lost : 0;
        if (this.#watchers.size === 0) return;
        const messages = conntrackEvents(words, this.#names());
        for (const watcher of this.#watchers) tell(watcher, messages, news);
      });
    this.#draining = next;
    return next;
  }
}

/** Sends events to a command, unless it has not taken the last ones. @param lost in the plane */
function tell(watcher: Watcher, messages: readonly Message[], lost: number): void {
  watcher.missed += lost;
  if (watcher.isBehind) {
    watcher.missed += messages.length;
    return;
  }
  if (watcher.missed > 0) {
    watcher.out.message({ lost: watcher.missed });
    watcher.missed = 0;
  }
  if (messages.length === 0) return;
  for (const message of messages) watcher.out.message(message);
  watcher.isBehind = true;
  void watcher.out.drained().then(() => {
    watcher.isBehind = false;
  });
}
