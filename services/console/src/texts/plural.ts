/** The forms of one noun; `#` stands for the number. */
export interface Forms {
  readonly one: string;
  readonly other: string;
}

/** Returns what writes a number with its noun in a language. */
export function plurals(language: string): (count: number | bigint, forms: Forms) => string {
  const rules = new Intl.PluralRules(language);
  const numbers = new Intl.NumberFormat(language);
  return (count, forms) => {
    const form = rules.select(Number(count)) === "one" ? forms.one : forms.other;
    return form.replace("#", numbers.format(count));
  };
}
