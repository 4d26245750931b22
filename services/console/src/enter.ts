import { development, keep, read, session, type Caller, type Session } from "./caller";
import { callers, unknown } from "./client";

/** Asks the edge who is here. */
export async function begin(): Promise<void> {
  const before = session.get();
  const now = await asked();
  const ended = now.kind === "stranger" && (before.kind === "known" || (before.kind === "stranger" && before.ended));
  session.set(ended ? { ...now, ended } : now);
}

/** Takes another role where the services believe what is said. */
export function actAs(caller: Caller): void {
  keep(caller);
  session.set(development());
}

/** Ends the session at the edge, and at the issuer where that is asked for. */
export async function signOut(): Promise<void> {
  const now = session.get();
  const csrf = now.kind === "known" || now.kind === "stranger" ? now.csrf : "";
  const answer = await fetch("/session/logout", {
    method: "POST",
    headers: { "x-switchover-csrf": csrf },
    credentials: "same-origin",
  });
  const said = (await answer.json().catch(() => ({}))) as { location?: unknown };
  // From here on nothing of it is shown, also to whoever comes back to this page.
  session.set({ kind: "starting" });
  if (typeof said.location === "string" && /^https?:/.test(said.location)) location.assign(said.location);
  else await begin();
}

/** Asks anew when the browser shows a page again that it had put aside. */
export function askWhenBack(): void {
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) void begin();
  });
}

/** Asks anew whenever a service no longer knows who calls: the session has ended. */
export function askWhenUnknown(): void {
  unknown.listen(() => {
    const now = session.get();
    if (now.kind === "known" && !now.development) void begin();
  });
}

async function asked(): Promise<Session> {
  try {
    const answer = await fetch("/session", { headers: { accept: "application/json" }, credentials: "same-origin" });
    // An edge that knows no sessions is one to play with.
    if (answer.status === 404) return development();
    return answer.ok ? await owned(read(await answer.json())) : { kind: "away" };
  } catch {
    return { kind: "away" };
  }
}

/** The services say for which tenant an administrator decides: the session names the person. */
async function owned(now: Session): Promise<Session> {
  if (now.kind !== "known" || now.development || now.caller.role !== "tenant-admin") return now;
  if (now.caller.subject.startsWith("tenants/")) return now;
  const { caller } = await callers.getCaller({}, { headers: { "x-switchover-csrf": now.csrf } });
  const subject = caller?.tenant ?? "";
  return subject === "" ? now : { ...now, caller: { ...now.caller, subject } };
}
