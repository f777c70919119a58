import type { Process } from "../../time/process.ts";
import type { NetworkInterface } from "../../vpc/ec2/types.ts";
import type { NodeState } from "./nodeState.ts";

/** Tag of ENIs that ipamd leaves alone. */
const NO_MANAGE_TAG = "node.k8s.amazonaws.com/no_manage";

/** What the instance metadata shows, by device number (GetAttachedENIs). It knows no branch ENIs. */
export function attachedEnis(state: NodeState): NetworkInterface[] {
  return byDevice(state.input.ec2.metadata(state.instance));
}

/**
 * Those of them that EC2 knows too (DescribeAllENIs). On the way learns which ENIs are unmanaged: those tagged so, but never
 * the primary one (setUnmanagedENIs).
 *
 * @throws Ec2Error
 */
export function* describeAttached(state: NodeState): Process<NetworkInterface[]> {
  const shown = attachedEnis(state);
  const known = yield* state.input.ec2.describeNetworkInterfaces(state.instance);
  const described = new Map(known.map((eni) => [eni.id, eni]));
  const unmanaged = shown.filter(
    ({ id, deviceNumber }) => deviceNumber !== 0 && described.get(id)?.tags[NO_MANAGE_TAG] === "true",
  );
  state.unmanaged = new Map(unmanaged.map((eni) => [eni.id, eni]));
  return shown.filter(({ id }) => described.has(id));
}

function byDevice(enis: readonly NetworkInterface[]): NetworkInterface[] {
  return enis
    .filter(({ deviceNumber, interfaceType }) => deviceNumber !== null && interfaceType !== "branch")
    .sort((a, b) => (a.deviceNumber ?? 0) - (b.deviceNumber ?? 0));
}
