/**
 * ENIs and IPv4 addresses for each ENI of EC2 instance types: families, then `ENIsxaddresses` and the sizes that have
 * them. The ENIs are those of the default network card. Source: amazon-vpc-cni-k8s, pkg/vpc/vpc_ip_resource_limit.go at
 * b5218838 (EC2 DescribeInstanceTypes, August 2026); its misc/eni-max-pods.txt agrees with every row.
 */
export const INSTANCE_LIMITS: readonly (readonly [families: string, limits: string])[] = [
  ["c4", "3x10 large | 4x15 xlarge 2xlarge | 8x30 4xlarge 8xlarge"],
  ["c5 c5d", "3x10 large | 4x15 xlarge 2xlarge | 8x30 4xlarge 9xlarge 12xlarge | 15x50 18xlarge 24xlarge metal"],
  [
    "c5a c5ad m5 m5d m5dn m5n r5 r5b r5d r5dn r5n",
    "3x10 large | 4x15 xlarge 2xlarge | 8x30 4xlarge 8xlarge 12xlarge | 15x50 16xlarge 24xlarge metal",
  ],
  ["c5n", "3x10 large | 4x15 xlarge 2xlarge | 8x30 4xlarge 9xlarge | 15x50 18xlarge metal"],
  [
    "c6a m6a r6a",
    "3x10 large | 4x15 xlarge 2xlarge | 8x30 4xlarge 8xlarge 12xlarge | 15x50 16xlarge 24xlarge 32xlarge 48xlarge metal",
  ],
  [
    "c6g c6gd c7g c7gd c7gn m6g m6gd m7g m7gd r6g r6gd r7g r7gd",
    "2x4 medium | 3x10 large | 4x15 xlarge 2xlarge | 8x30 4xlarge 8xlarge 12xlarge | 15x50 16xlarge metal",
  ],
  ["c6gn", "2x4 medium | 3x10 large | 4x15 xlarge 2xlarge | 8x30 4xlarge 8xlarge 12xlarge | 15x50 16xlarge"],
  [
    "c6i c6id m6i m6id r6i r6id",
    "3x10 large | 4x15 xlarge 2xlarge | 8x30 4xlarge 8xlarge 12xlarge | 15x50 16xlarge 24xlarge 32xlarge metal",
  ],
  [
    "c6in m6idn m6in r6idn r6in",
    "3x10 large | 4x15 xlarge 2xlarge | 8x30 4xlarge 8xlarge 12xlarge | 8x50 32xlarge metal | 15x50 16xlarge 24xlarge",
  ],
  [
    "c7a m7a r7a",
    "2x4 medium | 3x10 large | 4x15 xlarge 2xlarge | 8x30 4xlarge 8xlarge 12xlarge | 15x50 16xlarge 24xlarge 32xlarge 48xlarge metal-48xl",
  ],
  [
    "c7i",
    "3x10 large | 4x15 xlarge 2xlarge | 8x30 4xlarge 8xlarge 12xlarge | 15x50 16xlarge 24xlarge 32xlarge 48xlarge metal-24xl metal-48xl",
  ],
  ["c7i-flex m7i-flex", "3x10 large | 4x15 xlarge 2xlarge | 8x30 4xlarge 8xlarge 12xlarge | 15x50 16xlarge"],
  [
    "c8a m8a r8a",
    "2x4 medium | 3x20 large | 4x20 xlarge | 4x40 2xlarge | 8x40 4xlarge | 10x40 8xlarge | 12x64 12xlarge | 16x64 16xlarge 24xlarge metal-24xl | 24x64 48xlarge metal-48xl",
  ],
  [
    "c8g c8gd m8g m8gd r8g r8gd",
    "2x4 medium | 3x10 large | 4x15 xlarge 2xlarge | 8x30 4xlarge 8xlarge 12xlarge | 15x50 16xlarge 24xlarge 48xlarge metal-24xl metal-48xl",
  ],
  [
    "c8gb c8gn m8gb m8gn r8gb r8gn",
    "2x4 medium | 3x10 large | 4x15 xlarge 2xlarge | 8x30 4xlarge | 10x30 8xlarge | 12x30 12xlarge | 12x50 48xlarge metal-48xl | 16x50 16xlarge | 24x50 24xlarge metal-24xl",
  ],
  [
    "c8i c8id m8i m8id r8i r8id",
    "3x20 large | 4x30 xlarge 2xlarge | 8x50 4xlarge | 10x50 8xlarge | 12x50 12xlarge | 16x64 16xlarge 24xlarge | 24x64 32xlarge 48xlarge 96xlarge metal-48xl metal-96xl",
  ],
  [
    "c8i-flex m8i-flex r8i-flex",
    "3x20 large | 4x30 xlarge 2xlarge | 8x50 4xlarge | 10x50 8xlarge | 12x50 12xlarge | 16x64 16xlarge",
  ],
  [
    "c8ib c8in m8ib m8idb m8idn m8in r8ib r8idb r8idn r8in",
    "4x20 large | 4x30 xlarge 2xlarge | 8x50 4xlarge 8xlarge | 12x50 12xlarge | 12x64 96xlarge metal-96xl | 16x64 16xlarge 24xlarge 32xlarge | 24x64 48xlarge metal-48xl",
  ],
  ["c8ine m8ine", "4x20 large | 4x30 xlarge 2xlarge | 8x50 4xlarge 8xlarge | 12x50 12xlarge"],
  [
    "c9g c9gd m9g m9gd",
    "2x20 medium | 3x20 large | 4x30 xlarge 2xlarge | 8x50 4xlarge | 10x50 8xlarge | 12x50 12xlarge | 16x64 16xlarge | 24x64 24xlarge 48xlarge metal-48xl",
  ],
  ["m4", "2x10 large | 4x15 xlarge 2xlarge | 8x30 4xlarge 10xlarge 16xlarge"],
  ["m5a m5ad r5a r5ad", "3x10 large | 4x15 xlarge 2xlarge | 8x30 4xlarge 8xlarge 12xlarge | 15x50 16xlarge 24xlarge"],
  ["m5zn", "3x10 large | 4x15 xlarge 2xlarge | 8x30 3xlarge 6xlarge | 15x50 12xlarge metal"],
  [
    "m7i r7i",
    "3x10 large | 4x15 xlarge 2xlarge | 8x30 4xlarge 8xlarge 12xlarge | 15x50 16xlarge 24xlarge 48xlarge metal-24xl metal-48xl",
  ],
  ["m8azn", "3x4 medium | 4x20 large xlarge | 8x40 3xlarge 6xlarge | 16x64 12xlarge 24xlarge metal-12xl metal-24xl"],
  ["r4", "3x10 large | 4x15 xlarge 2xlarge | 8x30 4xlarge 8xlarge | 15x50 16xlarge"],
  [
    "r7iz",
    "3x10 large | 4x15 xlarge 2xlarge | 8x30 4xlarge 8xlarge 12xlarge | 15x50 16xlarge 32xlarge metal-16xl metal-32xl",
  ],
  ["t2", "2x2 nano micro | 3x4 small | 3x6 medium | 3x12 large | 3x15 xlarge 2xlarge"],
  ["t3 t4g", "2x2 nano micro | 3x4 small | 3x6 medium | 3x12 large | 4x15 xlarge 2xlarge"],
  ["t3a", "2x2 nano micro | 2x4 small | 3x6 medium | 3x12 large | 4x15 xlarge 2xlarge"],
];

/** Families on the Xen hypervisor, which cannot hold prefixes; every other family here is Nitro or bare metal. */
export const XEN_FAMILIES: ReadonlySet<string> = new Set(["t2", "m4", "c4", "r4"]);
