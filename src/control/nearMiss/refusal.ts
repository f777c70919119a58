/** The rule that almost matched. */
export interface NearMiss {
  /** `securitygroup/db ingress[1] tcp 5432 from 10.0.1.0/24` */
  rule: string;
  /** Each condition that does not hold: `source 10.0.3.7 is not in 10.0.1.0/24`. */
  differs: string[];
}

/** A packet where it was refused, and what refused it, as numbers: addresses are int32. */
export interface Refusal {
  /** Reason code. */
  readonly code: string;
  /** Node that refused it; -1: the VPC. */
  readonly node: number;
  readonly protocol: number;
  readonly src: number;
  readonly sport: number;
  readonly dst: number;
  /** ICMP: type << 8 | code. */
  readonly dport: number;
  /** Device that sent it; -1: unknown. */
  readonly sender: number;
  /** ENI that was asked, or that it stood at last; -1: none. */
  readonly eni: number;
  /** Device of the pod whose policies were asked, or that it was for; -1: none. */
  readonly device: number;
  readonly egress: boolean;
  /** Numbers of what was asked; -1: none of these was. */
  readonly service: number;
  readonly subnet: number;
  readonly acl: number;
  /** Number of the ACL's rule that decided; 0: rule "*". */
  readonly aclRule: number;
  readonly routeTable: number;
  readonly natGateway: number;
  readonly peering: number;
  readonly transitAttachment: number;
  /** Policy rule that denied it, by its number; -1: none did. */
  readonly policyRule: number;
  /** Impairment, by its number; -1: none. */
  readonly impairment: number;
  /** Bytes on the wire and the MTU that they were measured against; 0: they were not. */
  readonly size: number;
  readonly mtu: number;
}
