/** Returns the lines of a text that say anything. */
export function linesOf(text: string): string[] {
  return numbered(text).map(({ line }) => line);
}

/** Returns which line of a text it is, counted from 1 as people count, that says something as the `place`th, counted from 0. */
export function lineNumber(text: string, place: number): number {
  return numbered(text)[place]?.number ?? place + 1;
}

function numbered(text: string): { line: string; number: number }[] {
  return text
    .split("\n")
    .map((line, index) => ({ line: line.trim(), number: index + 1 }))
    .filter(({ line }) => line !== "");
}
