import { versionsOf } from "../applications";
import { useAsk } from "../ask";
import { VersionState } from "../generated/switchover/catalog/v1/applications_pb";
import { t } from "../language";
import { Badge } from "../parts/badge";
import { Empty, FaultNote, Skeleton } from "../parts/notes";
import { Table } from "../parts/table";
import { Time } from "../parts/time";
import { Title } from "../parts/title";
import { idIn, idOf } from "../router";

const EVERY_MS = 5000;

/** What a tester sees: the versions in test. */
export function Testing() {
  const { answer, fault, again } = useAsk(
    "versions in test",
    (signal) => versionsOf("applications/-", signal),
    EVERY_MS,
  );
  const found = answer?.filter((version) => version.state === VersionState.IN_TEST);
  return (
    <>
      <Title title={t.testing.title} intro={t.testing.intro} />
      <FaultNote fault={fault} again={again} />
      {found === undefined && fault === undefined && <Skeleton />}
      {found?.length === 0 && (
        <Empty of="testing" title={t.testing.none} text={t.testing.noneText} command="switchover versions list" />
      )}
      {found !== undefined && found.length > 0 && (
        <Table
          caption={t.testing.title}
          rows={found}
          keyOf={({ name }) => name}
          columns={[
            { title: t.testing.application, heads: true, cell: ({ name }) => idIn(name, "applications") },
            { title: t.versions.version, cell: ({ name }) => idOf(name) },
            { title: t.versions.state, cell: ({ state }) => <Badge tone="accent">{t.versions.states[state]}</Badge> },
            { title: t.versions.since, cell: ({ testTime }) => <Time at={testTime} /> },
          ]}
        />
      )}
    </>
  );
}
