import { useAsk } from "../ask";
import { caller } from "../caller";
import { tenants } from "../client";
import { ProvisioningState, type Provisioning } from "../generated/switchover/provisioning/v1/tenants_pb";
import { t } from "../language";
import { Badge } from "../parts/badge";
import { Link } from "../parts/link";
import { Empty, FaultNote, Skeleton } from "../parts/notes";
import { Table, type Column } from "../parts/table";
import { Time } from "../parts/time";
import { Title } from "../parts/title";
import { moving, TONES, useProvisionings } from "../provisionings";
import { idIn, idOf, pathOf } from "../router";

/** What a tenant uses, and what it has agreed to: the side of its administrator. */
export function Agreements() {
  const tenant = caller().subject;
  const about = useAsk(tenant, async (signal) => (await tenants.getTenant({ name: tenant }, { signal })).tenant).answer;
  const { entries, fault } = useProvisionings({ parent: tenant, application: "" });
  return (
    <>
      <Title title={t.agreements.title} intro={t.agreements.intro(about?.displayName ?? idOf(tenant))} />
      <FaultNote fault={fault} />
      {entries === undefined && fault === undefined && <Skeleton />}
      {entries?.length === 0 && <Empty of="applications" title={t.agreements.none} text={t.agreements.noneText} />}
      {entries !== undefined && entries.length > 0 && (
        <Table caption={t.agreements.title} rows={entries} keyOf={({ name }) => name} columns={columns()} />
      )}
    </>
  );
}

function columns(): Column<Provisioning>[] {
  return [
    {
      title: t.applications.name,
      heads: true,
      cell: ({ name }) => (
        <Link to={pathOf("applications", idIn(name, "applications"), idOf(name))}>
          {t.agreements.about(idIn(name, "applications"), idOf(name))}
        </Link>
      ),
    },
    {
      title: t.provisioning.state,
      cell: ({ state }) => (
        <Badge tone={state === ProvisioningState.PENDING_ACCEPTANCE ? "warn" : TONES[state]} moving={moving(state)}>
          {state === ProvisioningState.PENDING_ACCEPTANCE ? t.agreements.waiting : t.provisioning.states[state]}
        </Badge>
      ),
    },
    { title: t.provisioning.basis, cell: ({ consentBasis }) => t.provisioning.bases[consentBasis] },
    { title: t.provisioning.since, cell: ({ stateTime }) => <Time at={stateTime} /> },
    {
      title: t.act.actions,
      actions: true,
      cell: ({ name, state }) =>
        state === ProvisioningState.REMOVED || state === ProvisioningState.DEPROVISIONING ? null : (
          <Link
            to={pathOf("applications", idIn(name, "applications"), idOf(name))}
            class={
              state === ProvisioningState.PENDING_ACCEPTANCE ? "button button-small button-main" : "button button-small"
            }
            label={`${state === ProvisioningState.PENDING_ACCEPTANCE ? t.agreements.decide : t.agreements.change}: ${t.agreements.about(idIn(name, "applications"), idOf(name))}`}
          >
            {state === ProvisioningState.PENDING_ACCEPTANCE ? t.agreements.decide : t.agreements.change}
          </Link>
        ),
    },
  ];
}
