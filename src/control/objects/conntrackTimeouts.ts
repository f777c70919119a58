import { z } from "zod";
import { type ConntrackSettings, DEFAULT_SETTINGS, MAX_TIMEOUT } from "../../plane/conntrack/settings.ts";

/** The sysctls net.netfilter.* that hold a timeout, and what conntrack calls them. */
const SYSCTLS = {
  nf_conntrack_generic_timeout: "genericTimeout",
  nf_conntrack_icmp_timeout: "icmpTimeout",
  nf_conntrack_sctp_timeout_closed: "sctpTimeoutClosed",
  nf_conntrack_sctp_timeout_cookie_echoed: "sctpTimeoutCookieEchoed",
  nf_conntrack_sctp_timeout_cookie_wait: "sctpTimeoutCookieWait",
  nf_conntrack_sctp_timeout_established: "sctpTimeoutEstablished",
  nf_conntrack_sctp_timeout_heartbeat_sent: "sctpTimeoutHeartbeatSent",
  nf_conntrack_sctp_timeout_shutdown_ack_sent: "sctpTimeoutShutdownAckSent",
  nf_conntrack_sctp_timeout_shutdown_recd: "sctpTimeoutShutdownRecd",
  nf_conntrack_sctp_timeout_shutdown_sent: "sctpTimeoutShutdownSent",
  nf_conntrack_tcp_timeout_close: "tcpTimeoutClose",
  nf_conntrack_tcp_timeout_close_wait: "tcpTimeoutCloseWait",
  nf_conntrack_tcp_timeout_established: "tcpTimeoutEstablished",
  nf_conntrack_tcp_timeout_fin_wait: "tcpTimeoutFinWait",
  nf_conntrack_tcp_timeout_last_ack: "tcpTimeoutLastAck",
  nf_conntrack_tcp_timeout_max_retrans: "tcpTimeoutMaxRetrans",
  nf_conntrack_tcp_timeout_syn_recv: "tcpTimeoutSynRecv",
  nf_conntrack_tcp_timeout_syn_sent: "tcpTimeoutSynSent",
  nf_conntrack_tcp_timeout_time_wait: "tcpTimeoutTimeWait",
  nf_conntrack_tcp_timeout_unacknowledged: "tcpTimeoutUnacknowledged",
  nf_conntrack_udp_timeout: "udpTimeout",
  nf_conntrack_udp_timeout_stream: "udpTimeoutStream",
} as const satisfies Record<string, keyof ConntrackSettings>;

type TimeoutSysctl = keyof typeof SYSCTLS;
const NAMES = Object.keys(SYSCTLS) as TimeoutSysctl[];

/**
 * What kube-proxy sets on a node, in seconds, by its own defaults, which EKS keeps (kubernetes pkg/proxy/conntrack/sysctls.go,
 * conntrack.tcpEstablishedTimeout and tcpCloseWaitTimeout). All others are the kernel's.
 */
const KUBE_PROXY: Partial<Record<TimeoutSysctl, number>> = {
  nf_conntrack_tcp_timeout_established: 86_400,
  // Half-closed connections through source NAT are legitimate and long (kubernetes 32551).
  nf_conntrack_tcp_timeout_close_wait: 3600,
};

const seconds = (name: TimeoutSysctl) =>
  z
    .int()
    .min(1)
    .max(MAX_TIMEOUT)
    .default(KUBE_PROXY[name] ?? DEFAULT_SETTINGS[SYSCTLS[name]]);

export const conntrackTimeoutsSchema = z.strictObject(
  Object.fromEntries(NAMES.map((name) => [name, seconds(name)])) as Record<TimeoutSysctl, ReturnType<typeof seconds>>,
);

/** The timeouts of a Lab as conntrack takes them, in seconds. */
export function conntrackTimeouts(values: z.infer<typeof conntrackTimeoutsSchema>): Partial<ConntrackSettings> {
  return Object.fromEntries(NAMES.map((name) => [SYSCTLS[name], values[name]]));
}
