/** How a source's packets leave its node: by what its address is of. */
export const SOURCE_KINDS = {
  primary: "pod on the primary ENI",
  secondary: "pod on a secondary ENI",
  custom: "pod with custom networking",
  podSubnet: "pod in a pod subnet",
  branchStrict: "pod with a branch ENI, strict",
  branchStandard: "pod with a branch ENI, standard",
  hostNetwork: "hostNetwork pod",
  node: "node",
  host: "host",
} as const;

export type SourceKind = keyof typeof SOURCE_KINDS;

/**
 * Where a destination is, as the source sees it; in the order of the matrix. A ClusterIP's endpoint is on another node, or
 * outside the VPC.
 */
export const DESTINATION_KINDS = {
  sameNode: "same node",
  otherNode: "other node",
  vpcHost: "VPC",
  secondaryCidr: "secondary CIDR",
  peeredVpc: "peered VPC",
  otherVpc: "other VPC",
  onPremises: "on-premises",
  awsService: "AWS service",
  internet: "internet",
  clusterIp: "ClusterIP",
  clusterIpOutside: "ClusterIP, outside",
  /** One that somebody named. */
  named: "named",
} as const;

export type DestinationKind = keyof typeof DESTINATION_KINDS;

/** Who asks. */
export interface SeenSource {
  readonly kind: SourceKind;
  /** `pod/default/web-1` */
  readonly name: string;
  /** Name of its node; null: it is on none. */
  readonly node: string | null;
  /** `node-1/eth1`; null: a host beyond the VPC. */
  readonly eni: string | null;
  /** int32 */
  readonly address: number;
}

/** Who is asked. */
export interface SeenDestination {
  readonly kind: DestinationKind;
  /** `host/rds`, `svc/default/api:80` */
  readonly name: string;
  /** What a question names: with a port. */
  readonly asked: string;
}
