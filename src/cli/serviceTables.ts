import type { SliceEndpointView } from "../control/sliceViews.ts";
import type { ServiceView } from "../control/views.ts";
import { table, tableWidth } from "./output.ts";

/** As kubectl cuts addresses of load balancers short, host names above all (loadBalancerStatusStringer). */
const EXTERNAL_WIDTH = 16;
const CUT = "...";
const NONE = "<none>";

const SERVICE_HEADER = ["NAME", "TYPE", "CLUSTER-IP", "EXTERNAL-IP", "PORT(S)"];
/** Not one of kubectl's: it goes where the table is too wide for it. */
const ENDPOINTS = "ENDPOINTS";

function shortened(name: string): string {
  return name.length > EXTERNAL_WIDTH ? name.slice(0, EXTERNAL_WIDTH - CUT.length) + CUT : name;
}

/** One in the namespace "default" goes without it, for width. */
const serviceName = ({ namespace, name }: ServiceView) => (namespace === "default" ? name : `${namespace}/${name}`);

function clusterIP({ clusterIP: address, type }: ServiceView): string {
  return address ?? (type === "ExternalName" ? NONE : "None");
}

function externals({ external, type }: ServiceView): string[] {
  if (external.length > 0) return type === "ExternalName" ? [...external] : external.map(shortened);
  return [type === "LoadBalancer" ? "<pending>" : NONE];
}

/** One line for each port and each external address; what a service has once stands in its first. */
function serviceLines(service: ServiceView): string[][] {
  const ports = service.ports.map((p) => `${p.port}${p.nodePort === null ? "" : `:${p.nodePort}`}/${p.protocol}`);
  if (ports.length === 0) ports.push(NONE);
  const external = externals(service);
  return Array.from({ length: Math.max(ports.length, external.length) }, (_, i) => [
    ...(i === 0 ? [serviceName(service), service.type, clusterIP(service)] : ["", "", ""]),
    external.at(i) ?? "",
    ports.at(i) ?? "",
    String(service.ports.at(i)?.endpoints ?? ""),
  ]);
}

/** Services as `kubectl get services` shows them, a line for each port, within a width where that can be. */
export function serviceTable(services: readonly ServiceView[], width: number): string {
  const lines = services.flatMap(serviceLines);
  const header = [...SERVICE_HEADER, ENDPOINTS];
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
