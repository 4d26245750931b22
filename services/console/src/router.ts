import { Value } from "./value";

/** The address that is shown: its path alone, nothing else of it counts. */
export const path = new Value(globalThis.location?.pathname ?? "/");

/** Goes to another page of the console. */
export function go(to: string): void {
  if (to !== location.pathname) history.pushState(null, "", to);
  path.set(to);
}

/** Follows the browser's own way back and forth. */
export function followHistory(): void {
  window.addEventListener("popstate", () => path.set(location.pathname));
}

/** Splits a path into what stands between its slashes, decoded. */
export function parts(of: string): string[] {
  return of
    .split("/")
    .filter((part) => part !== "")
    .map(decode);
}

/** Makes a path of parts, which may contain anything. */
export function pathOf(...of: string[]): string {
  return `/${of.map(encodeURIComponent).join("/")}`;
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** Returns the last part of a resource name: the id. */
export function idOf(name: string): string {
  return name.slice(name.lastIndexOf("/") + 1);
}

/** Returns the part of a resource name behind such a collection: `shop` of `applications/shop/versions/1.0`. */
export function idIn(name: string, collection: string): string {
  const steps = name.split("/");
  const at = steps.indexOf(collection);
  return at < 0 ? "" : (steps[at + 1] ?? "");
}
