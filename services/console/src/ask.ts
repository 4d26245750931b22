import { useEffect, useRef, useState } from "preact/hooks";
import { caller } from "./caller";
import { faultOf, isAborted, type Fault } from "./fault";
import { Value } from "./value";

/** What is known of a question to the services. */
export interface Asked<T> {
  /** The last answer, kept while it is asked again and while nobody answers. */
  readonly answer: T | undefined;
  /** Why the last try failed; none once one has succeeded. */
  readonly fault: Fault | undefined;
  /** Asks again now. */
  again(): void;
}

/** Answers by question, so that a page that was seen before shows at once what it showed. */
const known = new Map<string, unknown>();
/** Grows when something was changed here or is heard to have changed: every question is asked again. */
const turn = new Value(0);

/** Has everything that is shown asked again. */
export function changed(): void {
  turn.set(turn.get() + 1);
}

/** Forgets all answers: another caller may not see them. */
export function forgetAnswers(): void {
  known.clear();
  changed();
}

/** Asks, keeps the answer, and asks again every so many milliseconds while somebody looks. */
export function useAsk<T>(question: string, ask: (signal: AbortSignal) => Promise<T>, everyMs = 0): Asked<T> {
  const key = `${caller().role} ${caller().subject} ${question}`;
  const [, redraw] = useState(0);
  const fault = useRef<Fault | undefined>(undefined);
  const latest = useRef(ask);
  latest.current = ask;
  const again = useRef<() => void>(() => {});

  useEffect(() => {
    let running: AbortController | undefined;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const run = async (): Promise<void> => {
      clearTimeout(timer);
      running?.abort();
      const controller = new AbortController();
      running = controller;
      try {
        const answer = await latest.current(controller.signal);
        if (running !== controller) return;
        known.set(key, answer);
        fault.current = undefined;
      } catch (thrown) {
        if (running !== controller || isAborted(thrown)) return;
        fault.current = faultOf(thrown);
      }
      redraw((count) => count + 1);
      plan();
    };
    const plan = (): void => {
      const pause = fault.current?.kind === "away" ? 2000 : everyMs;
      if (pause > 0) timer = setTimeout(() => (document.visibilityState === "hidden" ? plan() : void run()), pause);
    };
    again.current = () => void run();
    void run();
    const forget = turn.listen(() => void run());
    return () => {
      forget();
      clearTimeout(timer);
      const controller = running;
      running = undefined;
      controller?.abort();
    };
  }, [key, everyMs]);

  const answer = known.get(key) as T | undefined;
  // The frame says once that nobody answers; what is known stays where it stands.
  const silent = answer !== undefined && fault.current?.kind === "away";
  return { answer, fault: silent ? undefined : fault.current, again: () => again.current() };
}

/** The state of something that a person has set off. */
export interface Deed {
  readonly busy: boolean;
  readonly fault: Fault | undefined;
  /** Does it; answers whether it was done. */
  run(act: () => Promise<void>): Promise<boolean>;
  clear(): void;
}

/** Lets a person set something off once at a time, and tells what went wrong. */
export function useDeed(): Deed {
  const [state, setState] = useState<{ busy: boolean; fault: Fault | undefined }>({ busy: false, fault: undefined });
  const busy = useRef(false);
  return {
    ...state,
    async run(act) {
      if (busy.current) return false;
      busy.current = true;
      setState({ busy: true, fault: undefined });
      try {
        await act();
        setState({ busy: false, fault: undefined });
        changed();
        return true;
      } catch (thrown) {
        setState({ busy: false, fault: faultOf(thrown) });
        return false;
      } finally {
        busy.current = false;
      }
    },
    clear: () => setState({ busy: false, fault: undefined }),
  };
}
