import { createHash } from "node:crypto";
import { formatAddress } from "../../../plane/wire/address.ts";
import type { ProxyEndpoint, ProxyPort } from "../proxyPort.ts";

/** RFC 4648, section 6. */
const BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const BASE32_BITS = 5;
const BYTE_BITS = 8;
/** How much of a hash is in a name of iptables, whose chains have 28 characters, and of nftables. */
const IPTABLES_HASH = 16;
const NFTABLES_HASH = 8;

/** The first characters of base32(sha256(text)). */
function hashOf(text: string, characters: number): string {
  const bytes = createHash("sha256").update(text).digest();
  let name = "";
  for (let bit = 0; name.length < characters; bit += BASE32_BITS) {
    const at = Math.floor(bit / BYTE_BITS);
    const pair = bytes.readUInt16BE(at);
    name += BASE32[(pair >> (2 * BYTE_BITS - BASE32_BITS - (bit % BYTE_BITS))) & (BASE32.length - 1)];
  }
  return name;
}

/** `ns1/svc1:p80`, as kube-proxy's logs, comments and hashes have it; without a port's name `ns1/svc1`. */
export function portName({ namespace, name, portName: own }: ProxyPort): string {
  return own === "" ? `${namespace}/${name}` : `${namespace}/${name}:${own}`;
}

/** tcp, udp or sctp */
export function protocolOf(port: ProxyPort): string {
  return port.protocol.toLowerCase();
}

/** `10.180.0.1:80` */
export function endpointText({ address, port }: ProxyEndpoint): string {
  return `${formatAddress(address)}:${port}`;
}

/** Chains of a service port in iptables mode (kubernetes pkg/proxy/iptables/proxier.go, portProtoHash). */
export function iptablesChains(port: ProxyPort): { svc: string; svl: string; ext: string; fw: string } {
  const hash = hashOf(portName(port) + protocolOf(port), IPTABLES_HASH);
  return { svc: `KUBE-SVC-${hash}`, svl: `KUBE-SVL-${hash}`, ext: `KUBE-EXT-${hash}`, fw: `KUBE-FW-${hash}` };
}

/** Chain of an endpoint in iptables mode (servicePortEndpointChainName). */
export function iptablesEndpointChain(port: ProxyPort, endpoint: ProxyEndpoint): string {
  return `KUBE-SEP-${hashOf(portName(port) + protocolOf(port) + endpointText(endpoint), IPTABLES_HASH)}`;
}

/** `ULMVA6XW-ns1/svc1/tcp/p80`: no name of Kubernetes is long enough to be cut (hashAndTruncate). */
function hashed(name: string): string {
  return `${hashOf(name, NFTABLES_HASH)}-${name}`;
}

const nftablesName = (port: ProxyPort): string => `${port.namespace}/${port.name}/${protocolOf(port)}/${port.portName}`;

/** Chains of a service port in nftables mode (pkg/proxy/nftables/proxier.go, servicePortChainNameBase). */
export function nftablesChains(port: ProxyPort): {
  service: string;
  local: string;
  external: string;
  firewall: string;
} {
  const base = hashed(nftablesName(port));
  return {
    service: `service-${base}`,
    local: `local-${base}`,
    external: `external-${base}`,
    firewall: `firewall-${base}`,
  };
}

/** Chain and affinity set of an endpoint in nftables mode (servicePortEndpointChainNameBase). */
export function nftablesEndpoint(port: ProxyPort, endpoint: ProxyEndpoint): { chain: string; affinity: string } {
  const base = hashed(`${nftablesName(port)}__${formatAddress(endpoint.address)}/${endpoint.port}`);
  return { chain: `endpoint-${base}`, affinity: `affinity-${base}` };
}
