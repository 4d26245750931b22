import { millis } from "./format";
import { SwitchState, type Switch } from "./generated/switchover/catalog/v1/switches_pb";

/** One step of a switch as it is shown. */
export interface Step {
  readonly state: SwitchState;
  readonly stand: "done" | "now" | "ahead";
  /** How long it took; none if it has not begun, or goes on. */
  readonly took: number | undefined;
  /** How long after the confirm it began; none if it has not. */
  readonly began: number | undefined;
}

const WAY: readonly SwitchState[] = [
  SwitchState.PROVISIONING,
  SwitchState.PREPARING,
  SwitchState.FENCING,
  SwitchState.CLOSING_CONSENT,
  SwitchState.HOLDING,
  SwitchState.RELEASING,
  SwitchState.DRAINING,
  SwitchState.SETTLING,
  SwitchState.SUCCEEDED,
];

/** Tells whether nothing of a switch can change any more. */
export function ended(state: SwitchState): boolean {
  return state === SwitchState.SUCCEEDED || state === SwitchState.FAILED || state === SwitchState.CANCELLED;
}

/** Tells whether a switch can still be given up. */
export function cancellable(one: Switch): boolean {
  return one.commitTime === undefined && !ended(one.state) && one.state !== SwitchState.SETTLING;
}

/** Returns the steps of a switch: those that it took, and, while it is well, those that are ahead. */
export function stepsOf(one: Switch): Step[] {
  const start = one.createTime === undefined ? 0 : millis(one.createTime);
  const taken = one.steps.map(({ state, startTime }, place): Step => {
    const at = startTime === undefined ? start : millis(startTime);
    const next = one.steps[place + 1]?.startTime;
    const last = place === one.steps.length - 1;
    return {
      state,
      stand: last && !ended(state) ? "now" : "done",
      took: next === undefined ? undefined : millis(next) - at,
      began: at - start,
    };
  });
  if (ended(one.state) || one.failure !== undefined) return taken;
  const reached = WAY.indexOf(one.state);
  const ahead = WAY.filter((state, place) => place > reached && state !== SwitchState.FENCING);
  return [...taken, ...ahead.map((state): Step => ({ state, stand: "ahead", took: undefined, began: undefined }))];
}
