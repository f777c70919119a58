import { PREFIX_LENGTH } from "../instanceTypes.ts";
import type { SlotRequest } from "./addresses.ts";
import {
  attachmentLimit,
  branchLimit,
  Ec2Error,
  interfaceAttached,
  invalid,
  tooManyAddresses,
  unsupported,
} from "./ec2Error.ts";
import type { Instance } from "./interfaces.ts";
import type { NetworkInterface } from "./types.ts";

const VLAN_MIN = 1;
const VLAN_MAX = 4094;
const HOST_LENGTH = 32;

/** An instance with its ENIs, branch ENIs included. */
type InstanceWithEnis = Instance & { readonly enis: readonly NetworkInterface[] };

/** @throws Ec2Error where EC2 does not attach this ENI, of a subnet in `zone`, to the instance. */
export function checkAttachment(
  eni: NetworkInterface,
  deviceNumber: number,
  zone: string,
  instance: InstanceWithEnis,
): void {
  const { limits, instanceType } = instance;
  if (eni.instance !== null) throw interfaceAttached(eni.id);
  if (eni.interfaceType === "branch") throw invalid(`Interface ${eni.id} is a branch interface`);
  if (!Number.isInteger(deviceNumber) || deviceNumber < 0)
    throw invalid(`Invalid value '${deviceNumber}' for DeviceIndex`);
  if (zone !== instance.availabilityZone)
    throw new Ec2Error(
      "InvalidParameterCombination",
      "You may not attach a network interface to an instance if they are not in the same availability zone",
    );
  const attached = instance.enis.filter((other) => other.interfaceType !== "branch");
  if (attached.some((other) => other.deviceNumber === deviceNumber))
    throw invalid(`Instance '${instance.name}' already has an interface attached at device index '${deviceNumber}'.`);
  if (attached.length >= limits.enis) throw attachmentLimit(attached.length + 1, instanceType);
  if (eni.interfaceType === "trunk" && limits.branchEnis === 0) throw unsupported("Trunk interfaces", instanceType);
  checkSlots(
    eni,
    eni.slots.map((slot) => slot.length),
    instance,
  );
}

/** @throws Ec2Error where EC2 does not make the branch ENI one of the trunk's, which is the instance's. */
export function checkAssociation(
  trunk: NetworkInterface,
  branch: NetworkInterface,
  vlan: number,
  instance: InstanceWithEnis,
): void {
  if (trunk.interfaceType !== "trunk") throw invalid(`Interface ${trunk.id} is not a trunk interface`);
  if (branch.interfaceType !== "branch") throw invalid(`Interface ${branch.id} is not a branch interface`);
  if (branch.instance !== null) throw interfaceAttached(branch.id);
  if (!Number.isInteger(vlan) || vlan < VLAN_MIN || vlan > VLAN_MAX)
    throw invalid(`VLAN ${vlan} is not between ${VLAN_MIN} and ${VLAN_MAX}`);
  const branches = instance.enis.filter((other) => other.interfaceType === "branch").length;
  if (branches >= instance.limits.branchEnis) throw branchLimit(branches + 1, instance.instanceType);
}

/** @param lengths of all slots that the ENI shall have. @throws Ec2Error where its instance takes no such slots. */
export function checkSlots(eni: NetworkInterface, lengths: readonly number[], instance: Instance): void {
  const { limits, instanceType } = instance;
  if (!limits.prefixes && lengths.includes(PREFIX_LENGTH)) throw unsupported("Prefixes", instanceType);
  if (1 + lengths.length > limits.addressesPerEni) throw tooManyAddresses(eni.id);
}

/** Lengths of the slots that a request comes to. @throws Ec2Error InvalidParameterValue for a count that is none. */
export function requestedLengths(request: SlotRequest): number[] {
  if ("slots" in request) return request.slots.map((slot) => slot.length);
  const [count, length] =
    "prefixes" in request ? [request.prefixes, PREFIX_LENGTH] : [request.secondaryAddresses, HOST_LENGTH];
  if (!Number.isInteger(count) || count < 0) throw invalid(`Invalid count '${count}'`);
  return new Array<number>(count).fill(length);
}
