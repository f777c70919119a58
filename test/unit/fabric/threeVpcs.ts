import * as R from "../../../src/plane/rows.ts";
import { VpcRows } from "./vpcBench.ts";

/**
 * cluster 10.0.0.0/16: app, app2 (private), edge (public), box (a NAT instance), NAT gateways nat (public) and quiet (private)
 * shared  10.1.0.0/16: db, peered with cluster and, between regions, with far
 * far     10.2.0.0/16: far, behind the transit gateway, too
 * office 192.168.0.10 behind the transit gateway, vpn 172.16.0.10 behind cluster's own gateway, s3 behind an endpoint
 */
export const TABLE = { private: 0, public: 1, transit: 2, shared: 3, far: 4, boxed: 5 } as const;
export const SUBNET = { private: 0, public: 1, transit: 2, other: 3, shared: 4, far: 5, boxed: 6 } as const;
export const NETWORK = { internet: 0, office: 1, vpn: 2, s3: 3 } as const;
export const ATTACHMENT = { cluster: 0, far: 1, office: 2 } as const;

export function threeVpcs(): VpcRows {
  const v = new VpcRows();
  v.subnet(0, "10.0.1.0/24", TABLE.private);
  v.subnet(0, "10.0.2.0/24", TABLE.public);
  v.subnet(0, "10.0.3.0/28", TABLE.transit);
  v.subnet(0, "10.0.4.0/24", TABLE.private);
  v.subnet(1, "10.1.1.0/24", TABLE.shared);
  v.subnet(2, "10.2.1.0/24", TABLE.far);
  v.subnet(0, "10.0.6.0/24", TABLE.boxed);

  v.host("app", SUBNET.private, "10.0.1.10");
  v.host("app2", SUBNET.private, "10.0.1.11");
  v.host("other", SUBNET.other, "10.0.4.10");
  v.host("edge", SUBNET.public, "10.0.2.10", { public: "198.51.100.10" });
  const box = v.host("box", SUBNET.public, "10.0.2.20", { check: false });
  const strict = v.host("strict", SUBNET.public, "10.0.2.21");
  v.host("db", SUBNET.shared, "10.1.1.10", { public: "198.51.100.20" });
  v.host("far", SUBNET.far, "10.2.1.10", { public: "198.51.100.30" });
  v.host("boxed", SUBNET.boxed, "10.0.6.10");
  v.outside("web", NETWORK.internet, "203.0.113.10");
  v.outside("web2", NETWORK.internet, "203.0.113.11");
  v.outside("office", NETWORK.office, "192.168.0.10");
  v.outside("vpn", NETWORK.vpn, "172.16.0.10", 0);
  v.outside("s3", NETWORK.s3, "52.216.0.1", 0, 9001);
  v.rows.push({ t: "network", id: NETWORK.s3, attachment: -1, mtu: 8500 });

  const nat = v.natGateway("nat", SUBNET.public, "10.0.2.50", "198.51.100.50");
  const quiet = v.natGateway("quiet", SUBNET.transit, "10.0.3.5");
  const toShared = v.peering(0, 1);
  const sharedToFar = v.peering(1, 2, 1500);
  v.attachVpc(0, SUBNET.transit, 0);
  v.attachVpc(2, SUBNET.far, 0);
  v.attachNetwork(NETWORK.office, 0);
  v.transitRoute(0, "10.0.0.0/16", ATTACHMENT.cluster);
  v.transitRoute(0, "10.2.0.0/16", ATTACHMENT.far);
  v.transitRoute(0, "192.168.0.0/16", ATTACHMENT.office);
  v.transitRoute(0, "52.216.0.0/15", ATTACHMENT.cluster);
  v.transitRoute(0, "203.0.113.0/24", ATTACHMENT.cluster);
  v.transitRoute(0, "10.7.0.0/16", -1);

  for (const table of [TABLE.private, TABLE.public, TABLE.transit, TABLE.boxed]) {
    v.route(table, "10.0.0.0/16", R.TARGET_LOCAL);
    v.route(table, "10.1.0.0/16", R.TARGET_PEERING, toShared);
    v.route(table, "10.2.0.0/16", R.TARGET_TRANSIT_GATEWAY, ATTACHMENT.cluster);
    v.route(table, "192.168.0.0/16", R.TARGET_TRANSIT_GATEWAY, ATTACHMENT.cluster);
    v.route(table, "172.16.0.0/12", R.TARGET_NETWORK, NETWORK.vpn);
    v.route(table, "52.216.0.0/15", R.TARGET_NETWORK, NETWORK.s3);
  }
  v.route(TABLE.private, "0.0.0.0/0", R.TARGET_NAT_GATEWAY, nat);
  v.route(TABLE.private, "10.9.0.0/16", R.TARGET_BLACKHOLE);
  v.route(TABLE.private, "10.7.0.0/16", R.TARGET_TRANSIT_GATEWAY, ATTACHMENT.cluster);
  v.route(TABLE.private, "10.6.0.0/16", R.TARGET_TRANSIT_GATEWAY, ATTACHMENT.cluster);
  v.route(TABLE.private, "203.0.114.0/24", R.TARGET_PEERING, toShared);
  v.route(TABLE.private, "10.2.0.0/17", R.TARGET_TRANSIT_GATEWAY, ATTACHMENT.cluster);
  v.route(TABLE.private, "192.168.77.0/24", R.TARGET_NAT_GATEWAY, quiet);
  v.route(TABLE.public, "0.0.0.0/0", R.TARGET_INTERNET_GATEWAY);
  v.route(TABLE.transit, "0.0.0.0/0", R.TARGET_NAT_GATEWAY, nat);
  v.route(TABLE.boxed, "0.0.0.0/0", R.TARGET_ENI, box);
  v.route(TABLE.boxed, "10.0.1.0/24", R.TARGET_ENI, box);
  v.route(TABLE.boxed, "198.18.0.0/15", R.TARGET_ENI, strict);
  v.route(TABLE.shared, "10.1.0.0/16", R.TARGET_LOCAL);
  v.route(TABLE.shared, "10.0.0.0/16", R.TARGET_PEERING, toShared);
  v.route(TABLE.shared, "10.2.0.0/16", R.TARGET_PEERING, sharedToFar);
  v.route(TABLE.shared, "0.0.0.0/0", R.TARGET_INTERNET_GATEWAY);
  v.route(TABLE.far, "10.2.0.0/16", R.TARGET_LOCAL);
  v.route(TABLE.far, "10.0.0.0/16", R.TARGET_TRANSIT_GATEWAY, ATTACHMENT.far);
  v.route(TABLE.far, "10.1.0.0/16", R.TARGET_PEERING, sharedToFar);
  v.route(TABLE.far, "52.216.0.0/15", R.TARGET_TRANSIT_GATEWAY, ATTACHMENT.far);
  v.route(TABLE.far, "203.0.113.0/24", R.TARGET_TRANSIT_GATEWAY, ATTACHMENT.far);
  v.route(TABLE.far, "0.0.0.0/0", R.TARGET_INTERNET_GATEWAY);
  return v;
}
