import { readFileSync } from "node:fs";
import type { LabDocument } from "./labObjects.ts";

const PORT = 8080;

/** Name of the service and of the slice with this number. */
export const manyName = (i: number): string => `many-${i}`;

/** An EndpointSlice with its own addresses, none of them a pod's. @param unready place of an endpoint that is not ready */
export function manySlice(i: number, endpoints: number, unready = -1): LabDocument {
  return {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: { name: manyName(i), namespace: "default", labels: { "kubernetes.io/service-name": manyName(i) } },
    addressType: "IPv4",
    ports: [{ name: "http", port: PORT, protocol: "TCP" }],
    endpoints: Array.from({ length: endpoints }, (_, n) => {
      const address = i * endpoints + n;
      return {
        addresses: [`10.${64 + (address >> 16)}.${(address >> 8) & 255}.${address & 255}`],
        conditions: { ready: n !== unready, serving: n !== unready, terminating: false },
        nodeName: `node-${1 + (n % 2)}`,
        zone: "us-east-1a",
      };
    }),
  };
}

/** So many Services with so many endpoints each, as `kubectl get services,endpointslices -o json` lists them. */
export function manyServices(count: number, endpoints: number): LabDocument[] {
  return Array.from({ length: count }, (_, i): LabDocument[] => [
    {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: manyName(i), namespace: "default", uid: String(i), resourceVersion: "1" },
      spec: { type: "ClusterIP", ports: [{ name: "http", port: 80, targetPort: PORT, protocol: "TCP" }] },
      status: { loadBalancer: {} },
    },
    manySlice(i, endpoints),
  ]).flat();
}

/** The most memory that processes have had so far, bytes (VmHWM, man 5 proc_pid_status). */
export function peakMemory(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => {
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    return sum + Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1] ?? 0) * 1024;
  }, 0);
}
