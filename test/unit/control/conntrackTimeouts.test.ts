import { describe, expect, it } from "vitest";
import { conntrackTimeouts, conntrackTimeoutsSchema } from "../../../src/control/objects/conntrackTimeouts.ts";
import { DEFAULT_SETTINGS } from "../../../src/plane/conntrack/settings.ts";

const settingsOf = (timeouts: object) => conntrackTimeouts(conntrackTimeoutsSchema.parse(timeouts));

describe("conntrack's timeouts of a Lab", () => {
  it("are the kernel's with kube-proxy's two, unless set", () => {
    const timeouts = Object.entries(DEFAULT_SETTINGS).filter(([name]) => name.includes("imeout"));
    expect(settingsOf({})).toEqual({
      ...Object.fromEntries(timeouts),
      tcpTimeoutEstablished: 86_400,
      tcpTimeoutCloseWait: 3600,
    });
  });

  it("are set by the names of the sysctls", () => {
    const set = settingsOf({ nf_conntrack_tcp_timeout_close_wait: 60, nf_conntrack_udp_timeout_stream: 180 });
    expect(set).toEqual({ ...settingsOf({}), tcpTimeoutCloseWait: 60, udpTimeoutStream: 180 });
  });

  it("are whole seconds from 1 on, and of no other name", () => {
    for (const bad of [
      { nf_conntrack_udp_timeout: 0 },
      { nf_conntrack_udp_timeout: 1.5 },
      { nf_conntrack_udp_timeout: "30" },
      { nf_conntrack_icmp_timeout: 1_000_001 },
      { nf_conntrack_max: 100 },
    ])
      expect(conntrackTimeoutsSchema.safeParse(bad).success).toBe(false);
  });
});
