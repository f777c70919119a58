/** VLANs of a trunk are below this (amazon-vpc-resource-controller-k8s, MaxAllocatableVlanIds); 0 is none. */
const VLAN_END = 121;

/** Which VLANs of a trunk its branch ENIs have. */
export class Vlans {
  readonly #used = new Uint8Array(VLAN_END);

  constructor() {
    this.#used[0] = 1;
  }

  /** Takes the lowest free one; null: there is none. */
  take(): number | null {
    const vlan = this.#used.indexOf(0);
    if (vlan < 0) return null;
    this.#used[vlan] = 1;
    return vlan;
  }

  get allUsed(): boolean {
    return !this.#used.includes(0);
  }

  free(vlan: number): void {
    this.#used[vlan] = 0;
  }
}
