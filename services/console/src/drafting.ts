import { useEffect, useState } from "preact/hooks";
import { useDeed } from "./ask";
import { merge, same, type Change, type Typed } from "./draft";
import { faultOf, type Fault } from "./fault";

/** How often a change is made while others change something else. */
const TRIES = 3;

interface Drafted<R, F extends string> {
  /** As it is shown, changed nowhere. */
  readonly first: R;
  /** Writes it into a form. */
  readonly read: (of: R) => Typed<F>;
  /** Asks how it is now. */
  readonly ask: () => Promise<R | undefined>;
}

/** A change of something that others may change too, as it is typed. */
export interface Draft<R, F extends string> {
  /** What the change is made to. */
  readonly of: R;
  readonly typed: Typed<F>;
  /** What others have changed since it was last shown; empty until that stood in the way. */
  readonly changes: readonly Change<F>[];
  readonly busy: boolean;
  readonly fault: Fault | undefined;
  set(typed: Partial<Typed<F>>): void;
  /**
   * Makes the change; answers whether it was made. If somebody was faster with one of its fields, nothing that was
   * typed is lost: the form is brought up to what is there now, and the next try is for that.
   */
  save(act: (of: R, typed: Typed<F>) => Promise<R | undefined>): Promise<boolean>;
}

export function useDraft<R extends { readonly etag: string }, F extends string>(from: Drafted<R, F>): Draft<R, F> {
  const { first, read, ask } = from;
  const deed = useDeed();
  const [state, setState] = useState<Pick<Draft<R, F>, "of" | "typed" | "changes">>(() => ({
    of: first,
    typed: read(first),
    changes: [],
  }));

  useEffect(() => {
    // Where nothing was typed, what others change is shown at once.
    setState((now) => (same(now.typed, read(now.of)) ? { of: first, typed: read(first), changes: [] } : now));
  }, [first.etag]);

  /** Makes the change once, and once more where others have changed something else: what was seen still holds. */
  const make = async (
    act: (of: R, typed: Typed<F>) => Promise<R | undefined>,
    from: Pick<Draft<R, F>, "of" | "typed">,
    tries: number,
  ): Promise<void> => {
    try {
      const of = (await act(from.of, from.typed)) ?? from.of;
      setState({ of, typed: read(of), changes: [] });
    } catch (thrown) {
      const now = faultOf(thrown).kind === "changed" ? await ask() : undefined;
      if (now === undefined) throw thrown;
      const merged = merge(read(from.of), from.typed, read(now));
      setState({ of: now, ...merged });
      if (merged.changes.length > 0 || tries <= 1) throw thrown;
      await make(act, { of: now, typed: merged.typed }, tries - 1);
    }
  };

  return {
    ...state,
    busy: deed.busy,
    fault: deed.fault,
    set: (typed) => setState((now) => ({ ...now, typed: { ...now.typed, ...typed } })),
    save: (act) => deed.run(() => make(act, state, TRIES)),
  };
}
