import type { SliceEndpointView } from "../control/sliceViews.ts";
import type { CountedServiceView } from "../lab/countedViews.ts";
import { table, tableWidth } from "./output.ts";

/** As kubectl cuts addresses of load balancers short, host names above all (loadBalancerStatusStringer). */
const EXTERNAL_WIDTH = 16;
const CUT = "...";
const NONE = "<none>";

const SERVICE_HEADER = ["NAME", "TYPE", "CLUSTER-IP", "EXTERNAL-IP", "PORT(S)"];
/** Not one of kubectl's: it goes where the table is too wide for it. */
const ENDPOINTS = "ENDPOINTS";
/** `-o wide`: of each port, since it exists. */
const COUNTS = ["CONNECTIONS", "REFUSED"];

function shortened(name: string): string {
  return name.length > EXTERNAL_WIDTH ? name.slice(0, EXTERNAL_WIDTH - CUT.length) + CUT : name;
}

/** One in the namespace "default" goes without it, for width. */
const serviceName = ({ namespace, name }: CountedServiceView) =>
  namespace === "default" ? name : `${namespace}/${name}`;

function clusterIP({ clusterIP: address, type }: CountedServiceView): string {
  return address ?? (type === "ExternalName" ? NONE : "None");
}

function externals({ external, type }: CountedServiceView): string[] {
  if (external.length > 0) return type === "ExternalName" ? [...external] : external.map(shortened);
  return [type === "LoadBalancer" ? "<pending>" : NONE];
}

/** One line for each port and each external address; what a service has once stands in its first. */
function serviceLines(service: CountedServiceView): string[][] {
  const ports = service.ports.map((p) => `${p.port}${p.nodePort === null ? "" : `:${p.nodePort}`}/${p.protocol}`);
  if (ports.length === 0) ports.push(NONE);
  const external = externals(service);
  return Array.from({ length: Math.max(ports.length, external.length) }, (_, i) => [
    ...(i === 0 ? [serviceName(service), service.type, clusterIP(service)] : ["", "", ""]),
    external.at(i) ?? "",
    ports.at(i) ?? "",
    String(service.ports.at(i)?.endpoints ?? ""),
    String(service.ports.at(i)?.connections ?? ""),
    refusedText(service.ports.at(i)),
  ]);
}

/** `3`, or `3 (no endpoints 2, source 1)` where there are several reasons to tell. */
function refusedText(port: CountedServiceView["ports"][number] | undefined): string {
  const { refused } = port ?? {};
  if (refused === undefined) return "";
  const parts: [string, number][] = [
    ["no endpoints", refused.noEndpoints],
    ["none here", refused.noLocalEndpoint],
    ["source", refused.source],
  ];
  const some = parts.filter(([, count]) => count > 0);
  const total = some.reduce((sum, [, count]) => sum + count, 0);
  return total === 0
    ? "0"
    : `${total} (${some.map(([why, n]) => (some.length === 1 ? why : `${why} ${n}`)).join(", ")})`;
}

/** Services as `kubectl get services` shows them, a line for each port, within a width where that can be. */
export function serviceTable(services: readonly CountedServiceView[], width: number, wide = false): string {
  const all = services.flatMap(serviceLines);
  if (wide) return table([...SERVICE_HEADER, ENDPOINTS, ...COUNTS], all);
  const header = [...SERVICE_HEADER, ENDPOINTS];
  const lines = all.map((line) => line.slice(0, header.length));
  if (tableWidth(header, lines) <= width) return table(header, lines);
  return table(
    SERVICE_HEADER,
    lines.map((line) => line.slice(0, SERVICE_HEADER.length)),
  );
}

/** Names in the namespace "default" go without it, for width. */
const short = (name: string): string => name.replace(/^(pod|svc)\/default\//, "$1/");

/** `ready`; `serving` and `terminating` where it is not; `-`: none of them. */
function conditionsText({ ready, serving, terminating }: SliceEndpointView["conditions"]): string | null {
  const shown = [ready ? "ready" : serving ? "serving" : "", terminating ? "terminating" : ""].filter((c) => c !== "");
  return shown.length === 0 ? null : shown.join(",");
}

export const SLICE_COLUMNS = {
  header: ["SERVICE", "ENDPOINT", "CONDITIONS", "NODE", "POD", "HINTS"],
  row: (e: SliceEndpointView) => [
    short(e.service),
    `${e.address}:${e.port}/${e.protocol}`,
    conditionsText(e.conditions),
    e.node,
    e.pod === null ? null : short(e.pod),
    [...e.hints.zones, ...e.hints.nodes].join(","),
  ],
  empty: "no endpoints",
};
