import { Role } from "./generated/switchover/access/v1/access_pb";
import type { AuditEntry, ExportAuditEntriesResponse } from "./generated/switchover/audit/v1/audit_pb";

/** What came of checking a log. */
export type Verdict =
  | { readonly kind: "whole"; readonly entries: number }
  /** The first entry that does not follow from the one before. */
  | { readonly kind: "broken"; readonly number: bigint }
  /** It ends before where the service remembers its end. */
  | { readonly kind: "short" };

const NONE = "0".repeat(64);

/** Returns the text whose SHA-256 is an entry's hash: one JSON object, its keys in order, without white space. A person who is not known is left out. */
export function canonical(entry: AuditEntry): string {
  const service = entry.name.split("/")[1] ?? "";
  return JSON.stringify({
    actor: entry.actor,
    after: entry.after,
    asked: entry.asked,
    before: entry.before,
    method: entry.method,
    number: Number(entry.number),
    ...(entry.person === "" ? {} : { person: entry.person }),
    previous: entry.previousHash,
    reason: entry.reason,
    request_id: entry.requestId,
    resource: entry.resource,
    role: Role[entry.role]?.toLowerCase().replaceAll("_", "-") ?? "",
    service,
    time: moment(entry),
  });
}

/** RFC 3339 with six digits behind the second. */
function moment(entry: AuditEntry): string {
  const { seconds = 0n, nanos = 0 } = entry.time ?? {};
  const whole = new Date(Number(seconds) * 1000).toISOString().slice(0, 19);
  return `${whole}.${String(Math.floor(nanos / 1000)).padStart(6, "0")}Z`;
}

/** Returns the hash of an entry as it is. */
export async function digest(entry: AuditEntry): Promise<string> {
  const bytes = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(canonical(entry))));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Checks a log from its first entry on; tells how far it is. */
export async function check(
  log: AsyncIterable<ExportAuditEntriesResponse>,
  tell: (entries: number) => void,
): Promise<Verdict> {
  let previous = NONE;
  let entries = 0;
  for await (const { content } of log) {
    if (content.case === "head") {
      if (content.value.number !== BigInt(entries) || content.value.hash !== previous) return { kind: "short" };
      return { kind: "whole", entries };
    }
    if (content.case !== "entry") continue;
    const entry = content.value;
    const follows =
      entry.number === BigInt(entries + 1) && entry.previousHash === previous && entry.hash === (await digest(entry));
    if (!follows) return { kind: "broken", number: entry.number };
    previous = entry.hash;
    entries += 1;
    if (entries % 100 === 0) tell(entries);
  }
  return { kind: "short" };
}
