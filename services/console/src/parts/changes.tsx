import type { Change } from "../draft";
import type { Fault } from "../fault";
import { t } from "../language";

interface Props<F extends string> {
  readonly fault: Fault | undefined;
  readonly of: readonly Change<F>[];
  /** What the fields are called; those without a name are not told. */
  readonly names: Readonly<Partial<Record<F, string>>>;
  /** How a value is written; as it is typed where this says nothing. */
  readonly say?: (field: F, value: string) => string | undefined;
}

/** Says what somebody else has changed while a form was filled in. */
export function Changes<F extends string>({ fault, of, names, say }: Props<F>) {
  if (fault?.kind !== "changed") return null;
  const told = of.filter(({ field }) => names[field] !== undefined);
  const said = (field: F, value: string): string => {
    const words = say?.(field, value) ?? value.split("\n").join("; ");
    return words === "" ? t.act.none : words;
  };
  return told.length === 0 ? (
    <p>{t.act.changedElsewhere}</p>
  ) : (
    <ul class="plain-list">
      {told.map(({ field, before, now, clash }) => (
        <li key={field}>
          {t.act.changedFrom(names[field] ?? "", said(field, before), said(field, now))}
          {clash && ` ${t.act.changedKept}`}
        </li>
      ))}
    </ul>
  );
}
