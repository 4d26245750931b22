import { useEffect, useState } from "preact/hooks";

/** Shows what was wished until it has come about: a box that was ticked does not jump back meanwhile. */
export function useWish(actual: boolean): [shown: boolean, wish: (wished: boolean | undefined) => void] {
  const [wished, setWished] = useState<boolean | undefined>(undefined);
  useEffect(() => setWished(undefined), [actual]);
  return [wished ?? actual, setWished];
}
