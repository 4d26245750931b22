import { useEffect } from "preact/hooks";
import { gateway } from "./client";
import { isAborted } from "./fault";
import type { GetStatusResponse } from "./generated/switchover/gateway/v1/gateway_pb";
import { Value } from "./value";

/** Requests of one moment, by version: how many a second since the moment before. */
export interface Sample {
  readonly at: number;
  /** By the version's id. */
  readonly rates: ReadonlyMap<string, number>;
}

/** What was counted of one application at the gateway that the edge belongs to. */
export interface Traffic {
  readonly gateway: string;
  readonly samples: readonly Sample[];
}

/** Counters of one moment at one gateway, by version. */
interface Reading {
  readonly gateway: string;
  readonly at: number;
  readonly requests: ReadonlyMap<string, number>;
}

const EVERY_MS = 500;
/** Two minutes. */
const SAMPLES_MAX = 240;

const counted = new Map<string, Value<Traffic>>();

/** Returns what is counted of an application while anybody looks at it. */
export function trafficOf(application: string): Value<Traffic> {
  const known = counted.get(application);
  if (known !== undefined) return known;
  const made = new Value<Traffic>({ gateway: "", samples: [] });
  counted.set(application, made);
  return made;
}

/** Counts an application's requests for as long as the component is shown. */
export function useTraffic(application: string): void {
  useEffect(() => {
    const controller = new AbortController();
    void count(application, controller.signal);
    return () => controller.abort();
  }, [application]);
}

async function count(application: string, signal: AbortSignal): Promise<void> {
  let before: Reading | undefined;
  while (!signal.aborted) {
    const pause = new Promise((done) => setTimeout(done, EVERY_MS));
    if (document.visibilityState !== "hidden") {
      try {
        const answer = await gateway.getStatus({ application }, { signal });
        const reading = read(answer, performance.timeOrigin + performance.now());
        // Behind a load balancer another gateway may answer: each counts for itself.
        if (before?.gateway === reading.gateway) add(application, reading.gateway, sample(before, reading));
        before = reading;
      } catch (thrown) {
        if (isAborted(thrown)) return;
        before = undefined;
        // Whoever may not look at gateways, or finds none, is not asked twice a second for ever.
        await new Promise((done) => setTimeout(done, EVERY_MS * 10));
      }
    }
    await pause;
  }
}

function add(application: string, gatewayName: string, next: Sample): void {
  const value = trafficOf(application);
  value.set({ gateway: gatewayName, samples: [...value.get().samples, next].slice(-SAMPLES_MAX) });
}

/** Reads the users' counters; testers' requests are no users'. */
export function read(status: GetStatusResponse, at: number): Reading {
  const requests = new Map<string, number>();
  for (const { traffic } of status.applications)
    for (const { version, test, requests: total } of traffic)
      if (!test) requests.set(version, (requests.get(version) ?? 0) + Number(total));
  return { gateway: status.gateway, at, requests };
}

/** Returns the rates between two readings. A gateway that was started anew counts from 0. */
export function sample(before: Reading, after: Reading): Sample {
  const seconds = Math.max((after.at - before.at) / 1000, 0.001);
  const rates = new Map<string, number>();
  for (const [version, total] of after.requests) {
    const earlier = before.requests.get(version) ?? 0;
    rates.set(version, Math.max(total >= earlier ? total - earlier : total, 0) / seconds);
  }
  return { at: after.at, rates };
}
