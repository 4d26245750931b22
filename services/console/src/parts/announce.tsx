import { Value, useValue } from "../value";

/** How long a sentence is shown, and how long at least while another waits. */
const SHOWN_MS = 5000;
const HURRIED_MS = 2000;
const WAITING_MAX = 3;

/** What is said now. */
const words = new Value("");
const waiting: string[] = [];
let since = 0;
let timer: ReturnType<typeof setTimeout> | undefined;

/** Says something in passing, to those who hear the page and, for a moment, to those who see it. */
export function say(text: string): void {
  waiting.push(text);
  // Of many at once the last ones count.
  if (waiting.length > WAITING_MAX) waiting.shift();
  next();
}

function next(): void {
  clearTimeout(timer);
  const left = words.get() === "" ? 0 : since + (waiting.length > 0 ? HURRIED_MS : SHOWN_MS) - Date.now();
  if (left > 0) timer = setTimeout(next, left);
  else {
    words.set(waiting.shift() ?? "");
    since = Date.now();
    if (words.get() !== "") next();
  }
}

/** The one place from which the page speaks. */
export function Announcer() {
  const text = useValue(words);
  return (
    <div class={text === "" ? "toast toast-still" : "toast"} role="status">
      {text}
    </div>
  );
}
