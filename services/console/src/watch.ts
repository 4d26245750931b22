import { useEffect, useRef, useState } from "preact/hooks";
import { caller } from "./caller";
import { note } from "./client";
import { heard } from "./connection";
import { browser, follow, type Link } from "./live";

/** Follows a stream while the component is shown; tells where it stands. */
export function useStream<T>(
  what: string,
  open: (signal: AbortSignal) => AsyncIterable<T>,
  receive: (message: T) => void,
  over?: (thrown: unknown) => boolean,
): Link {
  const [link, setLink] = useState<Link>("connecting");
  const latest = useRef({ open, receive, over });
  latest.current = { open, receive, over };
  const key = `${caller().role} ${caller().subject} ${what}`;
  useEffect(
    () =>
      follow<T>(
        {
          open: (signal) => latest.current.open(signal),
          receive: (message) => latest.current.receive(message),
          stand: (next, thrown) => {
            setLink(next);
            if (next === "live") heard();
            if (thrown !== undefined) note(thrown);
          },
          over: (thrown) => latest.current.over?.(thrown) ?? false,
        },
        browser,
      ),
    [key],
  );
  return link;
}
