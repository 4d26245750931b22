import { useState } from "preact/hooks";
import { mayChange } from "../caller";
import { applications } from "../client";
import { YES } from "../draft";
import { useDraft } from "../drafting";
import { list } from "../format";
import type { Application } from "../generated/switchover/catalog/v1/applications_pb";
import { t } from "../language";
import { readRules, sayRules } from "../login";
import { say } from "./announce";
import { Changes } from "./changes";
import { Buttons, Check, Form, Text, wrongLine } from "./fields";

/** Whether users must sign in, and what paths need. */
export function LoginForm({ application }: { readonly application: Application }) {
  const draft = useDraft<Application, "login" | "rules">({
    first: application,
    read: ({ login }) => ({ login: login === undefined ? "" : YES, rules: sayRules(login) }),
    ask: async () => (await applications.getApplication({ name: application.name })).application,
  });
  const [wrong, setWrong] = useState<readonly number[]>([]);
  const { login, rules } = draft.typed;
  const locked = !mayChange();
  const texts = t.settings;
  const names = { login: texts.loginRequired, rules: texts.rules };

  const send = async (): Promise<void> => {
    const read = readRules(rules);
    const faulty = login === YES && "wrong" in read ? read.wrong : [];
    setWrong(faulty);
    if (faulty.length > 0) return;
    const saved = await draft.save(async (of) => {
      const answer = await applications.updateApplication({
        application: { name: of.name, ...(login === YES && "login" in read ? { login: read.login } : {}) },
        updateMask: { paths: ["login"] },
        etag: of.etag,
      });
      return answer.application;
    });
    if (saved) say(t.act.saved);
  };
  return (
    <section class="section" aria-labelledby="login-title">
      <h2 id="login-title">{texts.login}</h2>
      <div class="sheet sheet-padded">
        <Form
          onSend={() => void send()}
          fault={draft.fault}
          told={
            <Changes
              fault={draft.fault}
              of={draft.changes}
              names={names}
              say={(field, value) => (field === "login" ? (value === YES ? t.act.yes : t.act.no) : undefined)}
            />
          }
          foot={locked ? null : <Buttons send={t.act.save} busy={draft.busy} />}
        >
          <Check
            label={texts.loginRequired}
            hint={texts.loginHint}
            checked={login === YES}
            disabled={locked}
            onValue={(on) => draft.set({ login: on ? YES : "" })}
          />
          {login === YES && (
            <Text
              label={texts.rules}
              hint={texts.rulesHint}
              sample={texts.rulesSample}
              rows={4}
              code
              disabled={locked}
              value={rules}
              onValue={(value) => draft.set({ rules: value })}
              wrong={
                wrong.length > 0 ? texts.rulesWrong(list(wrong.map(String))) : wrongLine(draft.fault, "rules", rules)
              }
            />
          )}
        </Form>
      </div>
    </section>
  );
}
