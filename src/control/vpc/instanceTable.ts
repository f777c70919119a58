/**
 * Network limits of EC2 instance types. A line names families, then groups of their sizes that have the same limits:
 *
 * - `3x10+9 large`: 3 ENIs, each with 10 IPv4 addresses (its own among them), and 9 branch ENIs on a trunk;
 * - `3x10 large`: no trunk; `4x20? large`: the VPC resource controller does not list it, so it makes no trunk either;
 * - `8x50+106/2 metal`: two network cards of 8 ENIs each. Pods use those of the default card, which is card 0 everywhere.
 *
 * Sources: ENIs, addresses and cards of the 1391 types of amazon-vpc-cni-k8s, pkg/vpc/vpc_ip_resource_limit.go at b5218838
 * (EC2 DescribeInstanceTypes, August 2026; misc/eni-max-pods.txt agrees with every type); trunks and branch ENIs of the
 * 1163 among them that amazon-vpc-resource-controller-k8s knows, pkg/aws/vpc/limits.go at b8d42511 (20 March 2026).
 */
export const INSTANCE_LIMITS = `
a1: 2x4+10 medium | 3x10+9 large | 4x15+18 xlarge | 4x15+38 2xlarge | 8x30+54 4xlarge metal
bmn-sf1 u-18tb1 u-24tb1: 15x50? metal
c1: 2x6 medium | 4x15 xlarge
c3 c4 r3: 3x10 large | 4x15 xlarge 2xlarge | 8x30 4xlarge 8xlarge
c5 c5d: 3x10+9 large | 4x15+18 xlarge | 4x15+38 2xlarge | 8x30+54 4xlarge 9xlarge 12xlarge
  | 15x50+107 18xlarge 24xlarge metal
c5a c5ad: 3x10+9 large | 4x15+18 xlarge | 4x15+38 2xlarge | 8x30+54 4xlarge 8xlarge 12xlarge
  | 15x50+107 16xlarge 24xlarge | 15x50? metal
c5n: 3x10+9 large | 4x15+18 xlarge | 4x15+38 2xlarge | 8x30+54 4xlarge 9xlarge | 15x50+107 18xlarge metal
c6a m6a r6a: 3x10+9 large | 4x15+18 xlarge | 4x15+38 2xlarge | 8x30+54 4xlarge | 8x30+84 8xlarge | 8x30+114 12xlarge
  | 15x50+107 16xlarge 24xlarge 32xlarge 48xlarge metal
c6g c6gd c7g c7gd c7gn m6g m6gd m7g m7gd r6g r6gd r7g r7gd: 2x4+4 medium | 3x10+9 large | 4x15+18 xlarge
  | 4x15+38 2xlarge | 8x30+54 4xlarge 8xlarge 12xlarge | 15x50+107 16xlarge metal
c6gn: 2x4+4 medium | 3x10+9 large | 4x15+18 xlarge | 4x15+38 2xlarge | 8x30+54 4xlarge 8xlarge 12xlarge
  | 15x50+107 16xlarge
c6i c6id m6i m6id r6i r6id: 3x10+9 large | 4x15+18 xlarge | 4x15+38 2xlarge | 8x30+54 4xlarge | 8x30+84 8xlarge
  | 8x30+114 12xlarge | 15x50+107 16xlarge 24xlarge 32xlarge metal
c6in m6idn m6in r6idn r6in: 3x10+9 large | 4x15+18 xlarge | 4x15+38 2xlarge | 8x30+54 4xlarge | 8x30+84 8xlarge
  | 8x30+114 12xlarge | 15x50+107 16xlarge 24xlarge | 8x50+106/2 32xlarge metal
c7a m7a r7a: 2x4+4 medium | 3x10+9 large | 4x15+18 xlarge | 4x15+38 2xlarge | 8x30+54 4xlarge | 8x30+84 8xlarge
  | 8x30+114 12xlarge | 15x50+107 16xlarge 24xlarge 32xlarge 48xlarge metal-48xl
c7i: 3x10+9 large | 4x15+18 xlarge | 4x15+38 2xlarge | 8x30+54 4xlarge | 8x30+84 8xlarge | 8x30+114 12xlarge
  | 15x50+107 16xlarge 24xlarge 48xlarge metal-24xl metal-48xl | 15x50? 32xlarge
c7i-flex m7i-flex: 3x10+3 large | 4x15+8 xlarge | 4x15+18 2xlarge | 8x30+34 4xlarge | 8x30+54 8xlarge
  | 8x30+114 12xlarge | 15x50+107 16xlarge
c8a m8a r8a: 2x4+4 medium | 3x20+9 large | 4x20+18 xlarge | 4x40+38 2xlarge | 8x40+54 4xlarge | 10x40+82 8xlarge
  | 12x64+110 12xlarge | 16x64+106 16xlarge 24xlarge metal-24xl | 24x64+98 48xlarge metal-48xl
c8g c8gd m8g m8gd r8g r8gd x8g: 2x4+4 medium | 3x10+9 large | 4x15+18 xlarge | 4x15+38 2xlarge
  | 8x30+54 4xlarge 8xlarge 12xlarge | 15x50+107 16xlarge 24xlarge 48xlarge metal-24xl metal-48xl
c8gb c8gn m8gb m8gn r8gb r8gn: 2x4+4 medium | 3x10+9 large | 4x15+18 xlarge | 4x15+38 2xlarge | 8x30+54 4xlarge
  | 10x30+52 8xlarge | 12x30+50 12xlarge | 16x50+106 16xlarge | 24x50+98 24xlarge | 12x50+98/2 48xlarge
  | 24x50? metal-24xl | 12x50?/2 metal-48xl
c8i c8id m8i m8id r8i r8id: 3x20+9 large | 4x30+18 xlarge | 4x30+38 2xlarge | 8x50+54 4xlarge | 10x50+82 8xlarge
  | 12x50+110 12xlarge | 16x64+106 16xlarge 24xlarge | 24x64+98 32xlarge 48xlarge 96xlarge metal-48xl metal-96xl
c8i-flex m8i-flex r8i-flex: 3x20+3 large | 4x30+8 xlarge | 4x30+18 2xlarge | 8x50+34 4xlarge | 10x50+52 8xlarge
  | 12x50+110 12xlarge | 16x64+106 16xlarge
c8ib c8in m8ib m8idb m8idn m8in r8ib r8idb r8idn r8in: 4x20? large | 4x30? xlarge 2xlarge | 8x50? 4xlarge 8xlarge
  | 12x50? 12xlarge | 16x64? 16xlarge 24xlarge 32xlarge | 24x64? 48xlarge metal-48xl | 12x64?/2 96xlarge metal-96xl
c8ine m8ine: 4x20? large | 4x30? xlarge 2xlarge | 8x50? 4xlarge 8xlarge | 12x50? 12xlarge
c9g c9gd m9g m9gd: 2x20? medium | 3x20? large | 4x30? xlarge 2xlarge | 8x50? 4xlarge | 10x50? 8xlarge | 12x50? 12xlarge
  | 16x64? 16xlarge | 24x64? 24xlarge 48xlarge metal-48xl
cr1 hs1: 8x30? 8xlarge
d2 i2: 4x15 xlarge 2xlarge | 8x30 4xlarge 8xlarge
d3: 4x3+42 xlarge | 4x5+92 2xlarge | 4x10+118 4xlarge | 3x20+119 8xlarge
d3en: 4x3+24 xlarge | 4x5+58 2xlarge | 4x10+118 4xlarge | 4x15+118 6xlarge | 4x20+118 8xlarge | 3x30+119 12xlarge
dl1 p4d p4de: 15x50+62/4 24xlarge
dl2q p3dn: 15x50+107 24xlarge
f1: 4x15 2xlarge | 8x30 4xlarge | 8x50 16xlarge
f2: 8x30+84 6xlarge | 8x30+114 12xlarge | 15x50+107 48xlarge
g4ad: 2x4+12 xlarge 2xlarge | 3x10+11 4xlarge | 4x15+10 8xlarge | 8x30+6 16xlarge
g4dn: 3x10+39 xlarge 2xlarge | 3x10+59 4xlarge | 4x15+58 8xlarge | 8x30+54 12xlarge | 4x15+118 16xlarge
  | 15x50+107 metal
g5: 4x15+4 xlarge | 4x15+17 2xlarge | 8x30+34 4xlarge | 8x30+84 8xlarge | 15x50+107 12xlarge 24xlarge
  | 8x30+114 16xlarge | 7x50+115 48xlarge
g5g: 4x15+18 xlarge | 4x15+38 2xlarge | 8x30+54 4xlarge 8xlarge | 15x50+107 16xlarge metal
g6: 4x15+18 xlarge | 4x15+38 2xlarge | 8x30+54 4xlarge | 8x30+84 8xlarge | 8x30+114 12xlarge
  | 15x50+107 16xlarge 24xlarge 48xlarge
g6e: 4x15+18 xlarge | 4x15+38 2xlarge | 8x30+54 4xlarge | 8x30+84 8xlarge | 10x30+112 12xlarge | 15x50+107 16xlarge
  | 10x50+102/2 24xlarge | 10x50+82/4 48xlarge
g6f: 2x10+10 large | 4x15+18 xlarge | 4x15+38 2xlarge | 8x30+54 4xlarge
g7: 4x64? 2xlarge | 8x64? 4xlarge | 10x64? 8xlarge | 12x64? 12xlarge | 24x64? 24xlarge | 12x64?/2 48xlarge
g7e: 4x64+120 2xlarge | 8x64+120 4xlarge 8xlarge | 10x64+120 12xlarge | 10x64+120/2 24xlarge | 10x64+120/4 48xlarge
gr6: 8x30+54 4xlarge | 8x30+84 8xlarge
gr6f: 8x30+54 4xlarge
h1: 4x15 2xlarge | 8x30 4xlarge 8xlarge | 8x50 16xlarge
hpc6a: 2x50? 48xlarge
hpc6id: 1x50?/2 32xlarge
hpc7a: 2x50?/2 12xlarge 24xlarge 48xlarge 96xlarge
hpc7g: 4x50? 4xlarge 8xlarge 16xlarge
hpc8a: 2x50?/2 96xlarge
i3 r4: 3x10 large | 4x15 xlarge 2xlarge | 8x30 4xlarge 8xlarge | 15x50 16xlarge
i3en: 3x10+5 large | 4x15+12 xlarge | 4x15+28 2xlarge | 4x15+38 3xlarge | 8x30+54 6xlarge 12xlarge
  | 15x50+107 24xlarge metal
i4g im4gn: 3x10+9 large | 4x15+18 xlarge | 4x15+38 2xlarge | 8x30+54 4xlarge 8xlarge | 15x50+107 16xlarge
i4i: 3x10 large | 4x15+6 xlarge | 4x15+26 2xlarge | 8x30+52 4xlarge | 8x30+112 8xlarge 12xlarge
  | 15x50+120 16xlarge 32xlarge metal | 15x30+105 24xlarge
i7i: 3x10+9 large | 4x15+18 xlarge | 4x15+38 2xlarge | 8x30+54 4xlarge | 8x30+84 8xlarge 12xlarge
  | 15x50+107 16xlarge 24xlarge 48xlarge metal-24xl metal-48xl
i7ie: 3x10+19 large | 4x15+27 xlarge 2xlarge 3xlarge | 8x30+54 6xlarge | 8x50+54 12xlarge
  | 15x50+107 18xlarge 24xlarge 48xlarge metal-24xl metal-48xl
i8g: 3x10+9 large | 4x15+18 xlarge | 4x15+38 2xlarge | 8x30+54 4xlarge 8xlarge 12xlarge
  | 15x50+107 16xlarge 24xlarge 48xlarge metal-24xl metal-48xl
i8ge: 3x10+19 large | 4x15+27 xlarge 2xlarge | 6x30+25 3xlarge | 10x30+52 6xlarge | 12x30+50 12xlarge
  | 16x50+106 18xlarge 24xlarge metal-24xl | 24x50+98 48xlarge metal-48xl
inf1: 4x10+38 xlarge 2xlarge | 8x30+54 6xlarge | 11x30+111 24xlarge
inf2: 4x15+18 xlarge | 8x30+84 8xlarge | 15x50+107 24xlarge 48xlarge
is4gen: 2x4+4 medium | 3x10+9 large | 4x15+18 xlarge | 4x15+38 2xlarge | 8x30+54 4xlarge 8xlarge
m1: 2x4 small | 2x6 medium | 3x10 large | 4x15 xlarge
m2: 4x15 xlarge | 4x30 2xlarge | 8x30 4xlarge
m3: 2x6 medium | 3x10 large | 4x15 xlarge | 4x30 2xlarge
m4: 2x10 large | 4x15 xlarge 2xlarge | 8x30 4xlarge 10xlarge 16xlarge
m5 r5: 3x10+9 large | 4x15+18 xlarge | 4x15+38 2xlarge | 8x30+54 4xlarge 8xlarge 12xlarge | 15x50+107 16xlarge 24xlarge
  | 15x50+120 metal
m5a m5ad r5a r5ad: 3x10+9 large | 4x15+18 xlarge | 4x15+38 2xlarge | 8x30+54 4xlarge 8xlarge 12xlarge
  | 15x50+107 16xlarge 24xlarge
m5d m5dn m5n r5b r5d r5dn r5n: 3x10+9 large | 4x15+18 xlarge | 4x15+38 2xlarge | 8x30+54 4xlarge 8xlarge 12xlarge
  | 15x50+107 16xlarge 24xlarge metal
m5zn: 3x10+13 large | 4x15+29 xlarge | 4x15+62 2xlarge | 8x30+92 3xlarge | 8x30+114 6xlarge | 15x50+107 12xlarge metal
m7i r7i: 3x10+9 large | 4x15+18 xlarge | 4x15+38 2xlarge | 8x30+54 4xlarge | 8x30+84 8xlarge | 8x30+114 12xlarge
  | 15x50+107 16xlarge 24xlarge 48xlarge metal-24xl metal-48xl
m8azn: 3x4+3 medium | 4x20+8 large | 4x20+18 xlarge | 8x40+34 3xlarge | 8x40+54 6xlarge
  | 16x64+106 12xlarge 24xlarge metal-12xl metal-24xl
mac-m3ultra: 8x30? metal
mac-m4 mac-m4max mac-m4pro mac1 mac2 mac2-m1ultra mac2-m2 mac2-m2pro: 8x30+6 metal
p3: 4x15 2xlarge | 8x30 8xlarge 16xlarge
p5: 4x30+58 4xlarge | 2x50+120/32 48xlarge
p5e: 2x50+120/32 48xlarge
p5en: 4x50+120/16 48xlarge
p6-b200: 4x50+120/8 48xlarge
p6-b300: 4x50+120/17 48xlarge
r7iz: 3x10+9 large | 4x15+18 xlarge | 4x15+38 2xlarge | 8x30+54 4xlarge | 8x30+84 8xlarge | 8x30+114 12xlarge
  | 15x50+107 16xlarge 32xlarge metal-16xl metal-32xl
t1: 2x2 micro
t2: 2x2 nano micro | 3x4 small | 3x6 medium | 3x12 large | 3x15 xlarge 2xlarge
t3 t4g: 2x2 nano micro | 3x4 small | 3x6 medium | 3x12 large | 4x15 xlarge 2xlarge
t3a: 2x2 nano micro | 2x4 small | 3x6 medium | 3x12 large | 4x15 xlarge 2xlarge
trn1: 4x15+17 2xlarge | 5x50+82/8 32xlarge
trn1n: 5x50+120/16 32xlarge
trn2: 2x15? 3xlarge | 2x50?/16 48xlarge
u-12tb1 u-9tb1: 5x30? metal
u-3tb1: 8x30+6 56xlarge
u-6tb1: 15x50 56xlarge 112xlarge | 5x30? metal
u7i-12tb: 15x50+107 224xlarge
u7i-6tb u7i-8tb: 15x50+107 112xlarge
u7in-16tb u7in-24tb u7in-32tb: 8x50+106/2 224xlarge
vt1: 4x15+38 3xlarge | 8x30+54 6xlarge | 15x50+107 24xlarge
x1: 8x30 16xlarge 32xlarge
x1e: 3x10 xlarge | 4x15 2xlarge 4xlarge 8xlarge | 8x30 16xlarge 32xlarge
x2gd: 2x4+10 medium | 3x10+9 large | 4x15+18 xlarge | 4x15+38 2xlarge | 8x30+54 4xlarge 8xlarge 12xlarge
  | 15x50+107 16xlarge metal
x2idn: 15x50+107 16xlarge 24xlarge 32xlarge metal
x2iedn: 4x15+11 xlarge | 4x15+27 2xlarge | 8x30+54 4xlarge | 8x30+114 8xlarge
  | 15x50+107 16xlarge 24xlarge 32xlarge metal
x2iezn: 4x15+62 2xlarge | 8x30+114 4xlarge 6xlarge 8xlarge | 15x50+107 12xlarge metal
x8aedz: 4x20+8 large | 4x20+18 xlarge | 8x40+34 3xlarge | 8x40+54 6xlarge
  | 16x64+106 12xlarge 24xlarge metal-12xl metal-24xl
x8i: 3x20+9 large | 4x30+18 xlarge | 4x30+38 2xlarge | 8x50+54 4xlarge | 10x50+82 8xlarge | 12x50+110 12xlarge
  | 16x64+106 16xlarge 24xlarge | 24x64+98 32xlarge 48xlarge 64xlarge 96xlarge metal-48xl metal-96xl
z1d: 3x10+13 large | 4x15+28 xlarge | 4x15+58 2xlarge | 8x30+54 3xlarge 6xlarge | 15x50+107 12xlarge metal
`;

/**
 * Families on the Xen hypervisor, which cannot hold prefixes; every other family is Nitro, and metal sizes have no
 * hypervisor. Same source; it does not know the hypervisor of cr1 and hs1, which are older than Nitro.
 */
export const XEN_FAMILIES: ReadonlySet<string> = new Set(
  "c1 c3 c4 cr1 d2 f1 h1 hs1 i2 i3 m1 m2 m3 m4 p3 r3 r4 t1 t2 x1 x1e".split(" "),
);
