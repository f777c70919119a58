import type { ConntrackEntry } from "../observe/tables.ts";
import {
  CTW_AGE,
  CTW_COUNTED,
  CTW_COUNTS,
  CTW_ENDPOINT,
  CTW_MARK,
  CTW_PROTOCOL,
  CTW_SERVICE,
  CTW_STATE,
  CTW_STATUS,
  CTW_TIMEOUT,
  CTW_TUPLES,
  CTW_WORDS,
  CTW_ZONE,
  writeEntry,
} from "../plane/conntrack/events.ts";
import type { Conntrack } from "../plane/conntrack/table.ts";

/** Conntrack entries as they cross threads: numbers in one array, so that a large table holds the plane up briefly. */

const HIGH_WORD = 4_294_967_296;
const PORT_SHIFT = 16;
const PORT_MASK = 0xffff;
const TUPLE_WORDS = 3;

/** @param entries null: all that `conntrack -L` shows */
export function packEntries(ct: Conntrack, now: number, entries: readonly number[] | null): Int32Array<ArrayBuffer> {
  const words = new Int32Array((entries?.length ?? ct.total) * CTW_WORDS);
  let at = 0;
  const put = (entry: number): void => {
    writeEntry(ct, ct.accounting, entry, now, words, at);
    at += CTW_WORDS;
  };
  // As conntrack -L, it leaves out what has expired and is not removed yet.
  if (entries === null)
    ct.forEach((entry) => {
      if (!ct.isGone(entry, now)) put(entry);
    });
  else for (const entry of entries) put(entry);
  return at === words.length ? words : words.slice(0, at);
}

export function unpackEntries(words: Int32Array): ConntrackEntry[] {
  const entries: ConntrackEntry[] = [];
  for (let at = 0; at < words.length; at += CTW_WORDS) entries.push(unpackEntry(words, at));
  return entries;
}

/** The entry whose words begin at an offset. */
export function unpackEntry(words: Int32Array, at: number): ConntrackEntry {
  const tuple = (dir: number): ConntrackEntry["original"] => {
    const t = at + CTW_TUPLES + dir * TUPLE_WORDS;
    const ports = words[t + 2];
    return [words[t], words[t + 1], ports >>> PORT_SHIFT, ports & PORT_MASK];
  };
  const count = (i: number): number => {
    const o = at + CTW_COUNTS + 2 * i;
    return (words[o] >>> 0) + words[o + 1] * HIGH_WORD;
  };
  return {
    node: words[at + CTW_ZONE],
    protocol: words[at + CTW_PROTOCOL],
    state: words[at + CTW_STATE],
    status: words[at + CTW_STATUS],
    mark: words[at + CTW_MARK],
    timeout: words[at + CTW_TIMEOUT],
    service: words[at + CTW_SERVICE],
    endpoint: words[at + CTW_ENDPOINT],
    original: tuple(0),
    reply: tuple(1),
    counts:
      words[at + CTW_COUNTED] === 0
        ? null
        : { age: words[at + CTW_AGE], packets: [count(0), count(2)], bytes: [count(1), count(3)] },
  };
}
