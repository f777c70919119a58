// What the benches use of podplane: the built plane, which imports nothing but itself. `npm run build` at the top makes it.
export { Conntrack } from "/tmp/podplane-b/dist/plane/conntrack/table.js";
export { C_DROPS, C_READ, C_WRITTEN } from "/tmp/podplane-b/dist/plane/counters.js";
export { Lpm } from "/tmp/podplane-b/dist/plane/lpm/lpm.js";
export { PROTO_TCP, PROTO_UDP, Packet, VNET_BEFORE } from "/tmp/podplane-b/dist/plane/packet.js";
export { Plane } from "/tmp/podplane-b/dist/plane/plane.js";
export { Random } from "/tmp/podplane-b/dist/plane/random.js";
export { REASONS } from "/tmp/podplane-b/dist/plane/reasons.js";
export * as rows from "/tmp/podplane-b/dist/plane/rows.js";
export { maskOf, parseAddress, parseCidr } from "/tmp/podplane-b/dist/plane/wire/address.js";
export { getI32, getU16, setI32, setU16 } from "/tmp/podplane-b/dist/plane/wire/bytes.js";
export { ipv4HeaderChecksumOk, pseudoHeaderSum } from "/tmp/podplane-b/dist/plane/wire/checksum.js";
export { writeIpv4Header } from "/tmp/podplane-b/dist/plane/wire/ipv4.js";
export { TCP_ACK, TCP_CHECKSUM, TCP_PSH, TCP_SYN, writeTcpHeader } from "/tmp/podplane-b/dist/plane/wire/tcp.js";
