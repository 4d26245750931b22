import { useAsk } from "../ask";
import { all, switches } from "../client";
import { millis, took } from "../format";
import type { Application } from "../generated/switchover/catalog/v1/applications_pb";
import type { HistoryEntry, Switch } from "../generated/switchover/catalog/v1/switches_pb";
import { t } from "../language";
import { Link } from "../parts/link";
import { Empty, FaultNote, Skeleton } from "../parts/notes";
import { Table, type Column } from "../parts/table";
import { Time } from "../parts/time";
import { idIn, idOf, pathOf } from "../router";
import { StateBadge } from "./switch";

const EVERY_MS = 5000;
const MOST = 500;

/** What was done to an application: its switches, with their receipts, and everything else. */
export function History({ application }: { readonly application: Application }) {
  const parent = application.name;
  const made = useAsk(
    `${parent} switches`,
    (signal) =>
      all(async (pageToken) => {
        const answer = await switches.listSwitches({ parent, pageSize: 200, pageToken }, { signal });
        return { items: answer.switches, next: answer.nextPageToken };
      }, MOST),
    EVERY_MS,
  );
  const done = useAsk(
    `${parent} history`,
    (signal) =>
      all(async (pageToken) => {
        const answer = await switches.listHistory({ parent, pageSize: 200, pageToken }, { signal });
        return { items: answer.entries, next: answer.nextPageToken };
      }, MOST),
    EVERY_MS,
  );
  return (
    <>
      <section class="section" aria-labelledby="switches-title">
        <h2 id="switches-title" tabIndex={-1} data-arrival>
          {t.history.switches}
        </h2>
        <FaultNote fault={made.fault} again={made.again} />
        {made.answer === undefined && made.fault === undefined && <Skeleton />}
        {made.answer?.length === 0 && (
          <Empty
            of="applications"
            title={t.history.none}
            text={t.history.noneText}
            command={`switchover versions confirm-update ${idOf(parent)} 2.0`}
          />
        )}
        {made.answer !== undefined && made.answer.length > 0 && (
          <Table caption={t.history.switches} rows={made.answer} keyOf={({ name }) => name} columns={switchColumns()} />
        )}
      </section>
      {done.answer?.length !== 0 && (
        <section class="section" aria-labelledby="done-title">
          <h2 id="done-title">{t.history.done}</h2>
          <FaultNote fault={done.fault} again={done.again} />
          {done.answer === undefined && done.fault === undefined && <Skeleton />}
          {done.answer !== undefined && done.answer.length > 0 && (
            <Table
              caption={t.history.done}
              rows={done.answer}
              keyOf={(entry) => `${keyOf(entry)}`}
              columns={entryColumns()}
            />
          )}
        </section>
      )}
    </>
  );
}

function switchColumns(): Column<Switch>[] {
  const texts = t.history;
  return [
    {
      title: texts.what,
      heads: true,
      cell: (one) => (
        <>
          <Link to={pathOf("applications", idIn(one.name, "applications"), "switches", idOf(one.name))}>
            {t.switch.title(idIn(one.sourceVersion, "versions"), idIn(one.targetVersion, "versions"))}
          </Link>
          {one.reason !== "" && <span class="cell-under">{one.reason}</span>}
        </>
      ),
    },
    { title: texts.outcome, cell: (one) => <StateBadge state={one.state} /> },
    { title: texts.when, cell: (one) => <Time at={one.createTime} /> },
    { title: texts.who, cell: (one) => one.requestedBy },
    {
      title: texts.took,
      numeric: true,
      cell: (one) =>
        one.endTime === undefined || one.createTime === undefined
          ? t.act.none
          : took(millis(one.endTime) - millis(one.createTime)),
    },
  ];
}

function entryColumns(): Column<HistoryEntry>[] {
  const texts = t.history;
  return [
    {
      title: texts.what,
      heads: true,
      cell: (entry) => (
        <>
          {texts.actions[entry.action]}
          {entry.reason !== "" && <span class="cell-under">{entry.reason}</span>}
        </>
      ),
    },
    { title: t.versions.version, cell: (entry) => idOf(entry.version) },
    { title: texts.when, cell: (entry) => <Time at={entry.time} /> },
    { title: texts.who, cell: (entry) => entry.actor },
  ];
}

function keyOf(entry: HistoryEntry): string {
  return `${entry.time?.seconds}.${entry.time?.nanos} ${entry.action} ${entry.version} ${entry.requestId}`;
}
