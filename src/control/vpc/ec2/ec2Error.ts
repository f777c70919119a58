/**
 * EC2's error codes and texts, as clients see them. Codes and texts marked "ours" stand for cases whose wording AWS does
 * not publish; daemons act on the code alone.
 */
export type Ec2ErrorCode =
  | "AttachmentLimitExceeded"
  | "InsufficientCidrBlocks"
  | "InsufficientFreeAddressesInSubnet"
  | "InvalidInstanceID.NotFound"
  | "InvalidIPAddress.InUse"
  | "InvalidNetworkInterface.InUse"
  | "InvalidNetworkInterfaceID.NotFound"
  | "InvalidParameterCombination"
  | "InvalidParameterValue"
  | "InvalidSubnet.Conflict"
  | "InvalidSubnetID.NotFound"
  | "OperationNotPermitted"
  | "PrivateIpAddressLimitExceeded"
  | "RequestLimitExceeded"
  | "UnsupportedOperation";

/** An answer of EC2's that is no success. */
export class Ec2Error extends Error {
  readonly code: Ec2ErrorCode;

  /** @param message EC2's text, without the code. */
  constructor(code: Ec2ErrorCode, message: string) {
    super(message);
    this.name = "Ec2Error";
    this.code = code;
  }
}

export function noFreeBlock(): Ec2Error {
  return new Ec2Error(
    "InsufficientCidrBlocks",
    "There are not enough free cidr blocks in the specified subnet to satisfy the request.",
  );
}

export function noFreeAddress(): Ec2Error {
  return new Ec2Error(
    "InsufficientFreeAddressesInSubnet",
    "The specified subnet does not have enough free addresses to satisfy the request.",
  );
}

export function noInterface(eni: string): Ec2Error {
  return new Ec2Error("InvalidNetworkInterfaceID.NotFound", `The networkInterface ID '${eni}' does not exist`);
}

export function noInstance(instance: string): Ec2Error {
  return new Ec2Error("InvalidInstanceID.NotFound", `The instance ID '${instance}' does not exist`);
}

export function noSubnet(subnet: string): Ec2Error {
  return new Ec2Error("InvalidSubnetID.NotFound", `The subnet ID '${subnet}' does not exist`);
}

export function tooManyAddresses(eni: string): Ec2Error {
  return new Ec2Error("PrivateIpAddressLimitExceeded", `${eni}: Number of private addresses will exceed limit.`);
}

export function attachmentLimit(count: number, instanceType: string): Ec2Error {
  return new Ec2Error("AttachmentLimitExceeded", `Interface count ${count} exceeds the limit for ${instanceType}`);
}

/** Ours. */
export function branchLimit(count: number, instanceType: string): Ec2Error {
  return new Ec2Error(
    "AttachmentLimitExceeded",
    `Branch interface count ${count} exceeds the limit for ${instanceType}`,
  );
}

/** Ours. */
export function unsupported(what: string, instanceType: string): Ec2Error {
  return new Ec2Error("UnsupportedOperation", `${what} are not supported on instance type ${instanceType}`);
}

/** What an attempt to attach a device that is attached is told. */
export function interfaceAttached(eni: string): Ec2Error {
  return new Ec2Error("InvalidNetworkInterface.InUse", `Interface: [${eni}] in use.`);
}

/** What an attempt to delete a device that is attached is told: EC2 has no code of its own for it. */
export function interfaceInUse(eni: string): Ec2Error {
  return new Ec2Error("InvalidParameterValue", `Network interface '${eni}' is currently in use.`);
}

export function invalid(message: string): Ec2Error {
  return new Ec2Error("InvalidParameterValue", message);
}

export function throttled(): Ec2Error {
  return new Ec2Error("RequestLimitExceeded", "Request limit exceeded.");
}
