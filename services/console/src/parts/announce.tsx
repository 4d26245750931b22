import { Value, useValue } from "../value";

/** What is said next to those who hear the page. */
const words = new Value("");

/** Says something in passing, to those who hear the page and, for a moment, to those who see it. */
export function say(text: string): void {
  words.set("");
  setTimeout(() => words.set(text), 50);
}

const SHOWN_MS = 5000;
let timer: ReturnType<typeof setTimeout> | undefined;
words.listen((text) => {
  clearTimeout(timer);
  if (text !== "") timer = setTimeout(() => words.set(""), SHOWN_MS);
});

/** The one place from which the page speaks. */
export function Announcer() {
  const text = useValue(words);
  return (
    <div class={text === "" ? "toast toast-still" : "toast"} role="status">
      {text}
    </div>
  );
}
