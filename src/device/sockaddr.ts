import { AF_INET } from "./linux.ts";

/** `struct sockaddr_in` (include/uapi/linux/in.h): family in host order, port and address in network order. */
const SOCKADDR_IN_SIZE = 16;
const FAMILY = 0;
const PORT = 2;
const ADDRESS = 4;

/** A `struct sockaddr_in` of a dotted IPv4 address and a port. */
export function socketAddress(address: string, port: number): Uint8Array {
  const bytes = new Uint8Array(SOCKADDR_IN_SIZE);
  // Every platform that koffi and Node share here is little-endian.
  bytes[FAMILY] = AF_INET;
  new DataView(bytes.buffer).setUint16(PORT, port);
  bytes.set(address.split(".").map(Number), ADDRESS);
  return bytes;
}
