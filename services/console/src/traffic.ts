import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, type Client } from "@connectrpc/connect";
import { durationOf, millis } from "./format";
import { SwitchState, type Switch } from "./generated/switchover/catalog/v1/switches_pb";
import type { ListTrafficResponse, TrafficService } from "./generated/switchover/catalog/v1/traffic_pb";
import { ended } from "./steps";

/** From when until when, in milliseconds since 1970. */
export interface Window {
  readonly from: number;
  readonly to: number;
}

/** What is asked for; `open` goes on to whatever the catalog takes for now: this machine's clock may be wrong. */
export interface Asking extends Window {
  readonly open: boolean;
}

/** What users were answered in one step of time by one version. */
export interface Count {
  readonly requests: number;
  readonly failed: number;
}

/** One step of time, by the version's id; a version that answered nobody in it is not there. */
export interface Sample {
  /** When the step begins. */
  readonly at: number;
  readonly counts: ReadonlyMap<string, Count>;
}

/** What all gateways counted of an application. */
export interface Counted {
  readonly kind: "counted";
  /** What was asked for. */
  readonly window: Window;
  readonly stepMs: number;
  /** Every step that is known whole, without a gap. */
  readonly samples: readonly Sample[];
  /** From when on anything is kept, where that is within the window or behind it. */
  readonly keptSince: number | undefined;
}

/** What is known of an application's requests. */
export type Traffic =
  | Counted
  /** This installation counts none. */
  | { readonly kind: "uncounted" }
  /** Whoever looks may not see them. */
  | { readonly kind: "hidden" };

const MINUTE_MS = 60_000;
const RECENT_MS = 15 * MINUTE_MS;
/** How many steps a chart has at most: more are not to be told apart. */
const STEPS_MAX = 300;
/** Steps that a reader knows, in seconds; an hour is the longest that the catalog has. */
const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600] as const;
const LONGEST = 3600;

/** Returns the window of a switch: from a minute before its confirm to a minute after its end, or to now. */
export function windowOf(one: Switch, now: number): Asking {
  const from = (one.createTime === undefined ? now : millis(one.createTime)) - MINUTE_MS;
  const over = one.endTime === undefined ? undefined : millis(one.endTime) + MINUTE_MS;
  const open = over === undefined || over > now;
  const to = Math.max(open ? now : over, from + 1000);
  // Of one that took longer than a chart can show, the end counts.
  return { from: Math.max(from, to - STEPS_MAX * LONGEST * 1000), to, open };
}

/** Returns the window of what goes on: the last quarter of an hour. */
export function recentWindow(now: number): Asking {
  return { from: now - RECENT_MS, to: now, open: true };
}

/** Tells whether more is still to be counted in the window of a switch. */
export function goesOn(one: Switch, now: number): boolean {
  // What was counted is there some seconds after.
  return one.endTime === undefined || now < millis(one.endTime) + MINUTE_MS + 10_000;
}

/** Returns how long a step is, so that a window has no more of them than a chart can show. */
export function stepOf({ from, to }: Window): number {
  const seconds = STEPS.find((step) => (to - from) / (step * 1000) <= STEPS_MAX) ?? LONGEST;
  return seconds * 1000;
}

/** Asks the catalog what was counted in a window. */
export async function askTraffic(
  client: Client<typeof TrafficService>,
  application: string,
  asked: Asking,
  signal: AbortSignal,
): Promise<Traffic> {
  const stepMs = stepOf(asked);
  const window = { ...asked, from: Math.floor(asked.from / stepMs) * stepMs };
  try {
    const answer = await client.listTraffic(
      {
        parent: application,
        startTime: timestampFromMs(window.from),
        ...(asked.open ? {} : { endTime: timestampFromMs(window.to) }),
        step: durationOf(stepMs),
      },
      { signal },
    );
    return readTraffic(answer, window, stepMs);
  } catch (thrown) {
    const { code } = ConnectError.from(thrown);
    if (code === Code.Unimplemented) return { kind: "uncounted" };
    if (code === Code.PermissionDenied) return { kind: "hidden" };
    throw thrown;
  }
}

/** Reads what was counted; steps in which nobody was answered are there too, those not known whole are not. */
export function readTraffic(answer: ListTrafficResponse, asked: Asking, stepMs: number): Counted {
  const counts = new Map<number, Map<string, Count>>();
  for (const { time, version, requests, failed } of answer.points) {
    if (time === undefined) continue;
    const at = millis(time);
    const step = counts.get(at) ?? new Map<string, Count>();
    const before = step.get(version);
    step.set(version, {
      requests: (before?.requests ?? 0) + Number(requests),
      failed: (before?.failed ?? 0) + Number(failed),
    });
    counts.set(at, step);
  }
  const kept = answer.keptSinceTime === undefined ? undefined : millis(answer.keptSinceTime);
  const complete = answer.completeTime === undefined ? asked.to : millis(answer.completeTime);
  const to = asked.open ? complete : Math.min(asked.to, complete);
  const window = { from: asked.from, to: Math.max(asked.open ? to : asked.to, asked.from + stepMs) };
  const samples: Sample[] = [];
  for (let at = window.from; at + stepMs <= to; at += stepMs)
    if (kept === undefined || at + stepMs > kept) samples.push({ at, counts: counts.get(at) ?? new Map() });
  return {
    kind: "counted",
    window,
    stepMs,
    samples,
    keptSince: kept !== undefined && kept > window.from ? kept : undefined,
  };
}

/** When a switch held requests, and when it was committed. */
export interface Marks {
  readonly holds: readonly { readonly from: number; readonly until: number | undefined }[];
  readonly commit: number | undefined;
}

/** Returns what is marked in the chart of a switch. */
export function marksOf(one: Switch): Marks {
  const holds = one.steps.flatMap(({ state, startTime }, place) => {
    const next = one.steps[place + 1]?.startTime;
    return state === SwitchState.HOLDING && startTime !== undefined
      ? [{ from: millis(startTime), until: next === undefined ? undefined : millis(next) }]
      : [];
  });
  return { holds, commit: one.commitTime === undefined ? undefined : millis(one.commitTime) };
}

/** Returns how often, in milliseconds, a switch's chart is asked for anew; 0 if nothing can change in it. */
export function everyOf(one: Switch, now: number): number {
  if (!goesOn(one, now)) return 0;
  return ended(one.state) ? 2000 : 1000;
}
