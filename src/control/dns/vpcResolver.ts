import type { SoaAnswer } from "dns-packet";
import { canonicalName, dashed, isWithin, REVERSE_ZONE, reversedAddress } from "./names.ts";
import { answered, NOERROR, NXDOMAIN, negative, type Reply, type Resolver, refused } from "./records.ts";

/** EC2's own names have this TTL (observed; AWS documents none). */
const TTL = 60;
const NEGATIVE_TTL = 60;
const SOA_REFRESH = 7200;
const SOA_RETRY = 900;
const SOA_EXPIRE = 604_800;

/** A machine that has a name: a node, or a host of the lab. */
export interface NamedMachine {
  readonly name: string;
  readonly address: string;
  /** Whether it is in the VPC: then EC2 names it by its address as well. */
  readonly inVpc: boolean;
}

/**
 * The VPC's resolver (the VPC's base plus two, and 169.254.169.253): machines by the names that EC2 gives them
 * (`ip-10-0-1-4.ec2.internal`, and back), and by the names that they have in the lab, alone or below the region's domain.
 * It forwards nothing: what a lab does not name does not exist.
 */
export class VpcResolver implements Resolver {
  readonly #domain: string;
  readonly #addresses = new Map<string, string>();
  readonly #names = new Map<string, string>();

  /** @param domain of the region's machines (names.ts, regionDomain) */
  constructor(domain: string, machines: readonly NamedMachine[]) {
    this.#domain = domain;
    // A name that two have is the first one's; those of the lab go before those of EC2.
    for (const { name, address } of machines)
      for (const own of [name, `${name}.${domain}`]) if (!this.#addresses.has(own)) this.#addresses.set(own, address);
    for (const { address, inVpc } of machines) {
      if (!inVpc) continue;
      const own = `ip-${dashed(address)}.${domain}`;
      if (!this.#addresses.has(own)) this.#addresses.set(own, address);
      this.#names.set(address, own);
    }
  }

  reply(name: string, type: string): Reply {
    if (type === "AXFR" || type === "IXFR") return refused();
    const asked = canonicalName(name);
    const address = this.#addresses.get(asked);
    if (address !== undefined)
      return type === "A" ? answered([{ type, name, ttl: TTL, data: address }], false) : this.#negative(NOERROR, asked);
    const reversed = reversedAddress(asked);
    const pointer = reversed === null ? undefined : this.#names.get(reversed);
    if (pointer !== undefined)
      return type === "PTR"
        ? answered([{ type, name, ttl: TTL, data: pointer }], false)
        : this.#negative(NOERROR, asked);
    return this.#negative(isWithin(this.#domain, asked) || isWithin(REVERSE_ZONE, asked) ? NOERROR : NXDOMAIN, asked);
  }

  #negative(rcode: typeof NOERROR | typeof NXDOMAIN, asked: string): Reply {
    const zone = [this.#domain, REVERSE_ZONE].find((z) => isWithin(asked, z)) ?? "";
    const below = (label: string) => (zone === "" ? label : `${label}.${zone}`);
    const soa: SoaAnswer = {
      type: "SOA",
      name: zone === "" ? "." : zone,
      ttl: NEGATIVE_TTL,
      data: {
        mname: below("ns0"),
        rname: below("hostmaster"),
        serial: 1,
        refresh: SOA_REFRESH,
        retry: SOA_RETRY,
        expire: SOA_EXPIRE,
        minimum: NEGATIVE_TTL,
      },
    };
    return negative(rcode, false, soa);
  }
}
