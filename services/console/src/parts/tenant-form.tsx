import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { useDeed, type Deed } from "../ask";
import { newRequestId, tenants } from "../client";
import type { Tenant } from "../generated/switchover/provisioning/v1/tenants_pb";
import { t } from "../language";
import { readNumber } from "../policy";
import { idOf } from "../router";
import { say } from "./announce";
import { Dialog } from "./dialog";
import { Buttons, Form, Text, wrongWith } from "./fields";
import { Command } from "./notes";

/** What is said of a tenant, as it is typed. */
interface Typed {
  readonly name: string;
  /** One a line. */
  readonly contacts: string;
  readonly people: string;
}

/** Creates a tenant; it may use nothing yet. */
export function CreateTenant({ onClose }: { readonly onClose: () => void }) {
  const [id, setId] = useState("");
  const [requestId] = useState(newRequestId);
  const deed = useDeed();
  const send = async (typed: Typed): Promise<void> => {
    const done = await deed.run(async () => {
      await tenants.createTenant({ tenantId: id, tenant: tenantOf(typed, undefined), requestId });
    });
    if (!done) return;
    onClose();
    say(t.tenants.created(typed.name));
  };
  return (
    <Facts
      title={t.tenants.create}
      first={{ name: "", contacts: "", people: "" }}
      send={t.act.create}
      deed={deed}
      onSend={(typed) => void send(typed)}
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
  const deed = useDeed();
  const send = async (typed: Typed): Promise<void> => {
    const done = await deed.run(async () => {
      await tenants.updateTenant({
        tenant: { name: tenant.name, ...tenantOf(typed, tenant) },
        updateMask: { paths: ["display_name", "contacts", "users"] },
        etag: tenant.etag,
      });
    });
    if (!done) return;
    onClose();
    say(t.act.saved);
  };
  const first: Typed = {
    name: tenant.displayName,
    contacts: tenant.contacts.map(({ email }) => email).join("\n"),
    people: tenant.users === 0n ? "" : String(tenant.users),
  };
  return (
    <Facts
      title={`${t.tenants.change}: ${idOf(tenant.name)}`}
      first={first}
      send={t.act.save}
      deed={deed}
      onSend={(typed) => void send(typed)}
      onClose={onClose}
    />
  );
}

/** Makes a tenant of what was typed; contacts that stay keep their names. */
function tenantOf(typed: Typed, before: Tenant | undefined) {
  const contacts = typed.contacts
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "")
    .map((email) => ({
      email,
      displayName: before?.contacts.find((contact) => contact.email === email)?.displayName ?? "",
    }));
  const people = readNumber(typed.people);
  return { displayName: typed.name, contacts, users: BigInt(Math.round(typeof people === "number" ? people : 0)) };
}

interface FactsProps {
  readonly title: string;
  readonly first: Typed;
  readonly send: string;
  readonly deed: Deed;
  readonly onSend: (typed: Typed) => void;
  readonly onClose: () => void;
  readonly children?: ComponentChildren;
}

function Facts({ title, first, send, deed, onSend, onClose, children }: FactsProps) {
  const [typed, setTyped] = useState(first);
  const [tried, setTried] = useState(false);
  const noNumber = readNumber(typed.people) === undefined;
  const sent = (): void => {
    setTried(true);
    if (!noNumber) onSend(typed);
  };
  return (
    <Dialog title={title} onClose={onClose}>
      <Form onSend={sent} fault={deed.fault} foot={<Buttons send={send} busy={deed.busy} onCancel={onClose} />}>
        <Text
          label={t.provisioning.tenantName}
          hint={t.tenants.displayNameHint}
          value={typed.name}
          onValue={(name) => setTyped({ ...typed, name })}
          max={100}
          wrong={wrongWith(deed.fault, "display_name")}
        />
        <Text
          label={t.tenants.contacts}
          hint={t.tenants.contactsHint}
          value={typed.contacts}
          onValue={(contacts) => setTyped({ ...typed, contacts })}
          rows={3}
          code
          wrong={wrongWith(deed.fault, "email", "contacts")}
        />
        <Text
          label={t.tenants.people}
          hint={t.tenants.peopleHint}
          value={typed.people}
          onValue={(people) => setTyped({ ...typed, people })}
          keys="decimal"
          wrong={tried && noNumber ? t.settings.number : wrongWith(deed.fault, "users")}
        />
        {children}
      </Form>
    </Dialog>
  );
}
