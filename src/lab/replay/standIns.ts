import type { Cluster } from "../../control/cluster.ts";
import type { NameSource } from "../../observe/explain.ts";
import type { Plane } from "../../plane/plane.ts";
import { DEVICE_HOST } from "../../plane/rows.ts";
import { formatAddress, maskOf, parseCidr } from "../../plane/wire/address.ts";

/** Devices of a plane are numbered from 0; stand-ins from the other end. */
const LAST_DEVICE = 4095;
/** Our own choice: whoever sends from more addresses is a scan, and one address of it says what becomes of all. */
const MOST = 1024;
// First octets of blocks that no host sends from (RFC 6890): 0.0.0.0/8, 127.0.0.0/8, and from 224.0.0.0 on.
const FIRST_OCTET_SHIFT = 24;
const THIS_HOST = 0;
const LOOPBACK = 127;
const MULTICAST = 224;

/**
 * Hosts beyond the lab's gateways that a capture has packets of and the lab has no host for: they are made as they come up,
 * in the network whose CIDR block their address is in.
 */
export class StandIns {
  readonly #plane: Plane;
  readonly #cluster: Cluster;
  readonly #devices = new Map<number, number>();
  readonly #labels = new Map<number, string>();
  /** Names, with those of the stand-ins: `internet 192.0.2.7`. */
  readonly names: NameSource;

  constructor(plane: Plane, cluster: Cluster, names: NameSource) {
    this.#plane = plane;
    this.#cluster = cluster;
    this.names = withStandIns(names, this.#labels);
  }

  /** The device that stands for the host with an address, or -1: it is none of the lab's networks', or there are too many. */
  deviceOf(address: number): number {
    const known = this.#devices.get(address);
    if (known !== undefined) return known;
    if (this.#devices.size === MOST || this.#isInside(address)) return -1;
    const { networks } = this.#cluster.state().model;
    let best: (typeof networks)[number] | null = null;
    let longest = -1;
    for (const network of networks)
      for (const { prefix, length } of network.cidrs)
        if ((address & maskOf(length)) === prefix && length > longest) [best, longest] = [network, length];
    if (best === null) return -1;
    const { index, vpc, name, mtu } = best;
    const device = LAST_DEVICE - this.#devices.size;
    this.#devices.set(address, device);
    this.#labels.set(device, `${name} ${formatAddress(address)}`);
    this.#plane.apply({
      put: [
        { t: "device", id: device, kind: DEVICE_HOST, node: -1, eni: -1, address, mtu },
        { t: "outside", network: index, address, device, vpc },
      ],
      gone: [],
    });
    return device;
  }

  /** An address of the VPCs or of services is nobody's beyond them; some are nobody's at all. */
  #isInside(address: number): boolean {
    const first = address >>> FIRST_OCTET_SHIFT;
    if (first === THIS_HOST || first === LOOPBACK || first >= MULTICAST) return true;
    const { spec } = this.#cluster.lab;
    const blocks = [...spec.vpc.cidrBlocks, ...spec.vpcs.flatMap((v) => v.cidrBlocks), spec.cluster.serviceCidr];
    return blocks.some((text) => {
      const block = parseCidr(text);
      return block !== null && (address & maskOf(block.length)) === block.prefix;
    });
  }
}

/** Names with some more devices. */
function withStandIns(names: NameSource, devices: ReadonlyMap<number, string>): NameSource {
  const own: Pick<NameSource, "device"> = { device: (index) => devices.get(index) ?? names.device(index) };
  return new Proxy(names, {
    get(target, key) {
      if (key === "device") return own.device;
      const value: unknown = Reflect.get(target, key);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}
