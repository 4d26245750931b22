import { session, type Caller, type Role } from "../caller";
import { actAs, signOut } from "../enter";
import { useAsk } from "../ask";
import { tenants } from "../client";
import { language, LANGUAGES, speak, t, type Language } from "../language";
import { look, wear, type Look } from "../look";
import { go, idOf } from "../router";
import { useValue } from "../value";
import { Select } from "./fields";

/** Who looks, in which language, in which look. */
export function Choosers() {
  const now = useValue(session);
  const words = useValue(language);
  const wears = useValue(look);
  if (now.kind !== "known") return null;
  return (
    <div class="side-foot">
      {now.development ? (
        <ActAs now={now.caller} />
      ) : (
        <div class="who">
          <p class="soft">{t.frame.roles[now.caller.role]}</p>
          <p>{idOf(now.caller.subject)}</p>
          <button type="button" class="button button-small" onClick={() => void signOut()}>
            {t.frame.signOut}
          </button>
        </div>
      )}
      <div class="pair">
        <Select
          label={t.frame.languageChoice}
          value={words}
          options={LANGUAGES.map(({ id, name }) => [id, name])}
          onValue={(chosen) => speak(chosen as Language)}
        />
        <Select
          label={t.frame.look}
          value={wears}
          options={(["system", "light", "dark"] as const).map((id) => [id, t.frame.looks[id]])}
          onValue={(chosen) => wear(chosen as Look)}
        />
      </div>
    </div>
  );
}

/** Where the services believe what is said: a choice of who to be. */
function ActAs({ now }: { readonly now: Caller }) {
  // The operator may list tenants whoever the console acts as at the moment.
  const known = useAsk("act as", async (signal) => {
    const headers = { "x-switchover-role": "operator-viewer", "x-switchover-subject": "people/demo" };
    const answer = await tenants.listTenants({ pageSize: 200 }, { signal, headers });
    return answer.tenants.map((tenant) => tenant.name);
  }).answer;
  const roles: Role[] = ["operator-admin", "operator-viewer", "tester"];
  const named = new Set([...(known ?? []), ...(now.role === "tenant-admin" ? [now.subject] : [])]);
  const options: [string, string][] = [
    ...roles.map((role): [string, string] => [role, t.frame.roles[role]]),
    ...[...named].map((name): [string, string] => [name, t.frame.tenantAdminOf(idOf(name))]),
  ];
  const choose = (chosen: string): void => {
    const role = roles.find((known) => known === chosen);
    actAs(role === undefined ? { role: "tenant-admin", subject: chosen } : { role, subject: "people/demo" });
    go("/");
  };
  return (
    <Select
      label={t.frame.actAs}
      hint={t.frame.actAsHint}
      value={now.role === "tenant-admin" ? now.subject : now.role}
      options={options}
      onValue={choose}
    />
  );
}
