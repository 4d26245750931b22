import { useAsk } from "../ask";
import { all, provisionings } from "../client";
import type { Tenant } from "../generated/switchover/provisioning/v1/tenants_pb";
import { t } from "../language";
import { moving, TONES } from "../provisionings";
import { idIn, idOf, pathOf } from "../router";
import { Badge } from "./badge";
import { Dialog } from "./dialog";
import { Link } from "./link";
import { FaultNote, Skeleton } from "./notes";
import { Table } from "./table";
import { Time } from "./time";

/** What a tenant uses, and on what that rests. */
export function TenantUses({ tenant, onClose }: { readonly tenant: Tenant; readonly onClose: () => void }) {
  const parent = tenant.name;
  const { answer, fault, again } = useAsk(`${parent} uses`, (signal) =>
    all(async (pageToken) => {
      const page = await provisionings.listProvisionings({ parent, pageSize: 1000, pageToken }, { signal });
      return { items: page.provisionings, next: page.nextPageToken };
    }),
  );
  return (
    <Dialog title={t.tenants.usesOf(tenant.displayName)} onClose={onClose} wide>
      <FaultNote fault={fault} again={again} />
      {answer === undefined && fault === undefined && <Skeleton />}
      {answer?.length === 0 && <p>{t.tenants.usesNone}</p>}
      {answer !== undefined && answer.length > 0 && (
        <Table
          caption={t.tenants.usesOf(tenant.displayName)}
          rows={answer}
          keyOf={({ name }) => name}
          columns={[
            {
              title: t.applications.name,
              heads: true,
              cell: ({ name }) => (
                <Link to={pathOf("applications", idIn(name, "applications"), "provisioning")}>
                  {t.agreements.about(idIn(name, "applications"), idOf(name))}
                </Link>
              ),
            },
            {
              title: t.provisioning.state,
              cell: ({ state }) => (
                <Badge tone={TONES[state]} moving={moving(state)}>
                  {t.provisioning.states[state]}
                </Badge>
              ),
            },
            { title: t.provisioning.basis, cell: ({ consentBasis }) => t.provisioning.bases[consentBasis] },
            { title: t.provisioning.since, cell: ({ stateTime }) => <Time at={stateTime} /> },
          ]}
        />
      )}
    </Dialog>
  );
}
