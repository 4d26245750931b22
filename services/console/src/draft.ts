/** What a form holds: text by field. A tick is `yes` or empty. */
export type Typed<F extends string> = Readonly<Record<F, string>>;

export const YES = "yes";

/** A field that somebody else has changed while a form was filled in. */
export interface Change<F extends string> {
  readonly field: F;
  readonly before: string;
  readonly now: string;
  /** Whether it was changed here too: then what was typed stands, to be looked at. */
  readonly clash: boolean;
}

/**
 * Brings a form up to what is there now: fields that nobody touched here follow, and nothing that was typed is
 * lost.
 */
export function merge<F extends string>(
  before: Typed<F>,
  typed: Typed<F>,
  now: Typed<F>,
): { readonly typed: Typed<F>; readonly changes: readonly Change<F>[] } {
  const fields = Object.keys(now) as F[];
  const touched = (field: F): boolean => typed[field] !== before[field] && typed[field] !== now[field];
  const changes = fields
    .filter((field) => before[field] !== now[field])
    .map((field) => ({ field, before: before[field], now: now[field], clash: touched(field) }));
  const entries = fields.map((field): [F, string] => [field, touched(field) ? typed[field] : now[field]]);
  return { typed: Object.fromEntries(entries) as Record<F, string>, changes };
}

/** Tells whether two forms hold the same. */
export function same<F extends string>(one: Typed<F>, other: Typed<F>): boolean {
  return (Object.keys(one) as F[]).every((field) => one[field] === other[field]);
}
