import { useState } from "preact/hooks";
import { useAsk } from "../ask";
import { mayChange } from "../caller";
import { applications } from "../client";
import { number } from "../format";
import type { Application } from "../generated/switchover/catalog/v1/applications_pb";
import { t } from "../language";
import { ApprovalForm } from "../parts/approval-form";
import { Credentials } from "../parts/credentials";
import { FaultNote, Skeleton } from "../parts/notes";
import { PolicyForm } from "../parts/policy-form";
import { AboutForm } from "../parts/about-form";
import { DeleteApplication } from "../parts/delete-one";
import { LoginForm } from "../parts/login-form";
import { Table } from "../parts/table";
import { idIn } from "../router";

/** What is in force for an application, and how it switches. */
export function Settings({ application }: { readonly application: Application }) {
  return (
    <>
      <h2 class="hidden" tabIndex={-1} data-arrival>
        {t.settings.title}
      </h2>
      <InForce application={application} />
      <Credentials application={application} />
      <ApprovalForm application={application} />
      <PolicyForm key={`policy ${application.name}`} application={application} />
      <LoginForm key={`login ${application.name}`} application={application} />
      {mayChange() && <AboutForm key={`about ${application.name}`} application={application} />}
      {mayChange() && <Removal application={application} />}
    </>
  );
}

/** The end of an application. */
function Removal({ application }: { readonly application: Application }) {
  const [asking, setAsking] = useState(false);
  const used = application.generation > 0n;
  return (
    <section class="section" aria-labelledby="removal-title">
      <div>
        <h2 id="removal-title">{t.settings.remove}</h2>
        <p class="soft">{used ? t.settings.removeNot : t.settings.removeText}</p>
      </div>
      {!used && (
        <div class="acts">
          <button type="button" class="button button-danger" onClick={() => setAsking(true)}>
            {t.settings.remove}
          </button>
        </div>
      )}
      {asking && <DeleteApplication application={application} onClose={() => setAsking(false)} />}
    </section>
  );
}

function InForce({ application }: { readonly application: Application }) {
  const active = application.activeVersion !== "";
  const { answer, fault, again } = useAsk(`${application.name} settings ${application.generation}`, async (signal) =>
    active ? applications.getSettings({ application: application.name }, { signal }) : undefined,
  );
  return (
    <section class="section" aria-labelledby="force-title">
      <div>
        <h2 id="force-title">{t.settings.inForce}</h2>
        <p class="soft">
          {active
            ? answer !== undefined &&
              t.settings.inForceText(idIn(answer.version, "versions"), number(answer.generation))
            : t.settings.neverActive}
        </p>
      </div>
      <FaultNote fault={fault} again={again} />
      {active && answer === undefined && fault === undefined && <Skeleton rows={2} />}
      {answer !== undefined && answer.roles.length > 0 && (
        <Table
          caption={t.settings.inForce}
          rows={answer.roles}
          keyOf={({ name }) => name}
          columns={[
            { title: t.settings.role, heads: true, cell: ({ name }) => <span translate={false}>{name}</span> },
            { title: t.settings.may, cell: ({ description }) => description },
          ]}
        />
      )}
    </section>
  );
}
