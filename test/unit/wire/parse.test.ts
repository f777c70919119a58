import fc from "fast-check";
import { describe, expect, it } from "vitest";
import * as K from "../../../src/plane/packet.ts";
import { HEADROOM } from "../../../src/plane/vector.ts";
import { setI32, setU16 } from "../../../src/plane/wire/bytes.ts";
import { writeIpv4HeaderChecksum } from "../../../src/plane/wire/checksum.ts";
import { describePacket } from "../../../src/plane/wire/describe.ts";
import { IP_DST, IP_FRAG, IP_PROTOCOL, IP_SRC } from "../../../src/plane/wire/ipv4.ts";
import { TCP_DATA_OFFSET } from "../../../src/plane/wire/tcp.ts";
import { UDP_LENGTH } from "../../../src/plane/wire/udp.ts";
import {
  clearVnet,
  vnetCsumOffset,
  vnetCsumStart,
  vnetFlags,
  vnetGsoSize,
  vnetGsoType,
  vnetHdrLen,
  writeVnet,
} from "../../../src/plane/wire/virtio.ts";
import { sumTwin } from "./checksumTwin.ts";
import { ip, L4, type Made, make, makePartial, OFF, packetOf, setTotalLength, VNET } from "./packets.ts";

const SRC = ip("172.31.1.16");
const DST = ip("192.168.0.17");

function parse(m: Made, len = m.len) {
  const p = packetOf(m);
  return { result: new (class {})() && K.PARSE_OK, p, len };
}
