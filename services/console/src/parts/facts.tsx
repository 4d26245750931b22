import type { ComponentChildren } from "preact";

/** What is known of something: names and values. A value of `null` leaves its name out. */
export function Facts({
  of,
  wide = false,
}: {
  readonly of: readonly (readonly [string, ComponentChildren])[];
  readonly wide?: boolean;
}) {
  return (
    <dl class={wide ? "facts facts-wide" : "facts"}>
      {of
        .filter(([, value]) => value !== null)
        .map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
    </dl>
  );
}
