import { expect, it } from "vitest";
import { listening, socketOwner } from "../../../src/lab/unixSockets.ts";

const TABLE = `Num       RefCount Protocol Flags    Type St Inode Path
0000000000000000: 00000002 00000000 00010000 0001 01 50210 /run/podplane/test.sock
0000000000000000: 00000003 00000000 00000000 0001 03 50999 /run/podplane/test.sock
0000000000000000: 00000002 00000000 00010000 0001 01 50300 /run/podplane/my lab.sock
0000000000000000: 00000003 00000000 00000000 0001 03 47123
`;

it("finds the socket that listens, not its connections", () => {
  expect(listening(TABLE, "/run/podplane/test.sock")).toEqual(["50210"]);
  expect(listening(TABLE, "/run/podplane/my lab.sock")).toEqual(["50300"]);
  expect(listening(TABLE, "/run/podplane/other.sock")).toEqual([]);
  expect(listening(TABLE, "")).toEqual([]);
});

it("knows nobody at a path where nobody listens", () => {
  expect(socketOwner("/nowhere/test.sock")).toBeNull();
});
