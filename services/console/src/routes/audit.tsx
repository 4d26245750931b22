import { useEffect, useState } from "preact/hooks";
import { useAsk, useDeed, type Deed } from "../ask";
import { check, type Verdict } from "../chain";
import { audits, ENDLESS } from "../client";
import { number } from "../format";
import type { AuditEntry } from "../generated/switchover/audit/v1/audit_pb";
import { t } from "../language";
import { Dialog } from "../parts/dialog";
import { Facts } from "../parts/facts";
import { Select, Text } from "../parts/fields";
import { Empty, FaultNote, Note, Skeleton } from "../parts/notes";
import { Table, type Column } from "../parts/table";
import { Time } from "../parts/time";
import { Title } from "../parts/title";
import { idOf } from "../router";
import { useSettled } from "../settled";

const SERVICES = ["catalog", "provisioning", "notification"] as const;
type Service = (typeof SERVICES)[number];

const EVERY_MS = 5000;
const FIRST = 50;
const AT_ONCE_MAX = 500;

/** Who changed what, and whether the log is whole. */
export function Audit() {
  const [service, setService] = useState<Service>("catalog");
  const [actor, setActor] = useState("");
  const [resource, setResource] = useState("");
  const [most, setMost] = useState(FIRST);
  const [opened, setOpened] = useState<AuditEntry | undefined>(undefined);
  const [who, what] = [useSettled(actor.trim()), useSettled(resource.trim())];
  const parent = `services/${service}`;
  const asked = useAsk(
    `audit ${service} ${who} ${what} ${most}`,
    (signal) => audits.listAuditEntries({ parent, actor: who, resource: what, pageSize: most }, { signal }),
    EVERY_MS,
  );
  const { answer, fault, again } = asked;
  const checking = useCheck(parent);
  const filtered = who !== "" || what !== "";
  return (
    <>
      <Title title={t.audit.title} intro={t.audit.intro}>
        {globalThis.isSecureContext && (
          <button type="button" class="button" aria-disabled={checking.deed.busy} onClick={checking.run}>
            {checking.deed.busy ? t.audit.checking(number(checking.entries)) : t.audit.check}
          </button>
        )}
      </Title>
      <Outcome of={checking} />
      <div class="bar-tools">
        <Select
          label={t.audit.service}
          value={service}
          onValue={(chosen) => setService(chosen as Service)}
          options={SERVICES.map((one) => [one, t.audit.services[one]])}
        />
        <Text label={t.audit.actor} hint={t.audit.actorHint} value={actor} onValue={setActor} max={120} code />
        <Text
          label={t.audit.resource}
          hint={t.audit.resourceHint}
          value={resource}
          onValue={setResource}
          max={300}
          code
        />
      </div>
      <FaultNote fault={fault} again={again} />
      {answer === undefined && fault === undefined && <Skeleton />}
      {answer?.entries.length === 0 &&
        (filtered ? (
          <p>{t.audit.noneFound}</p>
        ) : (
          <Empty
            of="audit"
            title={t.audit.none}
            text={t.audit.noneText}
            command={`switchover audit list --service ${service}`}
          />
        ))}
      {answer !== undefined && answer.entries.length > 0 && (
        <Table caption={t.audit.title} rows={answer.entries} keyOf={({ name }) => name} columns={columns(setOpened)} />
      )}
      {answer !== undefined && answer.nextPageToken !== "" && most < AT_ONCE_MAX && (
        <button type="button" class="button" onClick={() => setMost(AT_ONCE_MAX)}>
          {t.act.more}
        </button>
      )}
      {opened !== undefined && <OneEntry of={opened} onClose={() => setOpened(undefined)} />}
    </>
  );
}

function columns(open: (entry: AuditEntry) => void): Column<AuditEntry>[] {
  const texts = t.audit;
  return [
    {
      title: texts.method,
      heads: true,
      wide: true,
      cell: ({ method, reason }) => (
        <>
          <span translate={false}>{idOf(method)}</span>
          {reason !== "" && <span class="cell-under">{reason}</span>}
        </>
      ),
    },
    { title: texts.resource, wide: true, cell: ({ resource }) => <code>{resource}</code> },
    {
      title: texts.actor,
      cell: ({ actor, person }) => (
        <>
          {actor}
          {person !== "" && <span class="cell-under">{person}</span>}
        </>
      ),
    },
    { title: texts.when, cell: ({ time }) => <Time at={time} /> },
    { title: texts.number, numeric: true, cell: (entry) => number(entry.number) },
    {
      title: t.act.actions,
      actions: true,
      cell: (entry) => (
        <button
          type="button"
          class="button button-small"
          aria-label={`${t.act.details}: ${texts.number} ${number(entry.number)}`}
          onClick={() => open(entry)}
        >
          {t.act.details}
        </button>
      ),
    },
  ];
}

function OneEntry({ of, onClose }: { readonly of: AuditEntry; readonly onClose: () => void }) {
  const texts = t.audit;
  const shown: [string, string][] = [
    [texts.asked, of.asked],
    [texts.before, of.before],
    [texts.after, of.after],
  ];
  return (
    <Dialog title={`${idOf(of.method)}, ${texts.number} ${number(of.number)}`} onClose={onClose} wide>
      <Facts
        wide
        of={[
          [texts.resource, <code key="resource">{of.resource}</code>],
          [texts.actor, of.actor],
          [texts.person, of.person === "" ? null : of.person],
          [texts.when, <Time key="when" at={of.time} />],
          [t.act.reason, of.reason === "" ? null : of.reason],
          [t.faults.request, <code key="request">{of.requestId}</code>],
          [texts.hash, <code key="hash">{of.hash}</code>],
          [texts.previous, <code key="previous">{of.previousHash}</code>],
        ]}
      />
      {shown
        .filter(([, json]) => json !== "")
        .map(([name, json]) => (
          <section key={name} class="section">
            <h3>{name}</h3>
            <pre class="json" tabIndex={0} aria-label={name}>
              {pretty(json)}
            </pre>
          </section>
        ))}
    </Dialog>
  );
}

/** What came of checking a log in the browser: nobody's word is taken for it. */
interface Checking {
  readonly verdict: Verdict | undefined;
  readonly entries: number;
  readonly deed: Deed;
  run(): void;
}

function useCheck(parent: string): Checking {
  const [verdict, setVerdict] = useState<Verdict | undefined>(undefined);
  const [entries, setEntries] = useState(0);
  const deed = useDeed();
  const run = (): void => {
    setVerdict(undefined);
    setEntries(0);
    void deed.run(async () => setVerdict(await check(audits.exportAuditEntries({ parent }, ENDLESS), setEntries)));
  };
  useEffect(() => setVerdict(undefined), [parent]);
  return { verdict, entries, deed, run };
}

function Outcome({ of: { verdict, deed } }: { readonly of: Checking }) {
  return (
    <>
      <FaultNote fault={deed.fault} />
      <div role="status">
        {verdict !== undefined && (
          <Note tone={verdict.kind === "whole" ? "good" : "warn"}>
            <p class="note-title">{said(verdict)}</p>
            <p>{t.audit.checkedHere}</p>
          </Note>
        )}
      </div>
    </>
  );
}

function said(verdict: Verdict): string {
  switch (verdict.kind) {
    case "whole":
      return t.audit.whole(verdict.entries);
    case "broken":
      return t.audit.broken(number(verdict.number));
    case "short":
      return t.audit.short;
  }
}

function pretty(json: string): string {
  try {
    return JSON.stringify(JSON.parse(json), null, 2);
  } catch {
    return json;
  }
}
