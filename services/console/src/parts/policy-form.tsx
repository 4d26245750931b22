import { useState } from "preact/hooks";
import { useDeed } from "../ask";
import { mayChange } from "../caller";
import { applications } from "../client";
import type { Application } from "../generated/switchover/catalog/v1/applications_pb";
import { t } from "../language";
import { notNumbers, policyOf, typed, type Numbered, type Typed } from "../policy";
import { say } from "./announce";
import { Buttons, Form, Select, Text, wrongWith } from "./fields";

/** How switches of an application behave: shown to all, changed by those who may. */
export function PolicyForm({ application }: { readonly application: Application }) {
  const [form, setForm] = useState<Typed>(() => typed(application.policy));
  const [etag, setEtag] = useState(application.etag);
  const [policy, setPolicy] = useState(application.policy);
  const [wrong, setWrong] = useState<readonly Numbered[]>([]);
  const deed = useDeed();
  const texts = t.settings;
  const locked = !mayChange();

  const send = async (): Promise<void> => {
    const faulty = notNumbers(form);
    setWrong(faulty);
    if (faulty.length > 0) return;
    const done = await deed.run(async () => {
      const answer = await applications.updateApplication({
        application: { name: application.name, policy: policyOf(form, policy) },
        updateMask: { paths: ["policy"] },
        etag,
      });
      setEtag(answer.application?.etag ?? "");
      setPolicy(answer.application?.policy);
      setForm(typed(answer.application?.policy));
    });
    if (done) return say(t.act.saved);
    // Saving once more is for what is there now: whoever does has read that it changed.
    setEtag(application.etag);
    setPolicy(application.policy);
  };

  const text = (field: Numbered, label: string, hint: string, path: string, unit?: string) => (
    <Text
      key={field}
      label={label}
      hint={hint}
      keys="decimal"
      {...(unit === undefined ? {} : { unit })}
      value={form[field]}
      onValue={(value) => setForm({ ...form, [field]: value })}
      wrong={wrong.includes(field) ? texts.number : wrongWith(deed.fault, path)}
    />
  );
  const choice = (
    field: "overlap" | "failures" | "growth" | "fleetMode",
    label: string,
    names: Readonly<Record<number, string>>,
    path: string,
    hint = "",
    disabled = false,
  ) => (
    <Select
      key={field}
      label={label}
      hint={hint}
      disabled={disabled}
      value={form[field]}
      onValue={(value) => setForm({ ...form, [field]: value })}
      options={Object.entries(names).filter(([value]) => value !== "0")}
      wrong={wrongWith(deed.fault, path)}
    />
  );
  return (
    <section class="section" aria-labelledby="policy-title">
      <h2 id="policy-title">{texts.policy}</h2>
      <div class="sheet sheet-padded">
        <Form
          onSend={() => void send()}
          fault={deed.fault}
          foot={locked ? null : <Buttons send={t.act.save} busy={deed.busy} />}
        >
          <fieldset class="form-grid" disabled={locked}>
            <legend class="hidden">{texts.policy}</legend>
            {text("prepare", texts.prepareTimeout, texts.prepareHint, "prepare_timeout", texts.seconds)}
            {text("hold", texts.holdTimeout, texts.holdHint, "hold_timeout", texts.seconds)}
            {text("drain", texts.drainTimeout, texts.drainHint, "drain_timeout", texts.seconds)}
            {text("rate", texts.drainRate, texts.drainRateHint, "drain_rate")}
            {text("notice", texts.minimumNotice, texts.minimumNoticeHint, "minimum_notice", texts.seconds)}
            {text("grace", texts.credentialGrace, texts.credentialGraceHint, "credential_grace", texts.seconds)}
            {text("denials", texts.denialsMax, texts.denialsHint, "percent_max", "%")}
            {choice("overlap", texts.overlapChoice, texts.overlaps, "overlap")}
            {choice("failures", texts.failures, texts.failureChoices, "tenant_failures")}
            {choice("growth", texts.growth, texts.growthChoices, "scope_growth")}
            {choice(
              "fleetMode",
              texts.fleetMode,
              texts.fleetModes,
              "fleet_mode",
              texts.fleetFixed,
              application.generation > 0n,
            )}
          </fieldset>
        </Form>
      </div>
    </section>
  );
}
