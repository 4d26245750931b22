import { Value } from "./value";

export type Look = "system" | "light" | "dark";

const KEPT = "switchover-look";
const ROOT = globalThis.document?.documentElement;

/** What was chosen here; the page's own script has set it before anything was drawn. */
export const look = new Value<Look>((ROOT?.dataset["look"] as Look | undefined) ?? "system");

/** Shows everything light, dark, or as the system says, from now on and next time. */
export function wear(chosen: Look): void {
  if (chosen === "system") delete ROOT?.dataset["look"];
  else if (ROOT !== undefined) ROOT.dataset["look"] = chosen;
  try {
    localStorage.setItem(KEPT, chosen);
  } catch {
    // A browser that keeps nothing is asked again next time.
  }
  look.set(chosen);
}
