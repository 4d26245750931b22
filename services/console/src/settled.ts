import { useEffect, useState } from "preact/hooks";

const REST_MS = 300;

/** Returns what is typed once it rests: not every letter is a question. */
export function useSettled(value: string): string {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), REST_MS);
    return () => clearTimeout(timer);
  }, [value]);
  return settled;
}
