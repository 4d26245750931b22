import { applicationNamed } from "../applications";
import { useAsk } from "../ask";
import { number } from "../format";
import { t } from "../language";
import { Badge } from "../parts/badge";
import { Facts } from "../parts/facts";
import { Link } from "../parts/link";
import { FaultNote, Note, Skeleton } from "../parts/notes";
import { Proposals } from "../parts/proposals";
import { Title } from "../parts/title";
import { addressOf } from "../picture";
import { idIn, idOf, pathOf } from "../router";
import { History } from "./history";
import { Provisioning } from "./provisioning";
import { Settings } from "./settings";
import { Versions } from "./versions";
import type { Application as Shown } from "../generated/switchover/catalog/v1/applications_pb";

/** The parts of an application's page. */
export type Part = "versions" | "provisioning" | "settings" | "history";

const PARTS: readonly Part[] = ["versions", "provisioning", "settings", "history"];
const EVERY_MS = 3000;

/** One application. */
export function Application({ id, part }: { readonly id: string; readonly part: Part }) {
  const name = `applications/${id}`;
  const { answer, fault, again } = useAsk(name, applicationNamed(id), EVERY_MS);
  return (
    <>
      <Title
        title={answer?.displayName ?? id}
        intro={answer?.abstract === "" ? undefined : answer?.abstract}
        above={
          <Link to="/" class="crumb">
            {t.applications.title}
          </Link>
        }
        picture={addressOf(answer?.icon)}
        beside={answer !== undefined && <Standing application={answer} />}
      />
      <FaultNote fault={fault} again={again} />
      {answer?.openSwitch !== undefined && answer.openSwitch !== "" && (
        <Note tone="warn">
          <p>
            {t.application.openSwitch}{" "}
            <Link to={pathOf("applications", id, "switches", idOf(answer.openSwitch))}>{t.application.watch}</Link>
          </p>
        </Note>
      )}
      {answer !== undefined && <Proposals application={answer} />}
      {fault?.kind !== "missing" && (
        <nav class="tabs" aria-label={t.application.tabsLabel}>
          {PARTS.map((one) => (
            <Link
              key={one}
              to={one === "versions" ? pathOf("applications", id) : pathOf("applications", id, one)}
              current={one === part}
            >
              {t.application.tabs[one]}
            </Link>
          ))}
        </nav>
      )}
      {answer === undefined ? fault === undefined && <Skeleton /> : <PartOf application={answer} part={part} />}
    </>
  );
}

function PartOf({ application, part }: { readonly application: Shown; readonly part: Part }) {
  switch (part) {
    case "versions":
      return (
        <>
          <Versions application={application} />
          <Facts
            wide
            of={[
              [t.application.address, <code key="a">{application.addressTemplate}</code>],
              [
                t.application.testAddress,
                application.testVersion === "" ? null : <code key="t">{application.testAddress}</code>,
              ],
              [t.application.generation, number(application.generation)],
            ]}
          />
        </>
      );
    case "provisioning":
      return <Provisioning application={application} />;
    case "settings":
      return <Settings application={application} />;
    case "history":
      return <History application={application} />;
  }
}

function Standing({ application }: { readonly application: Shown }) {
  if (application.activeVersion === "") return <Badge>{t.applications.notStarted}</Badge>;
  return <Badge tone="good">{idIn(application.activeVersion, "versions")}</Badge>;
}
