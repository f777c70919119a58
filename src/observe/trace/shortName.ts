import type { FlowEnd } from "../explain.ts";

const DEFAULT_NAMESPACE = /\b([a-z]+)\/default\//g;

/** Names in the namespace "default" without it, as `get` shows them: `pod/default/web-1` is `pod/web-1`. */
export function shortNames(text: string): string {
  return text.replace(DEFAULT_NAMESPACE, "$1/");
}

/** An end of a flow as it is shown: `pod/web-1:40000`, `10.0.1.16`, `?`. */
export function endText(end: FlowEnd): string {
  const host = end.name === null ? end.address : shortNames(end.name);
  if (host === "") return "?";
  if (end.port === 0) return host;
  // IPv6 (RFC 5952, section 6)
  return host.includes(":") ? `[${host}]:${end.port}` : `${host}:${end.port}`;
}

/** An end of a flow by its address: `10.0.1.16:40000`. */
export function addressText(end: FlowEnd): string {
  return endText({ ...end, name: null });
}
