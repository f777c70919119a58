import { type Process, sleep, until } from "../../time/process.ts";
import { Ec2Error } from "../../vpc/ec2/ec2Error.ts";
import type { NodeState } from "./nodeState.ts";
import { withBackoff } from "./retry.ts";

/** Milliseconds; pkg/awsutils/awsutils.go freeENI, deleteENI. */
const DETACH_RETRY = 200;
const DELETE_RETRY = 500;
/** It takes EC2 a while to detach. */
const AFTER_DETACH = 2000;

/** The clean-up of leaked ENIs: each hour, and nothing that was made less than five minutes ago; milliseconds. */
const CLEAN_INTERVAL = 3_600_000;
const YOUNGEST_LEAKED = 300_000;
/** Daemons begin with it at random seconds of the first five minutes. */
const CLEAN_START_SECONDS = 300;
const SECOND = 1000;

/** Detaches and deletes an ENI that is out of the store already (FreeENI). */
export function* freeEni(state: NodeState, eni: string): Process<void> {
  const { ec2, random } = state.input;
  try {
    const attached = yield* ec2.describeNetworkInterfaces(state.instance);
    if (!attached.some(({ id }) => id === eni)) return;
  } catch (error) {
    if (!(error instanceof Ec2Error)) throw error;
    freeFailed(state, eni, error.message);
    return;
  }
  const detached = yield* withBackoff(DETACH_RETRY, random, function* () {
    try {
      yield* ec2.detachNetworkInterface(eni);
      return true;
    } catch (error) {
      if (!(error instanceof Ec2Error)) throw error;
      return false;
    }
  });
  state.watch();
  if (!detached) {
    freeFailed(state, eni, "unable to detach ENI from EC2 instance, giving up");
    return;
  }
  if (state.lasting.made.has(eni)) state.lasting.unattached.set(eni, state.now);
  yield* sleep(AFTER_DETACH);
  if (yield* deleteEni(state, eni)) state.log("info", `Successfully freed ENI: ${eni}`);
  else freeFailed(state, eni, "unable to delete ENI");
}

function freeFailed(state: NodeState, eni: string, why: string): void {
  state.error("decreaseIPPoolFreeENIFailed");
  state.log("error", `Failed to free ENI ${eni}, err: ${why}`);
}

/** Deletes an ENI that is not attached; one that is gone is deleted. False: it could not be, and has leaked. */
export function* deleteEni(state: NodeState, eni: string): Process<boolean> {
  const deleted = yield* withBackoff(DELETE_RETRY, state.input.random, function* () {
    try {
      yield* state.input.ec2.deleteNetworkInterface(eni);
      return true;
    } catch (error) {
      if (!(error instanceof Ec2Error)) throw error;
      return error.code === "InvalidNetworkInterfaceID.NotFound";
    }
  });
  if (deleted) {
    state.lasting.made.delete(eni);
    state.lasting.unattached.delete(eni);
  } else state.leaked.fire();
  return deleted;
}

/**
 * Deletes leaked ENIs every hour (cleanUpLeakedENIs): those that the daemon made, or a run of it before, and that are not
 * attached. Sleeps while there are none.
 */
export function* cleanLeakedEnis(state: NodeState): Process<void> {
  const { unattached } = state.lasting;
  const first = state.now + state.input.random.below(CLEAN_START_SECONDS) * SECOND;
  for (;;) {
    while (unattached.size === 0) yield* until(state.leaked);
    const pass = Math.max(0, Math.floor((state.now - first) / CLEAN_INTERVAL) + 1);
    yield* sleep(first + pass * CLEAN_INTERVAL - state.now);
    for (const [eni, since] of [...unattached])
      if (state.now - since >= YOUNGEST_LEAKED && !(yield* deleteEni(state, eni)))
        state.log("warn", `Failed to clean up leaked ENI ${eni}`);
  }
}
