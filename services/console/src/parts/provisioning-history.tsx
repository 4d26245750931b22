import { useAsk } from "../ask";
import { provisionings } from "../client";
import { t } from "../language";
import { Actor } from "./actor";
import { FaultNote, Skeleton } from "./notes";
import { Time } from "./time";

/** What has happened to a provisioning, newest first. */
export function ProvisioningHistory({ name }: { readonly name: string }) {
  const { answer, fault, again } = useAsk(
    `${name} history`,
    async (signal) => (await provisionings.listProvisioningHistory({ name, pageSize: 100 }, { signal })).changes,
  );
  return (
    <section class="section">
      <h3>{t.provisioning.history}</h3>
      <FaultNote fault={fault} again={again} />
      {answer === undefined && fault === undefined && <Skeleton rows={2} />}
      {answer !== undefined && (
        <ol class="timeline">
          {answer.map((change, place) => (
            <li key={answer.length - place}>
              <b>{t.provisioning.events[change.event]}</b>
              <span class="soft">
                <Time at={change.time} /> · <Actor name={change.actor} />
              </span>
              {change.reason !== "" && <span>{change.reason}</span>}
            </li>
          ))}
        </ol>
      )}
    </section>
  );
}
