import {
  SCTP_CLOSED,
  SCTP_COOKIE_ECHOED,
  SCTP_COOKIE_WAIT,
  SCTP_ESTABLISHED,
  SCTP_HEARTBEAT_SENT,
  SCTP_NONE,
  SCTP_SHUTDOWN_ACK_SENT,
  SCTP_SHUTDOWN_RECD,
  SCTP_SHUTDOWN_SENT,
  SCTP_STATE_NAMES,
} from "./sctpStates.ts";
import {
  TCP_CLOSE,
  TCP_CLOSE_WAIT,
  TCP_ESTABLISHED,
  TCP_FIN_WAIT,
  TCP_LAST_ACK,
  TCP_SYN_RECV,
  TCP_SYN_SENT,
  TCP_SYN_SENT2,
  TCP_TIME_WAIT,
  TCP_TIMEOUT_RETRANS,
  TCP_TIMEOUT_UNACK,
  TCP_TIMEOUTS,
} from "./tcpStates.ts";

/**
 * Settings, named as the sysctls net.netfilter.nf_conntrack_*. Timeouts are in seconds, 1 to {@link MAX_TIMEOUT}.
 * The defaults are those of the code (net/netfilter/nf_conntrack_proto_*.c), which the sysctl documentation contradicts
 * for SCTP.
 */
export interface ConntrackSettings {
  tcpTimeoutSynSent: number;
  tcpTimeoutSynRecv: number;
  tcpTimeoutEstablished: number;
  tcpTimeoutFinWait: number;
  tcpTimeoutCloseWait: number;
  tcpTimeoutLastAck: number;
  tcpTimeoutTimeWait: number;
  tcpTimeoutClose: number;
  tcpTimeoutMaxRetrans: number;
  tcpTimeoutUnacknowledged: number;
  /** Pick connections up in the middle. */
  tcpLoose: boolean;
  /** Let out-of-window segments pass (kube-proxy: conntrack.tcpBeLiberal). */
  tcpBeLiberal: boolean;
  /** Repetitions of one acknowledgement after which the timeout drops to tcpTimeoutMaxRetrans. */
  tcpMaxRetrans: number;
  /** Accept a RST whose sequence number lies before what the other side acknowledged. */
  tcpIgnoreInvalidRst: boolean;
  udpTimeout: number;
  udpTimeoutStream: number;
  icmpTimeout: number;
  genericTimeout: number;
  sctpTimeoutClosed: number;
  sctpTimeoutCookieWait: number;
  sctpTimeoutCookieEchoed: number;
  sctpTimeoutEstablished: number;
  sctpTimeoutShutdownSent: number;
  sctpTimeoutShutdownRecd: number;
  sctpTimeoutShutdownAckSent: number;
  sctpTimeoutHeartbeatSent: number;
  /** Take packets that come in with a wrong layer 4 checksum for INVALID. */
  checksum: boolean;
  /**
   * Settle clashes as Linux 5.6 and later (nf_ct_resolve_clash). false: as before 5.0, where of two first packets of one
   * UDP socket that were translated the second is lost.
   */
  resolveClashes: boolean;
  /** Tuples in one hash chain above which no entry is inserted. The kernel draws 50 to 79 for each insertion. */
  maxChain: number;
}

export const DEFAULT_SETTINGS: Readonly<ConntrackSettings> = {
  tcpTimeoutSynSent: 120,
  tcpTimeoutSynRecv: 60,
  tcpTimeoutEstablished: 432_000,
  tcpTimeoutFinWait: 120,
  tcpTimeoutCloseWait: 60,
  tcpTimeoutLastAck: 30,
  tcpTimeoutTimeWait: 120,
  tcpTimeoutClose: 10,
  tcpTimeoutMaxRetrans: 300,
  tcpTimeoutUnacknowledged: 300,
  tcpLoose: true,
  tcpBeLiberal: false,
  tcpMaxRetrans: 3,
  tcpIgnoreInvalidRst: false,
  udpTimeout: 30,
  udpTimeoutStream: 120,
  icmpTimeout: 30,
  genericTimeout: 600,
  sctpTimeoutClosed: 10,
  sctpTimeoutCookieWait: 3,
  sctpTimeoutCookieEchoed: 3,
  sctpTimeoutEstablished: 210,
  sctpTimeoutShutdownSent: 3,
  sctpTimeoutShutdownRecd: 3,
  sctpTimeoutShutdownAckSent: 3,
  sctpTimeoutHeartbeatSent: 30,
  checksum: true,
  resolveClashes: true,
  // The middle of what the kernel draws, fixed so that a run is repeatable.
  maxChain: 64,
};

