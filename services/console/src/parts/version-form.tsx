import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { useDeed } from "../ask";
import { applications, newRequestId } from "../client";
import { YES, type Typed } from "../draft";
import { useDraft } from "../drafting";
import type { Fault } from "../fault";
import type { Application, Version } from "../generated/switchover/catalog/v1/applications_pb";
import { t } from "../language";
import { idOf } from "../router";
import { typedVersion, unreadable, VERSION_FIRST, versionOf, type VersionField } from "../version";
import { say } from "./announce";
import { Changes } from "./changes";
import { Dialog } from "./dialog";
import { Buttons, Check, Form, Text, wrongLine, wrongWith } from "./fields";
import { Command } from "./notes";

/** Registers a release of an application. */
export function CreateVersion({
  application,
  onClose,
}: {
  readonly application: Application;
  readonly onClose: () => void;
}) {
  const [id, setId] = useState("");
  const [typed, setTyped] = useState(VERSION_FIRST);
  const [requestId] = useState(newRequestId);
  const deed = useDeed();
  const texts = t.versions;
  const send = async (): Promise<void> => {
    const done = await deed.run(async () => {
      await applications.createVersion({
        parent: application.name,
        versionId: id,
        version: versionOf(typed),
        requestId,
      });
    });
    if (!done) return;
    onClose();
    say(texts.created(id));
  };
  return (
    <Facts
      title={`${texts.create}: ${application.displayName || idOf(application.name)}`}
      typed={typed}
      set={(more) => setTyped({ ...typed, ...more })}
      fault={deed.fault}
      busy={deed.busy}
      send={t.act.create}
      onSend={() => void send()}
      onClose={onClose}
      above={
        <Text
          label={texts.id}
          hint={texts.idHint}
          value={id}
          onValue={setId}
          required
          max={30}
          code
          wrong={wrongWith(deed.fault, "version_id")}
        />
      }
    />
  );
}

/** Changes a version that nobody reaches or has reached. */
export function ChangeVersion({ version, onClose }: { readonly version: Version; readonly onClose: () => void }) {
  const id = idOf(version.name);
  const texts = t.versions;
  const draft = useDraft<Version, VersionField>({
    first: version,
    read: typedVersion,
    ask: async () => (await applications.getVersion({ name: version.name })).version,
  });
  const send = async (): Promise<void> => {
    const saved = await draft.save(async (of, now) => {
      const answer = await applications.updateVersion({
        version: { name: of.name, ...versionOf(now) },
        updateMask: { paths: ["upstream", "health", "roles", "app_credentials"] },
        etag: of.etag,
      });
      return answer.version;
    });
    if (!saved) return;
    onClose();
    say(texts.changed(id));
  };
  const names: Readonly<Record<VersionField, string>> = {
    upstream: texts.upstream,
    path: texts.healthPath,
    statuses: texts.statuses,
    timeout: texts.timeout,
    roles: texts.roles,
    needs: texts.credentials,
    scopes: texts.scopes,
  };
  return (
    <Facts
      title={`${texts.change}: ${id}`}
      typed={draft.typed}
      set={draft.set}
      fault={draft.fault}
      busy={draft.busy}
      send={t.act.save}
      onSend={() => void send()}
      onClose={onClose}
      told={
        <Changes
          fault={draft.fault}
          of={draft.changes}
          names={names}
          say={(field, value) => (field === "needs" ? (value === YES ? texts.needed : texts.notNeeded) : undefined)}
        />
      }
      below={<Command text={`switchover versions update ${version.name} --help`} />}
    />
  );
}

interface FactsProps {
  readonly title: string;
  readonly typed: Typed<VersionField>;
  readonly set: (typed: Partial<Typed<VersionField>>) => void;
  readonly fault: Fault | undefined;
  readonly busy: boolean;
  readonly send: string;
  readonly onSend: () => void;
  readonly onClose: () => void;
  readonly told?: ComponentChildren;
  readonly above?: ComponentChildren;
  readonly below?: ComponentChildren;
}

function Facts({ title, typed, set, fault, busy, send, onSend, onClose, told, above, below }: FactsProps) {
  const [wrong, setWrong] = useState<readonly VersionField[]>([]);
  const texts = t.versions;
  const sent = (): void => {
    const faulty = unreadable(typed);
    setWrong(faulty);
    if (faulty.length === 0) onSend();
  };
  return (
    <Dialog title={title} onClose={onClose} wide>
      <Form onSend={sent} fault={fault} told={told} foot={<Buttons send={send} busy={busy} onCancel={onClose} />}>
        {above}
        <Text
          label={texts.upstream}
          hint={texts.upstreamHint}
          value={typed.upstream}
          onValue={(upstream) => set({ upstream })}
          required
          max={300}
          code
          keys="url"
          wrong={wrongWith(fault, "upstream")}
        />
        <div class="form-grid">
          <Text
            label={texts.healthPath}
            hint={texts.healthHint}
            value={typed.path}
            onValue={(path) => set({ path })}
            max={300}
            code
            wrong={wrongWith(fault, "path", "health")}
          />
          <Text
            label={texts.statuses}
            hint={texts.statusesHint}
            value={typed.statuses}
            onValue={(statuses) => set({ statuses })}
            code
            wrong={wrong.includes("statuses") ? texts.statusesWrong : wrongWith(fault, "expected_statuses")}
          />
          <Text
            label={texts.timeout}
            hint={texts.timeoutHint}
            unit={t.settings.seconds}
            keys="decimal"
            value={typed.timeout}
            onValue={(timeout) => set({ timeout })}
            wrong={wrong.includes("timeout") ? t.settings.numbers.number : wrongWith(fault, "timeout")}
          />
        </div>
        <Text
          label={texts.roles}
          hint={texts.rolesHint}
          sample={texts.rolesSample}
          value={typed.roles}
          onValue={(roles) => set({ roles })}
          rows={3}
          wrong={wrongLine(fault, "roles", typed.roles)}
        />
        <Check label={texts.needs} checked={typed.needs === YES} onValue={(on) => set({ needs: on ? YES : "" })} />
        {typed.needs === YES && (
          <Text
            label={texts.scopes}
            hint={texts.scopesHint}
            value={typed.scopes}
            onValue={(scopes) => set({ scopes })}
            code
            wrong={wrongWith(fault, "scopes")}
          />
        )}
        {below}
      </Form>
    </Dialog>
  );
}
