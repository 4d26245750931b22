import { YES, type Typed } from "./draft";
import { durationOf, span } from "./format";
import type { Version } from "./generated/switchover/catalog/v1/applications_pb";
import { readNumber } from "./policy";
import { rolesOf } from "./roles";

export type VersionField = "upstream" | "path" | "statuses" | "timeout" | "roles" | "needs" | "scopes";

/** A version of which nothing is said yet. */
export const VERSION_FIRST: Typed<VersionField> = {
  upstream: "",
  path: "/health",
  statuses: "",
  timeout: "",
  roles: "",
  needs: "",
  scopes: "",
};

/** Writes a version into a form: one role a line, the time of its health check in seconds. */
export function typedVersion({ upstream, health, roles, appCredentials }: Version): Typed<VersionField> {
  return {
    upstream,
    path: health?.path ?? "",
    statuses: (health?.expectedStatuses ?? []).map(sayRange).join(", "),
    timeout: health?.timeout === undefined ? "" : String(span(health.timeout) / 1000),
    roles: roles.map(({ name, description }) => `${name} = ${description}`).join("\n"),
    needs: appCredentials === undefined ? "" : YES,
    scopes: (appCredentials?.scopes ?? []).join(" "),
  };
}

function sayRange({ first, last }: { readonly first: number; readonly last: number }): string {
  return first === last ? String(first) : `${first}-${last}`;
}

/** Reads statuses as they are typed: `200-299, 401`; none if they are no statuses. */
export function readStatuses(text: string): { first: number; last: number }[] | undefined {
  const words = text.split(/[\s,;]+/).filter((word) => word !== "");
  const ranges = words.map((word) => /^(\d{3})(?:[-–](\d{3}))?$/.exec(word));
  if (ranges.includes(null)) return undefined;
  return ranges.flatMap((found) =>
    found === null ? [] : [{ first: Number(found[1]), last: Number(found[2] ?? found[1]) }],
  );
}

/** Returns the fields that cannot be read. */
export function unreadable({ statuses, timeout }: Typed<VersionField>): VersionField[] {
  return [
    ...(readStatuses(statuses) === undefined ? (["statuses"] as const) : []),
    ...(readNumber(timeout) === undefined ? (["timeout"] as const) : []),
  ];
}

/** Makes a version of a form that can be read. */
export function versionOf(form: Typed<VersionField>) {
  const seconds = readNumber(form.timeout);
  const scopes = form.scopes.split(/\s+/).filter((scope) => scope !== "");
  return {
    upstream: form.upstream.trim(),
    health: {
      path: form.path.trim(),
      expectedStatuses: readStatuses(form.statuses) ?? [],
      ...(typeof seconds === "number" ? { timeout: durationOf(seconds * 1000) } : {}),
    },
    roles: rolesOf(form.roles),
    ...(form.needs === YES ? { appCredentials: { scopes } } : {}),
  };
}
