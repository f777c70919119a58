/** An expression as the parser hands it to the compiler: names are addresses, words are numbers. */

/** `either` is `src or dst`, and what is meant when nothing is said. */
export type Side = "src" | "dst" | "either" | "both";

export type Filter =
  | { readonly t: "and" | "or"; readonly left: Filter; readonly right: Filter }
  | { readonly t: "not"; readonly of: Filter }
  | { readonly t: "version"; readonly version: 4 | 6 }
  /** `version` null: in IPv4 and in IPv6. */
  | { readonly t: "protocol"; readonly version: 4 | 6 | null; readonly number: number }
  /** IPv4: int32s. */
  | { readonly t: "host"; readonly side: Side; readonly address: number; readonly mask: number }
  /** Any of several IPv4 addresses, int32. */
  | { readonly t: "hosts"; readonly side: Side; readonly addresses: readonly number[] }
  /** IPv6: four int32s each. */
  | { readonly t: "host6"; readonly side: Side; readonly address: readonly number[]; readonly mask: readonly number[] }
  /** `protocol` null: TCP, UDP and SCTP. */
  | {
      readonly t: "port";
      readonly protocol: number | null;
      readonly side: Side;
      readonly low: number;
      readonly high: number;
    }
  /** `ip multicast`, `ip6 multicast`. */
  | { readonly t: "multicast"; readonly version: 4 | 6 }
  /** `ip broadcast`. */
  | { readonly t: "broadcast" }
  | { readonly t: "compare"; readonly op: Comparison; readonly left: Value; readonly right: Value };

export type Comparison = ">" | ">=" | "=" | "!=" | "<" | "<=";

export type Operator = "+" | "-" | "*" | "/" | "%" | "&" | "|" | "^" | "<<" | ">>";

/** 32 bits, unsigned. */
export type Value =
  | { readonly t: "constant"; readonly value: number }
  /** Bytes that the packet had on the wire. */
  | { readonly t: "length" }
  /** `protocol[index:size]`: a word of {@link PROTOCOL_WORDS}; 1, 2 or 4 bytes. */
  | { readonly t: "load"; readonly protocol: string; readonly index: Value; readonly size: number }
  | { readonly t: "negate"; readonly of: Value }
  | { readonly t: "operation"; readonly op: Operator; readonly left: Value; readonly right: Value };
