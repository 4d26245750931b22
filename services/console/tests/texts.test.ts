import { describe, expect, test } from "vitest";
import { de } from "../src/texts/de";
import { en } from "../src/texts/en";

/** Walks two sets of texts side by side. */
function pairs(one: unknown, other: unknown, path = ""): [string, unknown, unknown][] {
  if (typeof one !== "object" || one === null) return [[path, one, other]];
  return Object.entries(one).flatMap(([key, value]) =>
    pairs(value, (other as Record<string, unknown>)[key], `${path}.${key}`),
  );
}

/** What is the same word in both languages. */
const SAME =
  /^(|Switchover|Gateways?|Mails|Name|Version|Backend|Scopes|Audit|Live|Generation|Message-ID|Update|System|Details|–|Tester|Person)$/;

describe("texts", () => {
  test("German says everything that English says", () => {
    for (const [path, english, german] of pairs(en, de)) {
      if (path.startsWith(".faults.reasons")) continue;
      expect(typeof german, path).toBe(typeof english);
      if (typeof english === "string") expect((german as string).trim(), path).not.toBe("");
    }
  });

  test("nothing English is left in German", () => {
    const left = pairs(en, de).filter(
      ([path, english, german]) =>
        path !== ".language" && typeof english === "string" && english === german && !SAME.test(english),
    );
    expect(left.map(([path]) => path)).toEqual([]);
  });

  test("a number comes with the right form of its noun", () => {
    expect(en.applications.found(1)).toBe("1 application");
    expect(en.applications.found(1200)).toBe("1,200 applications");
    expect(de.applications.found(1)).toBe("1 Anwendung");
    expect(de.applications.found(1200)).toBe("1.200 Anwendungen");
    expect(de.preview.moved(1n)).toBe("1 Mandant wechselt");
  });

  test("no text is put together of markup", () => {
    for (const texts of [en, de])
      for (const [path, text] of pairs(texts, texts))
        if (typeof text === "string") expect(text, path).not.toMatch(/[<>]|&\w+;/);
  });
});
