import { describe, expect, it } from "vitest";
import { FRAG_MF, PROTO_ICMP, PROTO_SCTP, PROTO_UDP } from "../../../src/plane/packet.ts";
import { setI32 } from "../../../src/plane/wire/bytes.ts";
import { describePacket } from "../../../src/plane/wire/describe.ts";
import { IP_DST, IP_SRC } from "../../../src/plane/wire/ipv4.ts";
import { ip, type Made, make, OFF } from "./packets.ts";

describe("describePacket", () => {
  const line = (m: Made) => describePacket(m.b, OFF, m.len);
  /** An ICMP error about the first 8 bytes behind the header of another packet. */
  const error = (type: number, code: number, rest: number, about: Made, quoted = 28) =>
    line(make({ protocol: PROTO_ICMP, type, code, rest, payload: about.b.subarray(OFF, OFF + quoted) }));

  it("reads as a person would write the packet down", () => {
    expect(line(make({ flags: 0x02, seq: -1, payload: [] }))).toBe(
      "172.31.1.16.40000 > 192.168.0.17.80: TCP [S], seq 4294967295, win 64240, len 0",
    );
    expect(line(make({ flags: 0x18, seq: 5, ack: 9, payload: [1, 2] }))).toBe(
      "172.31.1.16.40000 > 192.168.0.17.80: TCP [P.], seq 5, ack 9, win 64240, len 2",
    );
    expect(line(make({ flags: 0, seq: 5 }))).toContain("TCP [none], seq 5, win");
    expect(line(make({ protocol: PROTO_UDP, dport: 53, payload: [1, 2, 3] }))).toBe(
      "172.31.1.16.40000 > 192.168.0.17.53: UDP len 3",
    );
    expect(line(make({ protocol: PROTO_SCTP, payload: [1] }))).toBe(
      "172.31.1.16.40000 > 192.168.0.17.80: SCTP tag 51966, len 1",
    );
    expect(line(make({ protocol: PROTO_ICMP }))).toBe(
      "172.31.1.16 > 192.168.0.17: ICMP echo request (type 8 code 0), id 7, seq 1, len 0",
    );
    expect(line(make({ protocol: PROTO_ICMP, type: 9 }))).toBe(
      "172.31.1.16 > 192.168.0.17: ICMP message (type 9 code 0), len 0",
    );
    expect(line(make({ protocol: 47, payload: [1] }))).toBe("172.31.1.16 > 192.168.0.17: protocol 47, len 1");
    expect(line(make({ frag: FRAG_MF | 2, payload: [1, 2, 3, 4] }))).toBe(
      "172.31.1.16 > 192.168.0.17: fragment 16-40+ of id 4660, protocol 6",
    );
    expect(describePacket(new Uint8Array(30), 10, 20)).toBe("malformed packet, 20 bytes");
  });

  it("says what an ICMP error is about", () => {
    const head = "172.31.1.16 > 192.168.0.17: ICMP";
    expect(error(3, 3, 0, make({ protocol: PROTO_UDP, dport: 53, payload: [1, 2] }))).toBe(
      `${head} port unreachable (type 3 code 3), for [172.31.1.16.40000 > 192.168.0.17.53: UDP len 2]`,
    );
    expect(error(3, 4, 1500, make({ seq: 77, payload: new Uint8Array(9) }))).toBe(
      `${head} fragmentation needed (type 3 code 4), mtu 1500, for [172.31.1.16.40000 > 192.168.0.17.80: TCP seq 77]`,
    );
    expect(error(11, 0, 0, make({ protocol: PROTO_ICMP }))).toContain(
      "time exceeded in transit (type 11 code 0), for [172.31.1.16 > ",
    );
    expect(error(3, 13, 0, make())).toContain("administratively prohibited (type 3 code 13), for [");
    expect(error(3, 3, 0, make({ protocol: PROTO_ICMP, type: 3 }))).toContain("for [an ICMP error]");
    expect(error(3, 3, 0, make(), 12)).toContain("for [malformed packet]");
  });

  it("shows changed addresses", () => {
    const m = make();
    setI32(m.b, OFF + IP_SRC, ip("10.0.0.1"));
    setI32(m.b, OFF + IP_DST, ip("10.0.0.2"));
    expect(line(m)).toContain("10.0.0.1.40000 > 10.0.0.2.80: TCP");
  });
});
