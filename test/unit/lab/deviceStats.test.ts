import { expect, it } from "vitest";
import { parseDeviceStats } from "../../../src/lab/deviceStats.ts";

const PROC_NET_DEV = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:      10       1    0    0    0     0          0         0       10       1    0    0    0     0       0          0
  eth0:1234567890123      12    3    4    5     6          7         8       9      10   11   12   13    14      15         16
 eth01:      99      99   99   99   99    99         99        99      99      99   99   99   99    99      99         99
`;

it("reads the columns of the device asked for", () => {
  expect(parseDeviceStats(PROC_NET_DEV, "eth0")).toEqual({
    rxBytes: 1234567890123,
    rxPackets: 12,
    rxErrors: 3,
    rxDropped: 4,
    txBytes: 9,
    txPackets: 10,
    txErrors: 11,
    txDropped: 12,
  });
});

it("finds nothing for a device that is not there", () => {
  expect(parseDeviceStats(PROC_NET_DEV, "eth")).toBeNull();
});
