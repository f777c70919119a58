import { DEV, VIP } from "./bench.ts";
import type { Dice } from "./dice.ts";
import { ip } from "./packets.ts";
import { big16, build, cutUp, type Spec, VNET } from "./slowPacket.ts";

/** Random traffic for the bench's lab: mostly what its machines would send, some of it what they should not. */
export interface Arrival {
  device: number;
  bytes: Uint8Array;
}

const SENDERS: readonly [device: number, address: string][] = [
  [DEV.host0, "10.0.1.10"],
  [DEV.host0, "127.0.0.1"],
  [DEV.host1, "10.0.2.10"],
  [DEV.client, "10.0.1.32"],
  [DEV.second, "10.0.1.48"],
  [DEV.api0, "10.0.2.32"],
  [DEV.api1, "10.0.2.33"],
  [DEV.rds, "10.0.1.200"],
  [DEV.web, "203.0.113.10"],
  [DEV.office, "192.168.7.7"],
];

const DESTINATIONS = [
  "10.0.1.10",
  "10.0.1.20",
  "10.0.2.10",
  "10.0.1.32",
  "10.0.1.48",
  "10.0.2.32",
  "10.0.2.33",
  "10.0.1.200",
  "203.0.113.10",
  "192.168.7.7",
  "198.51.100.10",
  VIP,
  VIP,
  VIP,
  "172.20.99.99",
  "127.0.0.1",
  "10.0.3.3",
  "198.18.0.1",
  "192.168.7.8",
  "203.0.113.11",
  "224.0.0.251",
  "255.255.255.255",
  "0.0.0.0",
];

const PORTS = [53, 80, 81, 5353, 8080, 30080, 40000, 511, 1023, 0, 65535];
const TCP_FLAGS = [0x02, 0x12, 0x10, 0x18, 0x11, 0x04, 0x14, 0x03, 0x00, 0xff];
const OPTIONS = [
  undefined,
  undefined,
  undefined,
  Uint8Array.of(1, 1, 1, 0),
  Uint8Array.of(7, 7, 4, 0, 0, 0, 0, 0),
  Uint8Array.of(0x94, 4, 0, 0),
];
const PROTOCOLS = [6, 6, 6, 17, 17, 17, 1, 1, 132, 47];
const MF = 0x2000;

/** One sender's datagram, whole: maybe a super-packet, maybe with a TTL that runs out on the way. */
export function randomSpec(dice: Dice): Spec & { device: number } {
  const [device, source] = dice.pick(SENDERS);
  const protocol = dice.pick(PROTOCOLS);
  const large = dice.chance(0.15);
  const offload =
    (protocol === 6 || protocol === 17) && dice.chance(0.4)
      ? large && dice.chance(0.6)
        ? dice.pick([512, 1400, 1448, 8948])
        : "partial"
      : "none";
  const options = dice.pick(OPTIONS);
  return {
    device,
    protocol,
    src: dice.chance(0.02) ? dice.word() : ip(source),
    dst: dice.chance(0.02) ? dice.word() : ip(dice.pick(DESTINATIONS)),
    sport: dice.chance(0.6) ? dice.pick(PORTS) : dice.int(65536),
    dport: dice.chance(0.8) ? dice.pick(PORTS) : dice.int(65536),
    ttl: dice.chance(0.8) ? 64 : dice.int(4),
    id: dice.int(65536),
    df: dice.chance(0.5),
    ...(options === undefined ? {} : { options }),
    payload: new Uint8Array(large ? dice.int(20_000) : dice.int(200)).fill(dice.int(256)),
    offload,
    unsummed: dice.chance(0.1) && offload === "none",
    seq: dice.int(1000),
    ack: dice.int(1000),
    flags: dice.pick(TCP_FLAGS),
    type: dice.chance(0.6) ? dice.pick([8, 0]) : dice.int(20),
    code: dice.chance(0.9) ? 0 : dice.int(16),
  };
}

/** Arrivals of a datagram: itself, or its fragments, some of them lost, doubled, reordered or out of step. */
export function arrivals(dice: Dice): Arrival[] {
  const spec = randomSpec(dice);
  const { device } = spec;
  if (dice.chance(0.85)) return [{ device, bytes: dice.chance(0.1) ? errorAbout(dice, spec) : build(spec) }];
  const whole = build({ ...spec, offload: "none", df: false });
  const pieces = cutUp(whole, 8 * (1 + dice.int(300)));
  const list: Arrival[] = [];
  for (const bytes of dice.shuffle(pieces.slice(0, 40))) {
    if (dice.chance(0.05)) continue;
    list.push({ device, bytes });
    if (dice.chance(0.05)) list.push({ device, bytes });
  }
  return list;
}

/** An ICMP error of the sender about a packet that it may have received, cut anywhere. */
function errorAbout(dice: Dice, spec: Spec): Uint8Array {
  const inner = build({ ...randomSpec(dice), dst: spec.src }).subarray(VNET);
  const payload = inner.slice(0, dice.int(Math.min(inner.length, 548) + 1));
  return build({
    ...spec,
    protocol: 1,
    type: dice.pick([3, 4, 5, 11, 12]),
    code: dice.int(5),
    payload,
    offload: "none",
  });
}

/** Breaks a packet: bytes, lengths, its end, its virtio_net_hdr; half of the time with a right header checksum again. */
export function mutate(dice: Dice, bytes: Uint8Array): Uint8Array {
  let b = bytes.slice();
  const changes = 1 + dice.int(4);
  for (let i = 0; i < changes; i++) {
    switch (dice.int(6)) {
      case 0:
        b[dice.int(b.length)] = dice.int(256);
        break;
      case 1:
        b[VNET + dice.int(Math.min(40, b.length - VNET))] ^= 1 << dice.int(8);
        break;
      case 2:
        b = b.slice(0, VNET + dice.int(b.length - VNET + 1));
        if (b.length <= VNET) b = bytes.slice();
        break;
      case 3:
        b.set(dice.bytes(VNET), 0);
        break;
      case 4:
        if (b.length >= VNET + 8) big16(b, VNET + 6, dice.chance(0.5) ? dice.int(65536) : MF | dice.int(64));
        break;
      default:
        if (b.length >= VNET + 4) big16(b, VNET + 2, dice.chance(0.7) ? b.length - VNET : dice.int(65536));
    }
  }
  if (dice.chance(0.7)) fixHeader(b);
  return b;
}

function fixHeader(b: Uint8Array): void {
  const end = VNET + (b[VNET] & 15) * 4;
  if (end < VNET + 20 || end > b.length) return;
  big16(b, VNET + 10, 0);
  let total = 0;
  for (let i = VNET; i < end; i += 2) total += b[i] * 256 + b[i + 1];
  while (total > 0xffff) total = (total % 65536) + Math.floor(total / 65536);
  big16(b, VNET + 10, 0xffff - total);
}
