import { useEffect, useState } from "preact/hooks";

/** A value that whoever shows it hears change. */
export class Value<T> {
  #now: T;
  readonly #listeners = new Set<(now: T) => void>();

  constructor(first: T) {
    this.#now = first;
  }

  get(): T {
    return this.#now;
  }

  set(next: T): void {
    if (Object.is(next, this.#now)) return;
    this.#now = next;
    for (const listener of [...this.#listeners]) listener(next);
  }

  /** Hears every change until the returned function is called. */
  listen(listener: (now: T) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}

/** Shows a value: the component is drawn anew when it changes. */
export function useValue<T>(value: Value<T>): T {
  const [now, setNow] = useState(() => value.get());
  useEffect(() => {
    // It may have changed between the first drawing and now.
    setNow(() => value.get());
    return value.listen((next) => setNow(() => next));
  }, [value]);
  return now;
}
