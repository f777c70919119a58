import { describe, expect, test } from "vitest";
import {
  CT_ESTABLISHED,
  CT_ESTABLISHED_REPLY,
  CT_INVALID,
  CT_NEW,
  IPS_ASSURED,
} from "../../../src/plane/conntrack/info.ts";
import { SCTP_STATE_NAMES } from "../../../src/plane/conntrack/sctpStates.ts";
import type { Conntrack } from "../../../src/plane/conntrack/table.ts";
import { type Chunk, packet, pass, reversed, sctp, table } from "./packets.ts";

const DATA = { type: 0 };
const SACK = { type: 3 };
const HEARTBEAT = { type: 4 };
const HEARTBEAT_ACK = { type: 5 };
const ABORT = { type: 6 };
const SHUTDOWN = { type: 7 };
const SHUTDOWN_ACK = { type: 8 };
const COOKIE_ECHO = { type: 10 };
const COOKIE_ACK = { type: 11 };
const SHUTDOWN_COMPLETE = { type: 14 };
const init = (tag: number): Chunk => ({ type: 1, tag });
const initAck = (tag: number): Chunk => ({ type: 2, tag });

/** The tag that the client puts on its packets, and the server's. */
const TO_SERVER = 0x5e57e5;
const TO_CLIENT = 0xc11e17;

function run(ct: Conntrack, steps: [dir: string, vtag: number, chunks: Chunk[], expected: string][]): void {
  for (const [dir, vtag, chunks, expected] of steps) {
    const info = pass(ct, sctp(vtag, chunks, dir === "orig" ? {} : reversed({})), 0);
    const state = packet.ct < 0 ? "" : ` ${SCTP_STATE_NAMES[ct.sctpState(packet.ct)]}`;
    const left = packet.ct < 0 ? "" : ` ${ct.timeoutLeft(packet.ct, 0) / 1000}`;
    expect(`${["INVALID", "NEW", "ESTABLISHED", "REPLY"][info]}${state}${left}`).toBe(expected);
  }
}

const SET_UP: [string, number, Chunk[], string][] = [
  ["orig", 0, [init(TO_CLIENT)], "NEW CLOSED 10"],
  ["reply", TO_CLIENT, [initAck(TO_SERVER)], "REPLY COOKIE_WAIT 3"],
  ["orig", TO_SERVER, [COOKIE_ECHO, DATA], "ESTABLISHED COOKIE_ECHOED 3"],
  ["reply", TO_CLIENT, [COOKIE_ACK, SACK], "REPLY ESTABLISHED 210"],
];

