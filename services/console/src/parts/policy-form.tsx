import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { mayChange } from "../caller";
import { applications } from "../client";
import { YES } from "../draft";
import { useDraft } from "../drafting";
import { FleetMode, Overlap, type Application } from "../generated/switchover/catalog/v1/applications_pb";
import { t } from "../language";
import { BAKE_FIRST, notNumbers, policyOf, typed, type Chosen, type Numbered, type PolicyField } from "../policy";
import { say } from "./announce";
import { Changes } from "./changes";
import { Buttons, Check, Form, Group, Select, Text, wrongLine, wrongWith } from "./fields";

/** Where the contract has a field. */
const PATHS: Readonly<Record<Numbered | Chosen, string>> = {
  prepare: "prepare_timeout",
  hold: "hold_timeout",
  drain: "drain_timeout",
  rate: "drain_rate",
  notice: "minimum_notice",
  grace: "credential_grace",
  denials: "percent_max",
  overlap: "overlap",
  overlapFor: "overlap_timeout",
  failures: "tenant_failures",
  growth: "scope_growth",
  fleetMode: "fleet_mode",
  lease: "lease",
  bakeFor: "bake.duration",
  bakeErrors: "error_permille_max",
  bakeRequests: "requests_min",
  bakeHealth: "health_failures_max",
};

/** How switches of an application behave: shown to all, changed by those who may. */
export function PolicyForm({ application }: { readonly application: Application }) {
  const draft = useDraft<Application, PolicyField>({
    first: application,
    read: ({ policy }) => typed(policy),
    ask: async () => (await applications.getApplication({ name: application.name })).application,
  });
  const [wrong, setWrong] = useState<ReturnType<typeof notNumbers>>(new Map());
  const form = draft.typed;
  const texts = t.settings;
  const locked = !mayChange();
  const fixed = application.generation > 0n;

  const send = async (): Promise<void> => {
    const faulty = notNumbers(form);
    setWrong(faulty);
    if (faulty.size > 0) return;
    const saved = await draft.save(async (of, now) => {
      const answer = await applications.updateApplication({
        application: { name: of.name, policy: policyOf(now, of.policy) },
        updateMask: { paths: ["policy"] },
        etag: of.etag,
      });
      return answer.application;
    });
    if (saved) say(t.act.saved);
  };

  const text = (field: Numbered, unit?: string, disabled = false): ComponentChildren => (
    <Text
      key={field}
      label={texts.names[field]}
      hint={texts.hints[field]}
      keys="decimal"
      {...(unit === undefined ? {} : { unit })}
      disabled={disabled}
      value={form[field]}
      onValue={(value) => draft.set({ [field]: value })}
      wrong={wrong.has(field) ? texts.numbers[wrong.get(field) ?? "number"] : wrongWith(draft.fault, PATHS[field])}
    />
  );
  const choice = (field: Chosen, disabled = false): ComponentChildren => (
    <Select
      key={field}
      label={texts.names[field]}
      hint={field === "fleetMode" ? texts.fleetFixed : ""}
      disabled={disabled}
      value={form[field]}
      onValue={(value) => draft.set({ [field]: value })}
      options={Object.entries(texts.choices[field]).filter(([value]) => value !== "0")}
      wrong={wrongWith(draft.fault, PATHS[field])}
    />
  );
  const said = (field: PolicyField, value: string): string | undefined => {
    if (field === "bake") return value === YES ? t.act.yes : t.act.no;
    return field in texts.choices ? texts.choices[field as Chosen][Number(value) as 0] : undefined;
  };
  return (
    <section class="section" aria-labelledby="policy-title">
      <h2 id="policy-title">{texts.policy}</h2>
      <div class="sheet sheet-padded">
        <Form
          onSend={() => void send()}
          fault={draft.fault}
          told={<Changes fault={draft.fault} of={draft.changes} names={texts.names} say={said} />}
          foot={locked ? null : <Buttons send={t.act.save} busy={draft.busy} />}
        >
          <Group legend={texts.groups.times} locked={locked}>
            {text("prepare", texts.seconds)}
            {text("hold", texts.seconds)}
            {text("drain", texts.seconds)}
            {text("rate")}
          </Group>
          <Group legend={texts.groups.overlap} locked={locked}>
            {choice("overlap")}
            {form.overlap !== String(Overlap.ALLOWED) && text("overlapFor", texts.seconds)}
          </Group>
          <Group legend={texts.groups.bake} locked={locked}>
            <Check
              label={texts.names.bake}
              hint={form.bake === YES ? texts.bakeHint : texts.bakeNot}
              checked={form.bake === YES}
              onValue={(on) => draft.set(on ? (form.bakeFor === "" ? BAKE_FIRST : { bake: YES }) : { bake: "" })}
            />
            {form.bake === YES && (
              <>
                {text("bakeFor", texts.seconds)}
                {text("bakeErrors", "‰")}
                {text("bakeRequests")}
                {text("bakeHealth")}
              </>
            )}
          </Group>
          <Group legend={texts.groups.tenants} locked={locked}>
            {text("notice", texts.seconds)}
            {choice("failures")}
            {choice("growth")}
            {text("denials", "%")}
            <Text
              label={texts.names.stoppers}
              hint={texts.hints.stoppers}
              {...(locked ? {} : { sample: "anna\nbert" })}
              rows={3}
              code
              value={form.stoppers}
              onValue={(stoppers) => draft.set({ stoppers })}
              wrong={wrongLine(draft.fault, "denials.tenants", form.stoppers)}
            />
            {text("grace", texts.seconds)}
          </Group>
          <Group legend={texts.groups.gateways} locked={locked}>
            {choice("fleetMode", fixed)}
            {form.fleetMode === String(FleetMode.FENCED) && text("lease", texts.seconds, fixed)}
          </Group>
        </Form>
      </div>
    </section>
  );
}
