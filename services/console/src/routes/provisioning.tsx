import { useState } from "preact/hooks";
import { useAsk } from "../ask";
import { mayChange } from "../caller";
import { all, tenants } from "../client";
import type { Application } from "../generated/switchover/catalog/v1/applications_pb";
import { ProvisioningState, type Provisioning as Entry } from "../generated/switchover/provisioning/v1/tenants_pb";
import { t } from "../language";
import { AddToCustomer } from "../parts/add-to-customer";
import { Badge } from "../parts/badge";
import { Bulk } from "../parts/bulk";
import { Select } from "../parts/fields";
import { Empty, FaultNote, Skeleton } from "../parts/notes";
import { OneProvisioning } from "../parts/one-provisioning";
import { Table, type Column } from "../parts/table";
import { Time } from "../parts/time";
import { moving, TONES, useProvisionings } from "../provisionings";
import { idIn, idOf } from "../router";

const SHOWN_FIRST = 100;
const NONE: ReadonlyMap<string, string> = new Map();

type Doing = "add" | "many" | { readonly open: string };

/** Which tenants may use an application: live, and what can be done about each. */
export function Provisioning({ application }: { readonly application: Application }) {
  const { entries, link, fault } = useProvisionings({ parent: "tenants/-", application: application.name });
  const names = useAsk("tenants' names", tenantNames).answer ?? NONE;
  const [version, setVersion] = useState("");
  const [state, setState] = useState("");
  const [most, setMost] = useState(SHOWN_FIRST);
  const [doing, setDoing] = useState<Doing | undefined>(undefined);
  const found = (entries ?? []).filter(
    (entry) => (version === "" || idOf(entry.name) === version) && (state === "" || String(entry.state) === state),
  );
  const opened = typeof doing === "object" ? entries?.find((entry) => entry.name === doing.open) : undefined;
  const close = (): void => setDoing(undefined);
  const usable = application.activeVersion + application.testVersion !== "";
  const add = mayChange() && usable && (
    <span class="acts">
      <button type="button" class="button" onClick={() => setDoing("many")}>
        {t.provisioning.addMany}
      </button>
      <button type="button" class="button button-main" onClick={() => setDoing("add")}>
        {t.provisioning.addToCustomer}
      </button>
    </span>
  );
  return (
    <section class="section" aria-labelledby="provisioning-title">
      <div class="section-head">
        <div>
          <h2 id="provisioning-title" tabIndex={-1} data-arrival>
            {t.provisioning.title}{" "}
            {entries !== undefined && (
              <Badge tone={link === "live" ? "good" : "warn"} moving={link === "live"}>
                {link === "live" ? t.switch.live : t.switch.reconnecting}
              </Badge>
            )}
          </h2>
          <p class="soft">{t.provisioning.intro}</p>
        </div>
        {add}
      </div>
      <FaultNote fault={fault} />
      {entries === undefined && fault === undefined && <Skeleton />}
      {entries?.length === 0 && (
        <Empty
          of="tenants"
          title={t.provisioning.none}
          text={usable ? t.provisioning.noneText : t.provisioning.noVersion}
          command={`switchover provisionings create acme ${idOf(application.name)}`}
        />
      )}
      {entries !== undefined && entries.length > 0 && (
        <>
          <div class="bar-tools">
            <Select
              label={t.provisioning.filterVersion}
              value={version}
              onValue={setVersion}
              options={[["", t.provisioning.all], ...versionsOf(entries)]}
            />
            <Select
              label={t.provisioning.filterState}
              value={state}
              onValue={setState}
              options={[["", t.provisioning.all], ...states()]}
            />
            <p class="soft">{t.provisioning.shown(found.length)}</p>
          </div>
          {found.length > 0 && (
            <Table
              caption={t.provisioning.title}
              rows={found.slice(0, most)}
              keyOf={({ name }) => name}
              columns={columns(names, (open) => setDoing({ open }))}
            />
          )}
          {found.length > most && (
            <button type="button" class="button" onClick={() => setMost(most + 500)}>
              {t.act.more}
            </button>
          )}
        </>
      )}
      {doing === "add" && <AddToCustomer application={application} onClose={close} />}
      {doing === "many" && <Bulk application={application} onClose={close} />}
      {opened !== undefined && <OneProvisioning of={opened} onClose={close} />}
    </section>
  );
}

function columns(names: ReadonlyMap<string, string>, open: (name: string) => void): Column<Entry>[] {
  const texts = t.provisioning;
  return [
    {
      title: texts.tenant,
      heads: true,
      cell: ({ name }) => {
        const tenant = idIn(name, "tenants");
        const called = names.get(`tenants/${tenant}`);
        return called === undefined ? (
          tenant
        ) : (
          <>
            {called}
            <span class="cell-under">{tenant}</span>
          </>
        );
      },
    },
    { title: texts.version, cell: ({ name }) => idOf(name) },
    {
      title: texts.state,
      cell: ({ state, stateMessage }) => (
        <>
          <Badge tone={TONES[state]} moving={moving(state)}>
            {texts.states[state]}
          </Badge>
          {stateMessage !== "" && state === ProvisioningState.FAILED && (
            <span class="cell-under" lang="en">
              {stateMessage}
            </span>
          )}
        </>
      ),
    },
    { title: texts.basis, cell: ({ consentBasis }) => texts.bases[consentBasis] },
    { title: texts.since, cell: ({ stateTime }) => <Time at={stateTime} /> },
    {
      title: t.act.actions,
      actions: true,
      cell: ({ name }) => (
        <button
          type="button"
          class="button button-small"
          aria-label={`${t.act.details}: ${texts.open(idIn(name, "tenants"), idOf(name))}`}
          onClick={() => open(name)}
        >
          {t.act.details}
        </button>
      ),
    },
  ];
}

async function tenantNames(signal: AbortSignal): Promise<ReadonlyMap<string, string>> {
  const found = await all(async (pageToken) => {
    const page = await tenants.listTenants({ pageSize: 1000, pageToken }, { signal });
    return { items: page.tenants, next: page.nextPageToken };
  });
  return new Map(found.map(({ name, displayName }) => [name, displayName]));
}

function versionsOf(entries: readonly Entry[]): [string, string][] {
  return [...new Set(entries.map(({ name }) => idOf(name)))].sort().map((id) => [id, id]);
}

function states(): [string, string][] {
  return Object.entries(t.provisioning.states).filter(([state]) => state !== "0");
}