/** Longest timeout in seconds: half of what the wrapping clock can tell apart, with room to be late. */
export const MAX_TIMEOUT = 1_000_000;

const MS = 1000;
/** SYN_SENT2 has a timeout of its own in the kernel, but no sysctl. */
const SYN_SENT2_TIMEOUT = 120;

/** The settings as the trackers read them: milliseconds, and tables indexed by protocol state. */
export class Timeouts {
  /** By TCP state, then TCP_TIMEOUT_RETRANS and TCP_TIMEOUT_UNACK. */
  readonly tcp = new Int32Array(TCP_TIMEOUTS);
  /** By SCTP state. */
  readonly sctp = new Int32Array(SCTP_STATE_NAMES.length);
  readonly udp: number;
  readonly udpStream: number;
  readonly icmp: number;
  readonly generic: number;

  /** @throws RangeError when a timeout is not within 1 and {@link MAX_TIMEOUT} seconds. */
  constructor(s: ConntrackSettings) {
    for (const [name, value] of Object.entries(s)) {
      if (name.includes("imeout") && !(typeof value === "number" && value >= 1 && value <= MAX_TIMEOUT)) {
        throw new RangeError(`conntrack: ${name} must be 1 to ${MAX_TIMEOUT} seconds, not ${value}`);
      }
    }
    this.tcp[TCP_SYN_SENT] = s.tcpTimeoutSynSent * MS;
    this.tcp[TCP_SYN_RECV] = s.tcpTimeoutSynRecv * MS;
    this.tcp[TCP_ESTABLISHED] = s.tcpTimeoutEstablished * MS;
    this.tcp[TCP_FIN_WAIT] = s.tcpTimeoutFinWait * MS;
    this.tcp[TCP_CLOSE_WAIT] = s.tcpTimeoutCloseWait * MS;
    this.tcp[TCP_LAST_ACK] = s.tcpTimeoutLastAck * MS;
    this.tcp[TCP_TIME_WAIT] = s.tcpTimeoutTimeWait * MS;
    this.tcp[TCP_CLOSE] = s.tcpTimeoutClose * MS;
    this.tcp[TCP_SYN_SENT2] = SYN_SENT2_TIMEOUT * MS;
    this.tcp[TCP_TIMEOUT_RETRANS] = s.tcpTimeoutMaxRetrans * MS;
    this.tcp[TCP_TIMEOUT_UNACK] = s.tcpTimeoutUnacknowledged * MS;
    this.sctp[SCTP_NONE] = s.sctpTimeoutClosed * MS;
    this.sctp[SCTP_CLOSED] = s.sctpTimeoutClosed * MS;
    this.sctp[SCTP_COOKIE_WAIT] = s.sctpTimeoutCookieWait * MS;
    this.sctp[SCTP_COOKIE_ECHOED] = s.sctpTimeoutCookieEchoed * MS;
    this.sctp[SCTP_ESTABLISHED] = s.sctpTimeoutEstablished * MS;
    this.sctp[SCTP_SHUTDOWN_SENT] = s.sctpTimeoutShutdownSent * MS;
    this.sctp[SCTP_SHUTDOWN_RECD] = s.sctpTimeoutShutdownRecd * MS;
    this.sctp[SCTP_SHUTDOWN_ACK_SENT] = s.sctpTimeoutShutdownAckSent * MS;
    this.sctp[SCTP_HEARTBEAT_SENT] = s.sctpTimeoutHeartbeatSent * MS;
    this.udp = s.udpTimeout * MS;
    this.udpStream = s.udpTimeoutStream * MS;
    this.icmp = s.icmpTimeout * MS;
    this.generic = s.genericTimeout * MS;
  }
}
