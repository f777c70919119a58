import { formatAddress } from "../../../plane/wire/address.ts";
import { addressAt, cidrSize, containsAddress, containsCidr } from "../cidr.ts";
import { slotText } from "../eni.ts";
import { PREFIX_LENGTH, PREFIX_SIZE } from "../instanceTypes.ts";
import type { SubnetAddresses } from "../subnet.ts";
import type { Held } from "./addresses.ts";
import type { Instance, Trunking } from "./interfaces.ts";
import type { NetworkInterface } from "./types.ts";

const HOST_LENGTH = 32;

/** All that EC2 keeps of a VPC, as plain lists. */
export interface Books {
  readonly subnets: ReadonlyMap<string, SubnetAddresses>;
  readonly interfaces: readonly NetworkInterface[];
  readonly instances: readonly Instance[];
  readonly held: readonly Held[];
  readonly trunkOf: (branch: string) => Trunking | null;
}

/** What must always hold and does not: each a sentence. Counts everything anew, without the indices that it checks. */
export function violations(books: Books): string[] {
  const found: string[] = [];
  const say = (text: string) => void found.push(text);
  checkOwners(books, say);
  for (const [name, subnet] of books.subnets) checkTotals(name, subnet, say);
  for (const eni of books.interfaces) checkInterface(eni, books, say);
  for (const instance of books.instances) checkInstance(instance, books, say);
  return found;
}

type Say = (text: string) => void;

/** Every address has the owner that ENIs and holders say, and only one. */
function checkOwners(books: Books, say: Say): void {
  const claims = new Map<string, Map<number, string>>();
  for (const name of books.subnets.keys()) claims.set(name, new Map());
  const claim = (subnet: string, prefix: number, count: number, owner: string) => {
    const owners = claims.get(subnet);
    if (owners === undefined) return say(`${owner} is of subnet ${subnet}, which there is not`);
    for (let i = 0; i < count; i++) {
      const address = (prefix + i) | 0;
      const other = owners.get(address);
      if (other !== undefined) say(`${formatAddress(address)} is both ${other}'s and ${owner}'s`);
      owners.set(address, owner);
    }
  };
  for (const eni of books.interfaces) {
    claim(eni.subnet, eni.address, 1, eni.id);
    for (const { prefix, length } of eni.slots) claim(eni.subnet, prefix, 2 ** (HOST_LENGTH - length), eni.id);
  }
  for (const { owner, subnet, address } of books.held) claim(subnet, address, 1, owner);

  for (const [name, subnet] of books.subnets) {
    const claimed = claims.get(name) ?? new Map<number, string>();
    for (const { prefix, length, owner } of subnet.owners())
      for (let i = 0; i < 2 ** (HOST_LENGTH - length); i++) {
        const address = (prefix + i) | 0;
        if (claimed.get(address) !== owner)
          say(
            `${formatAddress(address)} of ${name} is ${owner}'s by the subnet, ${claimed.get(address) ?? "nobody"}'s by use`,
          );
        claimed.delete(address);
      }
    for (const [address, owner] of claimed)
      say(`${owner} has ${formatAddress(address)}, which ${name} knows nothing of`);
  }
}

