import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { useDeed } from "../ask";
import { newRequestId, tenants } from "../client";
import { readContacts, sayContacts } from "../contacts";
import type { Typed } from "../draft";
import { useDraft } from "../drafting";
import type { Fault } from "../fault";
import type { Tenant } from "../generated/switchover/provisioning/v1/tenants_pb";
import { t } from "../language";
import { readWhole } from "../policy";
import { idOf } from "../router";
import { say } from "./announce";
import { Changes } from "./changes";
import { Dialog } from "./dialog";
import { Buttons, Form, Text, wrongLine, wrongWith } from "./fields";
import { Command } from "./notes";

type Field = "name" | "contacts" | "people";

/** Creates a tenant; it may use nothing yet. */
export function CreateTenant({ onClose }: { readonly onClose: () => void }) {
  const [id, setId] = useState("");
  const [typed, setTyped] = useState<Typed<Field>>({ name: "", contacts: "", people: "" });
  const [requestId] = useState(newRequestId);
  const deed = useDeed();
  const send = async (): Promise<void> => {
    const done = await deed.run(async () => {
      await tenants.createTenant({ tenantId: id, tenant: tenantOf(typed), requestId });
    });
    if (!done) return;
    onClose();
    say(t.tenants.created(typed.name));
  };
  return (
    <Facts
      title={t.tenants.create}
      typed={typed}
      set={(more) => setTyped({ ...typed, ...more })}
      fault={deed.fault}
      busy={deed.busy}
      send={t.act.create}
      onSend={() => void send()}
      onClose={onClose}
    >
      <Text
        label={t.provisioning.tenantId}
        hint={t.provisioning.tenantIdHint}
        value={id}
        onValue={setId}
        max={8}
        code
        wrong={wrongWith(deed.fault, "tenant_id")}
      />
      <Command text={`switchover tenants create ${id || "acme"}`} />
    </Facts>
  );
}

/** Changes what a tenant is called, who is told, and how many people it has. */
export function UpdateTenant({ tenant, onClose }: { readonly tenant: Tenant; readonly onClose: () => void }) {
  const draft = useDraft<Tenant, Field>({
    first: tenant,
    read: ({ displayName, contacts, users }) => ({
      name: displayName,
      contacts: sayContacts(contacts),
      people: users === 0n ? "" : String(users),
    }),
    ask: async () => (await tenants.getTenant({ name: tenant.name })).tenant,
  });
  const send = async (): Promise<void> => {
    const saved = await draft.save(async (of, now) => {
      const answer = await tenants.updateTenant({
        tenant: { name: of.name, ...tenantOf(now) },
        updateMask: { paths: ["display_name", "contacts", "users"] },
        etag: of.etag,
      });
      return answer.tenant;
    });
    if (!saved) return;
    onClose();
    say(t.act.saved);
  };
  const names = { name: t.provisioning.tenantName, contacts: t.tenants.contacts, people: t.tenants.people };
  return (
    <Facts
      title={`${t.tenants.change}: ${idOf(tenant.name)}`}
      typed={draft.typed}
      set={draft.set}
      fault={draft.fault}
      busy={draft.busy}
      told={<Changes fault={draft.fault} of={draft.changes} names={names} />}
      send={t.act.save}
      onSend={() => void send()}
      onClose={onClose}
    />
  );
}

/** Makes a tenant of what was typed. */
function tenantOf({ name, contacts, people }: Typed<Field>) {
  const users = readWhole(people);
  return {
    displayName: name,
    contacts: readContacts(contacts),
    users: BigInt(typeof users === "number" ? users : 0),
  };
}

interface FactsProps {
  readonly title: string;
  readonly typed: Typed<Field>;
  readonly set: (typed: Partial<Typed<Field>>) => void;
  readonly fault: Fault | undefined;
  readonly busy: boolean;
  readonly told?: ComponentChildren;
  readonly send: string;
  readonly onSend: () => void;
  readonly onClose: () => void;
  readonly children?: ComponentChildren;
}

function Facts({ title, typed, set, fault, busy, told, send, onSend, onClose, children }: FactsProps) {
  const [tried, setTried] = useState(false);
  const noNumber = readWhole(typed.people) === undefined;
  const sent = (): void => {
    setTried(true);
    if (!noNumber) onSend();
  };
  return (
    <Dialog title={title} onClose={onClose}>
      <Form onSend={sent} fault={fault} told={told} foot={<Buttons send={send} busy={busy} onCancel={onClose} />}>
        <Text
          label={t.provisioning.tenantName}
          hint={t.tenants.displayNameHint}
          value={typed.name}
          onValue={(name) => set({ name })}
          max={100}
          wrong={wrongWith(fault, "display_name")}
        />
        <Text
          label={t.tenants.contacts}
          hint={t.tenants.contactsHint}
          value={typed.contacts}
          onValue={(contacts) => set({ contacts })}
          rows={3}
          code
          wrong={wrongLine(fault, "contacts", typed.contacts) ?? wrongWith(fault, "email")}
        />
        <Text
          label={t.tenants.people}
          hint={t.tenants.peopleHint}
          value={typed.people}
          onValue={(people) => set({ people })}
          keys="decimal"
          wrong={tried && noNumber ? t.settings.numbers.whole : wrongWith(fault, "users")}
        />
        {children}
      </Form>
    </Dialog>
  );
}
