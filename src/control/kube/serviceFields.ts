import { maskOf, parseAddress, parseCidr } from "../../plane/wire/address.ts";
import type { ObjectPath } from "../objects/finding.ts";
import { isExternallyAccessible, needsHealthCheck, type Service } from "../objects/service.ts";
import { NODE_PORTS } from "./bands.ts";

type Report = (path: ObjectPath, message: string) => void;

/** MaxClientIPServiceAffinitySeconds: a day. */
const AFFINITY_MAX = 86_400;
/** kubelet's port, which a load balancer must not give away. */
const KUBELET_PORT = 10_250;
const HOSTNAME = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;

const LOAD_BALANCER_ONLY = "Forbidden: may only be used when `type` is 'LoadBalancer'";

const invalid = (value: unknown, message: string): string => `Invalid value: ${JSON.stringify(value)}: ${message}`;

/** Whether a text is written as an IPv6 address or block. kube-proxy for IPv4 leaves those out. */
export function isIPv6(text: string): boolean {
  return text.includes(":");
}

/** validateNonSpecialIP: addresses that no traffic from outside can have. */
const SPECIAL: readonly (readonly [string, number, string])[] = [
  ["0.0.0.0", 32, "may not be unspecified (0.0.0.0 or ::)"],
  ["127.0.0.0", 8, "may not be in the loopback range (127.0.0.0/8, ::1/128)"],
  ["169.254.0.0", 16, "may not be in the link-local range (169.254.0.0/16, fe80::/10)"],
  ["224.0.0.0", 24, "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)"],
];

function addressProblem(text: string): string | null {
  if (isIPv6(text)) return null;
  const address = parseAddress(text);
  if (address === null) return invalid(text, "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)");
  const special = SPECIAL.find(([prefix, length]) => (address & maskOf(length)) === parseAddress(prefix));
  return special === undefined ? null : invalid(text, special[2]);
}

function checkAffinity({ spec }: Service, report: Report): void {
  const path = ["spec", "sessionAffinityConfig"];
  const config = spec.sessionAffinityConfig;
  if (config === undefined) return;
  if (spec.sessionAffinity === "None") {
    report(path, "Forbidden: must not be set when session affinity is None");
    return;
  }
  const seconds = config.clientIP?.timeoutSeconds;
  if (seconds !== undefined && (seconds <= 0 || seconds > AFFINITY_MAX))
    report(
      [...path, "clientIP", "timeoutSeconds"],
      invalid(seconds, `must be greater than 0 and less than ${AFFINITY_MAX}`),
    );
}

function checkLoadBalancer({ spec }: Service, report: Report): void {
  spec.loadBalancerSourceRanges.forEach((range, i) => {
    if (!isIPv6(range) && parseCidr(range.trim()) === null)
      report(
        ["spec", "loadBalancerSourceRanges", i],
        invalid(range, "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"),
      );
  });
  if (spec.type === "LoadBalancer") {
    spec.ports.forEach(({ port }, i) => {
      if (port === KUBELET_PORT)
        report(
          ["spec", "ports", i],
          invalid(port, `may not expose port ${KUBELET_PORT} externally since it is used by kubelet`),
        );
    });
    return;
  }
  if (spec.loadBalancerSourceRanges.length > 0) report(["spec", "loadBalancerSourceRanges"], LOAD_BALANCER_ONLY);
  if (spec.loadBalancerClass !== undefined) report(["spec", "loadBalancerClass"], LOAD_BALANCER_ONLY);
  if (spec.allocateLoadBalancerNodePorts !== undefined)
    report(["spec", "allocateLoadBalancerNodePorts"], LOAD_BALANCER_ONLY);
}

function checkExternal(service: Service, report: Report): void {
  const { spec, status } = service;
  spec.externalIPs.forEach((text, i) => {
    const problem = addressProblem(text);
    if (problem !== null) report(["spec", "externalIPs", i], problem);
  });
  (status?.loadBalancer.ingress ?? []).forEach(({ ip }, i) => {
    if (ip !== undefined && ip !== "" && !isIPv6(ip) && parseAddress(ip) === null)
      report(["status", "loadBalancer", "ingress", i, "ip"], invalid(ip, "must be a valid IP address"));
  });
  if (spec.loadBalancerIP && !isIPv6(spec.loadBalancerIP) && parseAddress(spec.loadBalancerIP) === null)
    report(["spec", "loadBalancerIP"], invalid(spec.loadBalancerIP, "must be a valid IP address"));
  if (spec.externalTrafficPolicy !== undefined && !isExternallyAccessible(service))
    report(
      ["spec", "externalTrafficPolicy"],
      invalid(spec.externalTrafficPolicy, "may only be set for externally-accessible services"),
    );
  const { healthCheckNodePort } = spec;
  if (healthCheckNodePort === 0) return;
  const path = ["spec", "healthCheckNodePort"];
  if (!needsHealthCheck(service))
    report(
      path,
      invalid(
        healthCheckNodePort,
        "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'",
      ),
    );
  else if (healthCheckNodePort < NODE_PORTS.first || healthCheckNodePort > NODE_PORTS.last)
    report(
      path,
      invalid(
        healthCheckNodePort,
        `provided port is not in the valid range. The range of valid ports is ${NODE_PORTS.first}-${NODE_PORTS.last}`,
      ),
    );
}

function checkType({ spec }: Service, report: Report): void {
  const { type, clusterIP, externalName } = spec;
  if (type === "ExternalName") {
    if (clusterIP !== "") report(["spec", "clusterIP"], "Forbidden: may not be set for ExternalName services");
    if (externalName === undefined || externalName === "") report(["spec", "externalName"], "Required value");
    else if (!HOSTNAME.test(externalName.replace(/\.$/, "")))
      report(
        ["spec", "externalName"],
        invalid(
          externalName,
          "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character",
        ),
      );
  } else if (clusterIP === "None" && type !== "ClusterIP")
    report(["spec", "clusterIP"], invalid(clusterIP, `may not be set to 'None' for ${type} services`));
}

/**
 * What the API server refuses of a Service's fields, in its own words (kubernetes pkg/apis/core/validation, ValidateService,
 * and the port allocator's of healthCheckNodePort).
 */
export function checkServiceFields(service: Service, report: Report): void {
  checkType(service, report);
  checkAffinity(service, report);
  checkLoadBalancer(service, report);
  checkExternal(service, report);
}
