import { useState } from "preact/hooks";
import { versionsOf } from "../applications";
import { useAsk } from "../ask";
import { mayChange } from "../caller";
import { VersionState, type Application, type Version } from "../generated/switchover/catalog/v1/applications_pb";
import { t } from "../language";
import { Badge, type Tone } from "../parts/badge";
import { ConfirmSwitch } from "../parts/confirm-switch";
import { DeleteVersion } from "../parts/delete-one";
import { Empty, FaultNote, Skeleton } from "../parts/notes";
import { CancelTest, NewTesterToken, RegisterToTest } from "../parts/testing";
import { Table, type Column } from "../parts/table";
import { Time } from "../parts/time";
import { RecentTraffic } from "../parts/traffic";
import { VersionDetails } from "../parts/version-details";
import { ChangeVersion, CreateVersion } from "../parts/version-form";
import { idOf } from "../router";

const TONES: Readonly<Record<VersionState, Tone>> = {
  [VersionState.UNSPECIFIED]: "plain",
  [VersionState.REGISTERED]: "plain",
  [VersionState.IN_TEST]: "accent",
  [VersionState.ACTIVE]: "good",
  [VersionState.RETIRED]: "plain",
};

type Doing = "register" | "confirm" | "reactivate" | "cancel-test" | "token" | "change" | "delete" | "details";

const EVERY_MS = 3000;

/** The versions of an application, and what can be done with each. */
export function Versions({ application }: { readonly application: Application }) {
  const { answer, fault, again } = useAsk(
    `${application.name} versions`,
    (signal) => versionsOf(application.name, signal),
    EVERY_MS,
  );
  const [doing, setDoing] = useState<{ what: Doing; version: Version } | undefined>(undefined);
  const [creating, setCreating] = useState(false);
  const create = mayChange() && (
    <button type="button" class="button" onClick={() => setCreating(true)}>
      {t.versions.create}
    </button>
  );
  return (
    <section class="section" aria-labelledby="versions-title">
      <div class="section-head">
        <h2 id="versions-title" tabIndex={-1} data-arrival>
          {t.versions.title}
        </h2>
        {create}
      </div>
      <FaultNote fault={fault} again={again} />
      {answer === undefined && fault === undefined && <Skeleton />}
      {answer?.length === 0 && (
        <Empty
          of="applications"
          title={t.versions.none}
          text={t.versions.noneText}
          command={`switchover versions create ${idOf(application.name)} 1.0 --upstream http://127.0.0.1:7111 --role user=Use`}
        />
      )}
      {answer !== undefined && answer.length > 0 && (
        <Table
          caption={t.versions.title}
          columns={columns(application, (what, version) => setDoing({ what, version }))}
          rows={answer}
          keyOf={(version) => version.name}
          marked={(version) => version.name === application.activeVersion}
        />
      )}
      {application.activeVersion !== "" && <RecentTraffic application={application.name} />}
      {creating && <CreateVersion application={application} onClose={() => setCreating(false)} />}
      {doing !== undefined && <Act {...doing} application={application} onClose={() => setDoing(undefined)} />}
    </section>
  );
}

function columns(application: Application, act: (what: Doing, version: Version) => void): Column<Version>[] {
  const texts = t.versions;
  const facts: Column<Version>[] = [
    { title: texts.version, heads: true, cell: (version) => idOf(version.name) },
    { title: texts.state, cell: (version) => <Badge tone={TONES[version.state]}>{texts.states[version.state]}</Badge> },
    { title: texts.since, cell: (version) => <Time at={sinceOf(version)} /> },
    { title: texts.backend, wide: true, cell: (version) => <code>{version.upstream}</code> },
    {
      title: texts.credentials,
      cell: (version) =>
        version.appCredentials === undefined ? <span class="soft">{texts.notNeeded}</span> : texts.needed,
    },
  ];
  return [
    ...facts,
    {
      title: t.act.actions,
      actions: true,
      cell: (version) => <Acts version={version} application={application} act={act} />,
    },
  ];
}

function sinceOf(version: Version) {
  switch (version.state) {
    case VersionState.ACTIVE:
    case VersionState.RETIRED:
      return version.lastActiveTime;
    case VersionState.IN_TEST:
      return version.testTime;
    case VersionState.REGISTERED:
    case VersionState.UNSPECIFIED:
      return version.createTime;
  }
}

interface ActsProps {
  readonly version: Version;
  readonly application: Application;
  readonly act: (what: Doing, version: Version) => void;
}

/** What can be done with a version as it stands. */
function Acts({ version, application, act }: ActsProps) {
  const texts = t.versions;
  const button = (what: Doing, text: string, main = false) => (
    <button
      key={what}
      type="button"
      class={`button button-small${main ? " button-main" : ""}`}
      aria-label={`${text}: ${idOf(version.name)}`}
      onClick={() => act(what, version)}
    >
      {text}
    </button>
  );
  const quiet = application.openSwitch === "";
  const details = button("details", t.act.details);
  if (!mayChange()) return details;
  switch (version.state) {
    case VersionState.REGISTERED:
      return (
        <>
          {quiet && application.testVersion === "" && button("register", texts.registerToTest, true)}
          {details}
          {button("change", texts.change)}
          {button("delete", texts.remove)}
        </>
      );
    case VersionState.IN_TEST:
      return (
        <>
          {quiet && button("confirm", texts.confirmUpdate, true)}
          {quiet && button("cancel-test", texts.cancelTest)}
          {button("token", texts.newToken)}
          {details}
        </>
      );
    case VersionState.RETIRED:
      return (
        <>
          {quiet && button("reactivate", texts.confirmReactivate)}
          {quiet && application.testVersion === "" && button("register", texts.registerToTest)}
          {details}
        </>
      );
    case VersionState.ACTIVE:
    case VersionState.UNSPECIFIED:
      return details;
  }
}

function Act({
  what,
  version,
  application,
  onClose,
}: {
  readonly what: Doing;
  readonly version: Version;
  readonly application: Application;
  readonly onClose: () => void;
}) {
  switch (what) {
    case "register":
      return <RegisterToTest version={version} onClose={onClose} />;
    case "confirm":
    case "reactivate":
      return <ConfirmSwitch application={application} version={version.name} onClose={onClose} />;
    case "cancel-test":
      return <CancelTest version={version} onClose={onClose} />;
    case "token":
      return <NewTesterToken version={version} testAddress={application.testAddress} onClose={onClose} />;
    case "details":
      return <VersionDetails version={version} onClose={onClose} />;
    case "change":
      return <ChangeVersion version={version} onClose={onClose} />;
    case "delete":
      return <DeleteVersion version={version} onClose={onClose} />;
  }
}
