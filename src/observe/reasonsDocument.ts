import { allReasons, type ReasonHelp } from "./reasonHelp.ts";

/** docs/reasons.md: the reason table for people, with an anchor for each code. */
export function reasonsDocument(): string {
  return [
    "# Reasons",
    "",
    "Why a packet went no further. DROPPED: nothing is sent. REJECTED: an ICMP error goes back to the sender.",
    "`podplane get reasons` counts them, `podplane why` names them with the objects of your lab, and",
    "`podplane why --explain CODE` prints what is said here. Words in capitals stand for names. Generated from",
    "`src/plane/reasons.ts` and `src/observe/reasonAdvice.ts` by `npm run generate`.",
    "",
    ...allReasons().map(section),
  ].join("\n");
}

function section({ code, verdict, text, object, field, change, example, counter }: ReasonHelp): string {
  return [
    `## ${code}`,
    "",
    `${verdict}. ${text}`,
    "",
    `- Change: ${object}${field === null ? "" : `, ${field}`}. ${change}`,
    `- Example: \`${example}\``,
    `- Counter: \`${counter}\``,
    `- Packets, and what is said of them: [${code}](../test/golden/reasons/${code}.md)`,
    "",
  ].join("\n");
}
