import type { Packet } from "./packet.ts";

/** Sees a packet on its way through the VPC, as tcpdump on the instance would. The bytes are the walk's: copy what you keep. */
export interface Tap {
  /**
   * The packet stands at an ENI, with its bytes as they are on the wire there.
   *
   * @param out whether it leaves its instance by the ENI (before security groups), or came in by it (behind them)
   */
  atEni(p: Packet, eni: number, out: boolean): void;
}
