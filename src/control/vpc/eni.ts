import { formatAddress } from "../../plane/wire/address.ts";
import { type Cidr, cidrText } from "./cidr.ts";
import { PREFIX_LENGTH } from "./instanceTypes.ts";

/** A slot of an ENI that is in use: a secondary address (/32) or a delegated prefix (/28). */
export type Slot = Cidr;

/** A node's ENI as EC2 sees it. */
export interface Eni {
  /** Name of the node. */
  readonly node: string;
  /** EC2's device number: 0 is the primary ENI, eth0. */
  readonly deviceNumber: number;
  /** Name of the subnet. */
  readonly subnet: string;
  /** Primary address, int32; it is never a pod's. */
  readonly address: number;
  /** Slots in use besides the primary address's, in the order they were assigned. */
  readonly slots: readonly Slot[];
}

/** The name of an ENI as a node shows it: `eth0`, `eth1`, ... */
export function interfaceName(deviceNumber: number): string {
  return `eth${deviceNumber}`;
}

/** Device number of an interface's name, or null for other text. */
export function deviceNumberOf(name: string): number | null {
  const match = /^eth(\d{1,2})$/.exec(name);
  return match === null ? null : Number(match[1]);
}

/** A prefix as a block, a secondary address as an address. */
export function slotText(slot: Slot): string {
  return slot.length === PREFIX_LENGTH ? cidrText(slot) : formatAddress(slot.prefix);
}
