import { create } from "@bufbuild/protobuf";
import { useEffect, useRef, useState } from "preact/hooks";
import { ENDLESS, provisionings } from "./client";
import { faultOf, type Fault } from "./fault";
import {
  ProvisioningSchema,
  ProvisioningState,
  type Provisioning,
  type WatchProvisioningsResponse,
} from "./generated/switchover/provisioning/v1/tenants_pb";
import type { Link } from "./live";
import { useStream } from "./watch";
import type { Tone } from "./parts/badge";

/** How many changed ones are asked for whole at once, and how long after the change. */
const WHOLE_MAX = 30;
const WHOLE_AFTER_MS = 250;

/** What to follow. */
export interface Wanted {
  /** `tenants/{tenant}`, or `tenants/-` for those of all. */
  readonly parent: string;
  /** `applications/{application}`; empty for all. */
  readonly application: string;
}

/** Provisionings as they are now. */
export interface Followed {
  /** None until all that there are have come. */
  readonly entries: readonly Provisioning[] | undefined;
  readonly link: Link;
  readonly fault: Fault | undefined;
}

/** Follows provisionings: first those that there are, then each change, over interruptions. */
export function useProvisionings({ parent, application }: Wanted): Followed {
  const [entries, setEntries] = useState<readonly Provisioning[] | undefined>(undefined);
  const [fault, setFault] = useState<Fault | undefined>(undefined);
  const known = useRef(new Map<string, Provisioning>());
  const after = useRef("");
  const touched = useRef(new Set<string>());
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  useEffect(() => () => clearTimeout(timer.current), []);

  // A change tells where it led, not on what that rests: the whole is asked for, of few at a time.
  const complete = async (): Promise<void> => {
    timer.current = undefined;
    const names = [...touched.current].slice(0, WHOLE_MAX);
    touched.current.clear();
    const found = await Promise.allSettled(names.map((name) => provisionings.getProvisioning({ name })));
    for (const one of found)
      if (one.status === "fulfilled" && one.value.provisioning !== undefined)
        known.current.set(one.value.provisioning.name, one.value.provisioning);
    setEntries(inOrder(known.current));
  };

  const receive = (message: WatchProvisioningsResponse): void => {
    apply(known.current, message);
    if (message.position !== "") after.current = message.position;
    setFault(undefined);
    if (after.current !== "") setEntries(inOrder(known.current));
    for (const { provisioning } of message.changes) touched.current.add(provisioning);
    if (touched.current.size > 0) timer.current ??= setTimeout(() => void complete(), WHOLE_AFTER_MS);
  };
  const over = (thrown: unknown): boolean => {
    if (thrown === undefined) return false;
    const found = faultOf(thrown);
    if (found.kind === "away" || found.kind === "late") return false;
    // A position that is too old is forgotten: everything is read anew.
    if (after.current !== "") {
      after.current = "";
      known.current.clear();
      return false;
    }
    setFault(found);
    return true;
  };
  const open = (signal: AbortSignal) => {
    // Without a position the whole is sent anew.
    if (after.current === "") known.current.clear();
    return provisionings.watchProvisionings({ parent, application, after: after.current }, { signal, ...ENDLESS });
  };
  const link = useStream(`provisionings ${parent} ${application}`, open, receive, over);
  return { entries, link, fault };
}

/** Brings what is known up to date. */
export function apply(known: Map<string, Provisioning>, message: WatchProvisioningsResponse): void {
  for (const entry of message.provisionings) known.set(entry.name, entry);
  for (const change of message.changes) {
    const before = known.get(change.provisioning);
    const entry = before ?? create(ProvisioningSchema, { name: change.provisioning });
    const next: Provisioning = {
      ...entry,
      state: change.state,
      stateMessage: change.stateMessage,
      stateActor: change.actor,
    };
    if (change.time !== undefined) next.stateTime = change.time;
    known.set(change.provisioning, next);
  }
}

/** By tenant, then application, then the newest change first. */
export function inOrder(known: ReadonlyMap<string, Provisioning>): Provisioning[] {
  return [...known.values()].sort((one, other) => {
    const [a, b] = [one.name.split("/provisionings/")[0] ?? "", other.name.split("/provisionings/")[0] ?? ""];
    if (a !== b) return a < b ? -1 : 1;
    return (
      Number((other.stateTime?.seconds ?? 0n) - (one.stateTime?.seconds ?? 0n)) || (one.name < other.name ? -1 : 1)
    );
  });
}

export const TONES: Readonly<Record<ProvisioningState, Tone>> = {
  [ProvisioningState.UNSPECIFIED]: "plain",
  [ProvisioningState.REQUESTED]: "accent",
  [ProvisioningState.PENDING_ACCEPTANCE]: "accent",
  [ProvisioningState.PROVISIONING]: "accent",
  [ProvisioningState.PROVISIONED]: "good",
  [ProvisioningState.DENIED]: "bad",
  [ProvisioningState.FAILED]: "bad",
  [ProvisioningState.DEPROVISIONING]: "warn",
  [ProvisioningState.REMOVED]: "plain",
};

/** Tells whether a state is on its way to another. */
export function moving(state: ProvisioningState): boolean {
  return (
    state === ProvisioningState.REQUESTED ||
    state === ProvisioningState.PROVISIONING ||
    state === ProvisioningState.DEPROVISIONING
  );
}
