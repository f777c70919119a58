import { REASONS } from "../plane/reasons.ts";

/** docs/reasons.md: the reason table for people, with an anchor for each code. */
export function reasonsDocument(): string {
  const rows = REASONS.slice(1).map(({ code, text, verdict }) => `## ${code}\n\n${verdict}. ${text}\n`);
  return [
    "# Reasons",
    "",
    "Why a packet went no further. DROPPED: nothing is sent. REJECTED: an ICMP error goes back to the sender.",
    "`podplane get reasons` counts them, `podplane why` names them. Generated from `src/plane/reasons.ts` by `npm run generate`.",
    "",
    ...rows,
  ].join("\n");
}
