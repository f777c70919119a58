import { type Process, sleep } from "../../time/process.ts";
import { Ec2Error } from "../../vpc/ec2/ec2Error.ts";
import type { NetworkInterface } from "../../vpc/ec2/types.ts";
import { attachedEnis, describeAttached } from "./attached.ts";
import { setUpEni } from "./eniCreate.ts";
import { increment, type NodeState } from "./nodeState.ts";
import { drainExcluded, releaseOtherKind } from "./poolDecrease.ts";
import { canIncrease, increasePool } from "./poolIncrease.ts";
import { poolTooLow } from "./poolTarget.ts";

/** An ENI whose addresses cannot be found out is tried so often, so far apart (maxRetryCheckENI, eniAttachTime; milliseconds). */
const SET_UP_RETRIES = 5;
const SET_UP_RETRY = 10_000;

/** The daemon's start-up failed: its container ends, and kubelet starts it again. */
export class InitError extends Error {}

/**
 * ipamd's start-up (nodeInit): takes over the ENIs that are attached and the pods of the checkpoint, gives back what has no
 * use any more, and lets a pool that is too low grow by one step. No new ENI, or a subnet without addresses, is no failure
 * but with custom networking: there a node without a pod address does not become ready.
 *
 * @param alive whether a pod is still there.
 * @throws InitError
 */
export function* startUp(state: NodeState, alive: (pod: string) => boolean): Process<void> {
  const { store, settings, targets } = state;
  if (settings.prefixDelegation && !targets.prefixDelegation)
    state.log(
      "warn",
      `Prefix delegation is not supported on non-nitro instance ${state.input.node.instanceType} hence falling back to default (secondary IP) mode`,
    );
  if (settings.customNetworking === "missing") state.log("error", "No ENIConfig could be found for this node");
  for (const eni of yield* described(state)) if (!state.unmanaged.has(eni.id)) yield* takeOver(state, eni);
  for (const pod of store.restore(alive))
    state.log("info", `datastore: Sandbox of ${pod} uses unknown IP Address - presuming stale/dead`);
  for (const eni of store.enis) if (eni.excluded) yield* drainExcluded(state, eni.id);
  for (const eni of store.enis) yield* releaseOtherKind(state, eni.id);
  yield* preScale(state);
}

function* described(state: NodeState): Process<NetworkInterface[]> {
  try {
    return yield* describeAttached(state);
  } catch (error) {
    if (!(error instanceof Ec2Error)) throw error;
    throw new InitError(`ipamd init: failed to retrieve attached ENIs info: ${error.message}`);
  }
}

/** Its slots are taken from the metadata anew at each try. */
function* takeOver(state: NodeState, eni: NetworkInterface): Process<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      const shown = attachedEnis(state).find(({ id }) => id === eni.id) ?? eni;
      yield* setUpEni(state, shown);
      return;
    } catch (error) {
      if (!(error instanceof Ec2Error)) throw error;
      state.log("warn", `Error trying to set up ENI ${eni.id}: ${error.message}`);
    }
    if (attempt > SET_UP_RETRIES) {
      state.error("waitENIAttachedMaxRetryExceeded");
      return;
    }
    yield* sleep(SET_UP_RETRY);
  }
}

/** The first growth of the pool (handlePreScaling). */
function* preScale(state: NodeState): Process<void> {
  if (!poolTooLow(state.targets, state.counts(), state.limits)) return;
  try {
    if (canIncrease(state)) yield* increasePool(state);
  } catch (error) {
    if (!(error instanceof Ec2Error)) throw error;
    increment(state.counters.podEniErrors, "nodeInit");
    throw new InitError("error while trying to increase datastore pool");
  }
  if (!state.customNetworking || state.counts().total > 0) return;
  increment(state.counters.podEniErrors, "nodeInit");
  throw new InitError("Failed to attach any ENIs for custom networking");
}
