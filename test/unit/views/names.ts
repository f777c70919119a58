import type { NameSource } from "../../../src/observe/explain.ts";
import { ip } from "../plane/packets.ts";

const ADDRESSES = new Map([
  [ip("10.0.1.10"), "node/node-0"],
  [ip("10.0.2.10"), "node/node-1"],
  [ip("10.0.1.32"), "pod/default/client"],
  [ip("10.0.2.32"), "pod/default/api-0"],
  [ip("10.0.2.33"), "pod/default/api-1"],
  [ip("192.168.7.7"), "host/office"],
  [ip("203.0.113.10"), "host/web"],
  [ip("172.20.0.17"), "svc/default/api"],
]);
const SERVICES = ["svc/default/api:80", "svc/default/api:81", "svc/default/api:53"];

/** Names of the bench's lab (../plane/bench.ts), as far as views ask for them. */
export const NAMES: NameSource = new Proxy({} as NameSource, {
  get: (_, name) => {
    if (name === "byAddress") return (address: number) => ADDRESSES.get(address) ?? null;
    if (name === "service") return (id: number) => SERVICES[id] ?? "(gone)";
    return (id: number) => `${String(name).replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`)}-${id}`;
  },
});
