import { linesOf } from "./lines";

/** Reads roles as they are typed: one a line, `name = what it may do`. */
export function rolesOf(text: string): { name: string; description: string }[] {
  return linesOf(text).map((line) => {
    const at = line.indexOf("=");
    return at < 0
      ? { name: line, description: "" }
      : { name: line.slice(0, at).trim(), description: line.slice(at + 1).trim() };
  });
}
