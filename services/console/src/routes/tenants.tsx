import { useState } from "preact/hooks";
import { useAsk } from "../ask";
import { mayChange } from "../caller";
import { all, tenants } from "../client";
import { number } from "../format";
import type { Tenant } from "../generated/switchover/provisioning/v1/tenants_pb";
import { t } from "../language";
import { DeleteTenant } from "../parts/delete-one";
import { Text } from "../parts/fields";
import { Empty, FaultNote, Skeleton } from "../parts/notes";
import { Table, type Column } from "../parts/table";
import { Time } from "../parts/time";
import { CreateTenant, UpdateTenant } from "../parts/tenant-form";
import { TenantUses } from "../parts/tenant-uses";
import { Title } from "../parts/title";
import { idOf } from "../router";

type Doing = "uses" | "change" | "delete";

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
  const [doing, setDoing] = useState<{ what: Doing; tenant: Tenant } | undefined>(undefined);
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
              columns={columns((what, tenant) => setDoing({ what, tenant }))}
            />
          )}
          {found.length > most && (
            <button type="button" class="button" onClick={() => setMost(most + 500)}>
              {t.act.more}
            </button>
          )}
        </div>
      )}
      {doing?.what === "uses" && <TenantUses tenant={doing.tenant} onClose={() => setDoing(undefined)} />}
      {doing?.what === "change" && <UpdateTenant tenant={doing.tenant} onClose={() => setDoing(undefined)} />}
      {doing?.what === "delete" && <DeleteTenant tenant={doing.tenant} onClose={() => setDoing(undefined)} />}
      {creating && <CreateTenant onClose={() => setCreating(false)} />}
    </>
  );
}

function columns(act: (what: Doing, tenant: Tenant) => void): Column<Tenant>[] {
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
          contacts.map(({ email, displayName }) => (
            <span key={email} class="line-text">
              {email} {displayName !== "" && <span class="soft">{displayName}</span>}
            </span>
          ))
        ),
    },
    { title: texts.people, numeric: true, cell: ({ users }: Tenant) => (users === 0n ? t.act.none : number(users)) },
    { title: texts.since, cell: ({ createTime }: Tenant) => <Time at={createTime} /> },
    {
      title: t.act.actions,
      actions: true,
      cell: (tenant: Tenant) => {
        const button = (what: Doing, text: string) => (
          <button
            type="button"
            class="button button-small"
            aria-label={`${text}: ${tenant.displayName}`}
            onClick={() => act(what, tenant)}
          >
            {text}
          </button>
        );
        return (
          <>
            {button("uses", texts.uses)}
            {mayChange() && button("change", texts.change)}
            {mayChange() && button("delete", texts.remove)}
          </>
        );
      },
    },
  ];
}
