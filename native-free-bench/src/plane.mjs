// What the benches use of podplane: the built plane, which imports nothing but itself. `npm run build` at the top makes it.
export { Conntrack } from "../../dist/plane/conntrack/table.js";
export { C_DROPS, C_READ, C_WRITTEN } from "../../dist/plane/counters.js";
export { Lpm } from "../../dist/plane/lpm/lpm.js";
export { Packet, PROTO_TCP, PROTO_UDP, VNET_BEFORE } from "../../dist/plane/packet.js";
export { Plane } from "../../dist/plane/plane.js";
export { Random } from "../../dist/plane/random.js";
export { REASONS } from "../../dist/plane/reasons.js";
export * as rows from "../../dist/plane/rows.js";
export { maskOf, parseAddress, parseCidr } from "../../dist/plane/wire/address.js";
export { getI32, getU16, setI32, setU16 } from "../../dist/plane/wire/bytes.js";
export { ipv4HeaderChecksumOk, pseudoHeaderSum } from "../../dist/plane/wire/checksum.js";
export { writeIpv4Header } from "../../dist/plane/wire/ipv4.js";
export { TCP_ACK, TCP_CHECKSUM, TCP_PSH, TCP_SYN, writeTcpHeader } from "../../dist/plane/wire/tcp.js";
