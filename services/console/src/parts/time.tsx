import type { Timestamp } from "@bufbuild/protobuf/wkt";
import { ago, clock, dateTime, millis } from "../format";
import { t } from "../language";

/** A moment, with the whole date where a pointer rests on it. */
export function Time({ at, relative = false }: { readonly at: Timestamp | undefined; readonly relative?: boolean }) {
  if (at === undefined) return <>{t.act.none}</>;
  return (
    <time dateTime={new Date(millis(at)).toISOString()} title={dateTime(at)}>
      {relative ? ago(at) : clock(at)}
    </time>
  );
}