/** The totals that a subnet keeps along are those of its addresses; nothing that EC2 reserves is in use. */
function checkTotals(name: string, subnet: SubnetAddresses, say: Say): void {
  const { cidr, reservations } = subnet;
  const prefixReservations = reservations.filter((r) => r.type === "prefix");
  const total = { free: 0, automatic: 0, prefixes: 0 };
  const size = cidrSize(cidr);
  for (let first = 0; first < size; first += PREFIX_SIZE) {
    let clean = 0;
    let withheld = false;
    for (let offset = first; offset < first + PREFIX_SIZE; offset++) {
      const address = addressAt(cidr, offset);
      const refusal = subnet.refusal(address);
      if (refusal === "reserved" && subnet.ownerOf(address) !== null)
        say(`${formatAddress(address)} of ${name} is EC2's and ${subnet.ownerOf(address)}'s`);
      const reserved = reservations.some((r) => containsAddress(r.cidr, address));
      withheld ||= reserved;
      if (refusal !== null) continue;
      clean++;
      total.free++;
      if (!reserved) total.automatic++;
    }
    const block = { prefix: addressAt(cidr, first), length: PREFIX_LENGTH };
    const forPrefixes =
      prefixReservations.length > 0 ? prefixReservations.some((r) => containsCidr(r.cidr, block)) : !withheld;
    if (clean === PREFIX_SIZE && forPrefixes) total.prefixes++;
  }
  const compare = (what: string, kept: number, counted: number) => {
    if (kept !== counted) say(`${name} says it has ${kept} ${what}; ${counted} are there`);
  };
  compare("free addresses", subnet.freeAddresses, total.free);
  compare("addresses to give", subnet.automaticAddresses, total.automatic);
  compare("free prefixes", subnet.freePrefixes, total.prefixes);
  compare("available addresses", [...subnet.available()].length, total.automatic);
}

function checkInterface(eni: NetworkInterface, books: Books, say: Say): void {
  const cidr = books.subnets.get(eni.subnet)?.cidr;
  for (const slot of eni.slots) {
    if (slot.length !== HOST_LENGTH && slot.length !== PREFIX_LENGTH)
      say(`${eni.id} has a slot of length ${slot.length}`);
    if (slot.length === PREFIX_LENGTH && slot.prefix % PREFIX_SIZE !== 0)
      say(`${eni.id} has ${slotText(slot)}, which is not aligned`);
    if (cidr !== undefined && !containsCidr(cidr, slot)) say(`${eni.id} has ${slotText(slot)}, not of ${eni.subnet}`);
  }
  if (eni.interfaceType === "branch") {
    const trunk = books.interfaces.find((other) => other.id === books.trunkOf(eni.id)?.trunk);
    if ((trunk?.instance ?? null) !== eni.instance)
      say(`${eni.id} is ${eni.instance}'s, its trunk ${trunk?.instance ?? "nobody"}'s`);
    if (eni.deviceNumber !== null) say(`${eni.id} is a branch ENI with a device number`);
  } else if ((eni.instance === null) !== (eni.deviceNumber === null)) say(`${eni.id} is half attached`);
  if (eni.instance !== null && !books.instances.some((i) => i.name === eni.instance))
    say(`${eni.id} is ${eni.instance}'s, which there is not`);
}

/** What EC2 limits. */
function checkInstance({ name, limits }: Instance, books: Books, say: Say): void {
  const enis = books.interfaces.filter((eni) => eni.instance === name);
  const branches = enis.filter((eni) => eni.interfaceType === "branch");
  const devices = enis.filter((eni) => eni.interfaceType !== "branch");
  if (devices.length > limits.enis) say(`${name} has ${devices.length} ENIs of ${limits.enis}`);
  if (branches.length > limits.branchEnis) say(`${name} has ${branches.length} branch ENIs of ${limits.branchEnis}`);
  if (!devices.some((eni) => eni.deviceNumber === 0)) say(`${name} has no primary ENI`);
  unique(devices, (eni) => `device ${eni.deviceNumber} of ${name}`, say);
  unique(branches, (eni) => `VLAN ${books.trunkOf(eni.id)?.vlan} of ${books.trunkOf(eni.id)?.trunk}`, say);
  for (const eni of enis) {
    if (1 + eni.slots.length > limits.addressesPerEni)
      say(`${eni.id} has ${1 + eni.slots.length} slots of ${limits.addressesPerEni}`);
    if (!limits.prefixes && eni.slots.some((slot) => slot.length === PREFIX_LENGTH))
      say(`${eni.id} has a prefix, which ${name} does not take`);
  }
}

function unique(enis: readonly NetworkInterface[], key: (eni: NetworkInterface) => string, say: Say): void {
  const seen = new Map<string, string>();
  for (const eni of enis) {
    const other = seen.get(key(eni));
    if (other !== undefined) say(`${key(eni)} is both ${other}'s and ${eni.id}'s`);
    seen.set(key(eni), eni.id);
  }
}
