import { Value } from "./value";
import { de } from "./texts/de";
import { en, type Texts } from "./texts/en";

export type Language = "en" | "de";

const TEXTS: Readonly<Record<Language, Texts>> = { en, de };
const KEPT = "switchover-language";

export const language = new Value<Language>(first());

/** The texts of the language that is shown. When it changes, the whole page is drawn anew. */
export let t: Texts = TEXTS[language.get()];
show(language.get());

/** The languages that there are, each by its own name. */
export const LANGUAGES: readonly { readonly id: Language; readonly name: string }[] = [
  { id: "en", name: en.languageName },
  { id: "de", name: de.languageName },
];

/** Shows everything in another language, from now on and next time. */
export function speak(chosen: Language): void {
  try {
    localStorage.setItem(KEPT, chosen);
  } catch {
    // A browser that keeps nothing is asked again next time.
  }
  show(chosen);
  language.set(chosen);
}

function show(chosen: Language): void {
  t = TEXTS[chosen];
  if (globalThis.document !== undefined) document.documentElement.lang = chosen;
}

function first(): Language {
  let kept: string | null = null;
  try {
    kept = localStorage.getItem(KEPT);
  } catch {
    kept = null;
  }
  if (kept === "en" || kept === "de") return kept;
  const wanted = globalThis.navigator?.languages ?? [];
  return wanted.find((tag) => /^(en|de)\b/.test(tag))?.startsWith("de") ? "de" : "en";
}
