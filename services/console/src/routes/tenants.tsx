import { useState } from "preact/hooks";
import { useAsk, useDeed } from "../ask";
import { mayChange } from "../caller";
import { all, newRequestId, tenants } from "../client";
import { number } from "../format";
import type { Tenant } from "../generated/switchover/provisioning/v1/tenants_pb";
import { t } from "../language";
import { say } from "../parts/announce";
import { Dialog } from "../parts/dialog";
import { Buttons, Form, Text, wrongWith } from "../parts/fields";
import { Command, Empty, FaultNote, Skeleton } from "../parts/notes";
import { Table } from "../parts/table";
import { Time } from "../parts/time";
import { Title } from "../parts/title";
import { readNumber } from "../policy";
import { idOf } from "../router";

const SHOWN_FIRST = 100;

/** The operator's customers. */
export function Tenants() {
  const { answer, fault, again } = useAsk("tenants", (signal) =>
    all(async (pageToken) => {
      const page = await tenants.listTenants({ pageSize: 1000, pageToken }, { signal });
      return { items: page.tenants, next: page.nextPageToken };
    }),
  );
  const [words, setWords] = useState("");
  const [most, setMost] = useState(SHOWN_FIRST);
  const [creating, setCreating] = useState(false);
  const wanted = words.trim().toLocaleLowerCase();
  const found =
    answer?.filter((tenant) => `${tenant.displayName} ${tenant.name}`.toLocaleLowerCase().includes(wanted)) ?? [];
  const create = mayChange() && (
    <button type="button" class="button button-main" onClick={() => setCreating(true)}>
      {t.tenants.create}
    </button>
  );
  return (
    <>
      <Title title={t.tenants.title} intro={t.tenants.intro}>
        {create}
      </Title>
      <FaultNote fault={fault} again={again} />
      {answer === undefined && fault === undefined && <Skeleton />}
      {answer?.length === 0 && (
        <Empty of="tenants" title={t.tenants.none} text={t.tenants.noneText} command="switchover tenants create --help">
          {create}
        </Empty>
      )}
      {answer !== undefined && answer.length > 0 && (
        <div class="section">
          <div class="bar-tools" role="search">
            <Text label={t.tenants.find} value={words} onValue={setWords} />
          </div>
          {found.length > 0 && (
            <Table
              caption={t.tenants.title}
              rows={found.slice(0, most)}
              keyOf={({ name }) => name}
              columns={columns()}
            />
          )}
          {found.length > most && (
            <button type="button" class="button" onClick={() => setMost(most + 500)}>
              {t.act.more}
            </button>
          )}
        </div>
      )}
      {creating && <CreateTenant onClose={() => setCreating(false)} />}
    </>
  );
}

function columns() {
  const texts = t.tenants;
  return [
    {
      title: texts.name,
      heads: true,
      cell: ({ name, displayName }: Tenant) => (
        <>
          {displayName}
          <span class="cell-under">{idOf(name)}</span>
        </>
      ),
    },
    {
      title: texts.contacts,
      wide: true,
      cell: ({ contacts }: Tenant) =>
        contacts.length === 0 ? (
          <span class="is-bad">{texts.noContacts}</span>
        ) : (
          contacts.map(({ email }) => (
            <span key={email} class="line-text">
              {email}
            </span>
          ))
        ),
    },
    { title: texts.people, numeric: true, cell: ({ users }: Tenant) => (users === 0n ? t.act.none : number(users)) },
    { title: texts.since, cell: ({ createTime }: Tenant) => <Time at={createTime} /> },
  ];
}

function CreateTenant({ onClose }: { readonly onClose: () => void }) {
  const [id, setId] = useState("");
  const [name, setName] = useState("");
  const [contact, setContact] = useState("");
  const [people, setPeople] = useState("");
  const [requestId] = useState(newRequestId);
  const deed = useDeed();
  const users = readNumber(people);
  const [tried, setTried] = useState(false);
  const send = async (): Promise<void> => {
    setTried(true);
    if (users === undefined) return;
    const done = await deed.run(async () => {
      const contacts = contact === "" ? [] : [{ email: contact }];
      await tenants.createTenant({
        tenantId: id,
        tenant: { displayName: name, contacts, users: BigInt(Math.round(users === "default" ? 0 : users)) },
        requestId,
      });
    });
    if (!done) return;
    onClose();
    say(t.tenants.created(name));
  };
  return (
    <Dialog title={t.tenants.create} onClose={onClose}>
      <Form
        onSend={() => void send()}
        fault={deed.fault}
        foot={<Buttons send={t.act.create} busy={deed.busy} onCancel={onClose} />}
      >
        <Text
          label={t.provisioning.tenantName}
          hint={t.tenants.displayNameHint}
          value={name}
          onValue={setName}
          max={100}
          wrong={wrongWith(deed.fault, "display_name")}
        />
        <Text
          label={t.provisioning.tenantId}
          hint={t.provisioning.tenantIdHint}
          value={id}
          onValue={setId}
          max={8}
          code
          wrong={wrongWith(deed.fault, "tenant_id")}
        />
        <Text
          label={t.provisioning.contact}
          hint={t.provisioning.contactHint}
          value={contact}
          onValue={setContact}
          max={254}
          keys="email"
          code
          wrong={wrongWith(deed.fault, "email", "contacts")}
        />
        <Text
          label={t.tenants.people}
          hint={t.tenants.peopleHint}
          value={people}
          onValue={setPeople}
          keys="decimal"
          wrong={tried && users === undefined ? t.settings.number : wrongWith(deed.fault, "users")}
        />
        <Command text={`switchover tenants create ${id || "acme"}`} />
      </Form>
    </Dialog>
  );
}
