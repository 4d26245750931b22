import { Value } from "./value";

/** What a caller of the console may be. */
export type Role = "operator-admin" | "operator-viewer" | "tester" | "tenant-admin";

/** Who looks at the console. */
export interface Caller {
  readonly role: Role;
  /** `people/…`, or `tenants/…` of a tenant's administrator. */
  readonly subject: string;
}

/** How the console stands to whoever looks at it. */
export type Session =
  | { readonly kind: "starting" }
  /**
   * Nobody is known: has not signed in, or may do nothing here, which `message` says then. `ended`: was known on this
   * very page.
   */
  | {
      readonly kind: "stranger";
      readonly loginUrl: string;
      readonly csrf: string;
      readonly message: string;
      readonly ended: boolean;
    }
  /** `development`: the services believe what is said, so another role can be tried. */
  | { readonly kind: "known"; readonly caller: Caller; readonly csrf: string; readonly development: boolean }
  /** The edge cannot be asked. */
  | { readonly kind: "away" };

export const session = new Value<Session>({ kind: "starting" });

const ROLES: readonly Role[] = ["operator-admin", "operator-viewer", "tester", "tenant-admin"];
const OPERATOR: Caller = { role: "operator-admin", subject: "people/demo" };
const KEPT = "switchover-act-as";

/** Returns who looks at the console; the operator where nobody is known yet. */
export function caller(): Caller {
  const now = session.get();
  return now.kind === "known" ? now.caller : OPERATOR;
}

/** Tells whether the caller may change what is the operator's. */
export function mayChange(): boolean {
  return caller().role === "operator-admin";
}

/** Returns whose inbox the caller reads. */
export function inboxName(): string {
  const { role, subject } = caller();
  return role === "tenant-admin" ? `${subject}/inbox` : "operator/inbox";
}

/** Keeps the role that is tried out, for as long as the tab is open. */
export function keep(caller: Caller): void {
  sessionStorage.setItem(KEPT, JSON.stringify(caller));
}

/** Reads what the edge answers to `GET /session`. */
export function read(answer: unknown): Session {
  const facts = (typeof answer === "object" && answer !== null ? answer : {}) as Record<string, unknown>;
  const text = (name: string): string => (typeof facts[name] === "string" ? facts[name] : "");
  if (facts["development"] === true) return development();
  const role = ROLES.find(
    (known) =>
      known ===
      text("role")
        .toLowerCase()
        .replace(/^role_/, "")
        .replaceAll("_", "-"),
  );
  if (facts["signed_in"] !== true || role === undefined)
    return {
      kind: "stranger",
      loginUrl: text("login_url"),
      csrf: text("csrf"),
      message: text("message"),
      ended: false,
    };
  return { kind: "known", caller: { role, subject: text("subject") }, csrf: text("csrf"), development: false };
}

/** Returns the session of whoever tries out roles where the services believe what is said. */
export function development(): Session {
  return { kind: "known", caller: kept() ?? OPERATOR, csrf: "", development: true };
}

function kept(): Caller | undefined {
  try {
    const said = JSON.parse(sessionStorage.getItem(KEPT) ?? "null") as Caller | null;
    return said !== null && ROLES.includes(said.role) && typeof said.subject === "string" ? said : undefined;
  } catch {
    return undefined;
  }
}