describe("SCTP", () => {
  test("set-up, data, shutdown by the client", () => {
    const ct = table();
    run(ct, SET_UP);
    expect(ct.status(packet.ct) & IPS_ASSURED).not.toBe(0);
    run(ct, [
      ["orig", TO_SERVER, [DATA], "ESTABLISHED ESTABLISHED 210"],
      ["reply", TO_CLIENT, [SACK, DATA], "REPLY ESTABLISHED 210"],
      ["orig", TO_SERVER, [SHUTDOWN], "ESTABLISHED SHUTDOWN_SENT 3"],
      ["reply", TO_CLIENT, [SHUTDOWN_ACK], "REPLY SHUTDOWN_ACK_SENT 3"],
      ["orig", TO_SERVER, [SHUTDOWN_COMPLETE], "ESTABLISHED CLOSED 10"],
    ]);
  });

  test("shutdown by the server, and abort", () => {
    const ct = table();
    run(ct, SET_UP);
    run(ct, [
      ["reply", TO_CLIENT, [SHUTDOWN], "REPLY SHUTDOWN_RECD 3"],
      ["orig", TO_SERVER, [ABORT], "ESTABLISHED CLOSED 10"],
    ]);
  });

  test("wrong verification tags are invalid", () => {
    const ct = table();
    run(ct, SET_UP);
    run(ct, [
      ["orig", TO_SERVER + 1, [DATA], "INVALID"],
      ["reply", TO_SERVER, [SACK], "INVALID"],
      ["orig", TO_CLIENT, [ABORT], "INVALID"],
      ["orig", 5, [init(9)], "INVALID"],
      // The T flag: the sender has no association and reflects the tag.
      ["orig", TO_CLIENT, [{ ...ABORT, flags: 1 }], "ESTABLISHED CLOSED 10"],
    ]);
  });

  test("an INIT must have tag 0, and repeating it does not renew the timeout", () => {
    const ct = table();
    run(ct, [
      ["orig", 1, [init(TO_CLIENT)], "INVALID"],
      ["orig", 0, [init(TO_CLIENT)], "NEW CLOSED 10"],
    ]);
    expect(pass(ct, sctp(0, [init(TO_CLIENT)]), 4000)).toBe(CT_NEW);
    expect(ct.timeoutLeft(packet.ct, 4000)).toBe(6000);
  });

  test("out of the blue", () => {
    const ct = table();
    run(ct, [
      ["orig", 1, [ABORT], "INVALID"],
      ["orig", 1, [SHUTDOWN_COMPLETE], "INVALID"],
      ["orig", 1, [COOKIE_ACK], "INVALID"],
      ["orig", 1, [DATA], "INVALID"],
      ["orig", 1, [SHUTDOWN_ACK], "NEW SHUTDOWN_ACK_SENT 3"],
    ]);
    expect(ct.total).toBe(1);
  });

  test("malformed chunks are invalid", () => {
    const ct = table();
    run(ct, [
      ["orig", 0, [], "INVALID"],
      ["orig", 0, [init(1), DATA], "INVALID"],
      ["orig", 0, [DATA, init(1)], "INVALID"],
    ]);
    const p = sctp(0, [init(1)]);
    p.buf[p.l4 + 15] = 0;
    expect(pass(ct, p, 0)).toBe(CT_INVALID);
  });

  test("heartbeats open a second path", () => {
    run(table(), [
      ["orig", TO_SERVER, [HEARTBEAT], "NEW HEARTBEAT_SENT 30"],
      ["reply", TO_CLIENT, [HEARTBEAT_ACK], "REPLY ESTABLISHED 210"],
      ["orig", TO_SERVER, [DATA], "ESTABLISHED ESTABLISHED 210"],
      ["orig", TO_SERVER + 1, [DATA], "INVALID"],
    ]);
  });

  test("a heartbeat with a new tag passes, and its answer brings the new tag", () => {
    const ct = table();
    run(ct, SET_UP);
    expect(pass(ct, sctp(7, [HEARTBEAT]), 1000)).toBe(2);
    expect(ct.timeoutLeft(packet.ct, 1000)).toBe(209_000);
    expect(pass(ct, sctp(9, [HEARTBEAT_ACK], reversed({})), 1000)).toBe(CT_ESTABLISHED_REPLY);
    expect(pass(ct, sctp(9, [SACK], reversed({})), 1000)).toBe(CT_ESTABLISHED_REPLY);
    expect(pass(ct, sctp(TO_CLIENT, [SACK], reversed({})), 1000)).toBe(CT_INVALID);
    // The other side's tag is forgotten, until a heartbeat brings it.
    expect(pass(ct, sctp(TO_SERVER, [DATA]), 1000)).toBe(CT_INVALID);
    expect(pass(ct, sctp(7, [HEARTBEAT]), 1000)).toBe(CT_ESTABLISHED);
    expect(pass(ct, sctp(7, [DATA]), 1000)).toBe(CT_ESTABLISHED);
  });

  test("COOKIE ECHO must carry the tag of the INIT ACK", () => {
    const ct = table();
    run(ct, SET_UP.slice(0, 2));
    run(ct, [
      ["orig", TO_SERVER + 1, [COOKIE_ECHO], "INVALID"],
      ["orig", TO_SERVER, [COOKIE_ECHO], "ESTABLISHED COOKIE_ECHOED 3"],
    ]);
  });
});
