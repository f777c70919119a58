import { type Fields, podDocument, serviceDocument } from "../control/documents.ts";

/** Parts of the labs that most of these tests share. */

/** A machine of the VPC that is neither node nor pod: where a load balancer in front of the nodes would stand. */
export const OUTSIDE = { hosts: [{ name: "outside", address: "10.0.1.200", subnet: "nodes-a" }] };

/** A pod on a node, with the labels that a service asks for. */
export function podOn(node: string, name: string, app: string, spec: Fields = {}): Fields {
  return podDocument(name, { nodeName: node, ...spec }, { labels: { app } });
}

/** A client and two pods of app `api`, one on each node, and a client on the second one. */
export const PODS = [
  podOn("node-1", "client", "client"),
  podOn("node-2", "other", "client"),
  podOn("node-1", "near", "api"),
  podOn("node-2", "far", "api"),
];

/** Service `api` at 172.20.0.10:80. */
export function api(spec: Fields = {}, metadata: Fields = {}): Fields {
  return serviceDocument("api", { clusterIP: "172.20.0.10", ...spec }, metadata);
}

export const VIP = "172.20.0.10:80";
