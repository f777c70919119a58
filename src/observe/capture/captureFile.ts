/** Takes finished bytes of a file, in order. They are the writer's and change after the call: copy what is kept. */
export type CaptureSink = (bytes: Uint8Array) => void;

/** What a file says of itself: pcapng's section header. */
export interface CaptureSection {
  /** Machine that it was made on, such as "x86_64". */
  readonly hardware: string;
  readonly os: string;
  /** Program that wrote it, with its version. */
  readonly application: string;
  /** Lab, filter and the like; null for none. */
  readonly comment: string | null;
}

/** An address of an interface, both int32. */
export interface InterfaceAddress {
  readonly address: number;
  readonly mask: number;
}

/** A place where packets are seen: a pod, an ENI, a host. */
export interface CaptureInterface {
  /** Such as `pod/default/web-1`. */
  readonly name: string;
  /** For people; null for none. */
  readonly description: string | null;
  readonly addresses: readonly InterfaceAddress[];
}

/** Names of an address, the one to show last: Wireshark shows the last that it reads. */
export interface NameRecord {
  /** IPv4 as int32. */
  readonly address: number;
  readonly names: readonly string[];
}

/** Seconds since 1970 (0..2^32-1), and nanoseconds of that second (0..999,999,999). */
export interface CaptureTime {
  readonly seconds: number;
  readonly nanoseconds: number;
}

/** What an interface counted; null leaves an item out. */
export interface InterfaceStatistics {
  /** When the numbers were taken. */
  readonly at: CaptureTime;
  /** The capture's beginning and end. */
  readonly start: CaptureTime | null;
  readonly end: CaptureTime | null;
  /** Packets that passed the interface. */
  readonly received: number | null;
  /** Packets that the interface lost before anybody saw them. */
  readonly dropped: number | null;
  /** Packets that a filter let through. */
  readonly accepted: number | null;
  /** Packets that the capture could not keep up with: none of them is in the file. */
  readonly osDropped: number | null;
  /** Packets that are in the file. */
  readonly delivered: number | null;
}
