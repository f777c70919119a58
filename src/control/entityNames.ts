import { interfaceName } from "./vpc/eni.ts";

/** The names by which people see what has an index in the plane. */
export function nodeName(name: string): string {
  return `node/${name}`;
}

export function hostName(name: string): string {
  return `host/${name}`;
}

/** `node-1/eth1` */
export function eniName(node: string, deviceNumber: number): string {
  return `${node}/${interfaceName(deviceNumber)}`;
}

/** `node-1/vlan.eth.1`: a branch ENI, by the name of its VLAN interface on the node. */
export function branchEniName(node: string, vlan: number): string {
  return `${node}/vlan.eth.${vlan}`;
}

/** `rds/eth0`: the one ENI of a host in the VPC. */
export function hostEniName(host: string): string {
  return eniName(host, 0);
}

/** `nat/nat-a`: the ENI of a NAT gateway. */
export function natGatewayEniName(gateway: string): string {
  return `nat/${gateway}`;
}
