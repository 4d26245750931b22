import { useState } from "preact/hooks";
import { useAsk, useDeed } from "../ask";
import { mayChange } from "../caller";
import { deliveries } from "../client";
import { number } from "../format";
import { DeliveryState, type Delivery } from "../generated/switchover/notification/v1/notification_pb";
import { t } from "../language";
import { say } from "../parts/announce";
import { Badge, type Tone } from "../parts/badge";
import { Dialog } from "../parts/dialog";
import { Facts } from "../parts/facts";
import { Select } from "../parts/fields";
import { Empty, FaultNote, Skeleton } from "../parts/notes";
import { Table, type Column } from "../parts/table";
import { Time } from "../parts/time";
import { Title } from "../parts/title";

const EVERY_MS = 5000;
const FIRST = 100;
const AT_ONCE_MAX = 500;

const TONES: Readonly<Record<DeliveryState, Tone>> = {
  [DeliveryState.UNSPECIFIED]: "plain",
  [DeliveryState.QUEUED]: "accent",
  [DeliveryState.SENDING]: "accent",
  [DeliveryState.SENT]: "good",
  [DeliveryState.FAILED]: "bad",
  [DeliveryState.DEAD]: "bad",
  [DeliveryState.BOUNCED]: "warn",
};

/** Mails on their way, and what became of them. */
export function Mails() {
  const [state, setState] = useState("0");
  const [most, setMost] = useState(FIRST);
  const [opened, setOpened] = useState<string | undefined>(undefined);
  const { answer, fault, again } = useAsk(
    `mails ${state} ${most}`,
    (signal) => deliveries.listDeliveries({ state: Number(state), pageSize: most }, { signal }),
    EVERY_MS,
  );
  const states = Object.entries(t.deliveries.states).filter(([value]) => value !== "0");
  return (
    <>
      <Title title={t.deliveries.title} intro={t.deliveries.intro} />
      <div class="bar-tools">
        <Select
          label={t.deliveries.filter}
          value={state}
          onValue={setState}
          options={[["0", t.deliveries.all], ...states]}
        />
      </div>
      <FaultNote fault={fault} again={again} />
      {answer === undefined && fault === undefined && <Skeleton />}
      {answer?.deliveries.length === 0 && (
        <Empty
          of="deliveries"
          title={t.deliveries.none}
          text={t.deliveries.noneText}
          command="switchover deliveries list"
        />
      )}
      {answer !== undefined && answer.deliveries.length > 0 && (
        <Table
          caption={t.deliveries.title}
          rows={answer.deliveries}
          keyOf={({ name }) => name}
          columns={columns(setOpened)}
        />
      )}
      {answer !== undefined && answer.nextPageToken !== "" && most < AT_ONCE_MAX && (
        <button type="button" class="button" onClick={() => setMost(AT_ONCE_MAX)}>
          {t.act.more}
        </button>
      )}
      {opened !== undefined && <OneMail name={opened} onClose={() => setOpened(undefined)} />}
    </>
  );
}

function columns(open: (name: string) => void): Column<Delivery>[] {
  const texts = t.deliveries;
  return [
    { title: texts.subject, heads: true, cell: ({ subject }) => subject },
    { title: texts.to, wide: true, cell: ({ recipient }) => recipient },
    {
      title: texts.state,
      cell: ({ state, reason }) => (
        <>
          <Badge tone={TONES[state]}>{texts.states[state]}</Badge>
          {reason !== "" && <span class="cell-under">{reason}</span>}
        </>
      ),
    },
    { title: texts.tries, numeric: true, cell: ({ tryCount }) => number(tryCount) },
    { title: texts.when, cell: ({ createTime }) => <Time at={createTime} /> },
    {
      title: t.act.actions,
      actions: true,
      cell: ({ name, subject }) => (
        <button
          type="button"
          class="button button-small"
          aria-label={`${t.act.details}: ${subject}`}
          onClick={() => open(name)}
        >
          {t.act.details}
        </button>
      ),
    },
  ];
}

function OneMail({ name, onClose }: { readonly name: string; readonly onClose: () => void }) {
  const { answer, fault, again } = useAsk(
    name,
    async (signal) => (await deliveries.getDelivery({ name }, { signal })).delivery,
    EVERY_MS,
  );
  const deed = useDeed();
  const texts = t.deliveries;
  const waits =
    answer !== undefined &&
    (answer.state === DeliveryState.QUEUED ||
      answer.state === DeliveryState.FAILED ||
      answer.state === DeliveryState.DEAD);
  const retry = async (): Promise<void> => {
    const done = await deed.run(async () => {
      await deliveries.retryDelivery({ name });
    });
    if (done) say(texts.retried);
  };
  return (
    <Dialog title={answer?.subject ?? texts.title} onClose={onClose} wide>
      <FaultNote fault={fault ?? deed.fault} again={again} />
      {answer === undefined && fault === undefined && <Skeleton rows={2} />}
      {answer !== undefined && (
        <>
          <Facts
            of={[
              [
                texts.state,
                <Badge key="state" tone={TONES[answer.state]}>
                  {texts.states[answer.state]}
                </Badge>,
              ],
              [texts.to, answer.recipient],
              [texts.when, <Time key="when" at={answer.createTime} />],
              [texts.sent, answer.sendTime === undefined ? null : <Time key="sent" at={answer.sendTime} />],
              [texts.next, answer.nextTryTime === undefined ? null : <Time key="next" at={answer.nextTryTime} />],
              [texts.messageId, <code key="id">{answer.messageId}</code>],
              [texts.why, answer.reason === "" ? null : answer.reason],
            ]}
          />
          {answer.tries.length > 0 && (
            <section class="section">
              <h3>{texts.tries}</h3>
              <ol class="timeline">
                {answer.tries.map((one, place) => (
                  <li key={answer.tries.length - place}>
                    <b>{one.outcome}</b>
                    <span class="soft">
                      <Time at={one.time} />
                    </span>
                  </li>
                ))}
              </ol>
            </section>
          )}
          {mayChange() && waits && (
            <div class="dialog-foot">
              <button type="button" class="button button-main" aria-disabled={deed.busy} onClick={() => void retry()}>
                {texts.retry}
              </button>
            </div>
          )}
        </>
      )}
    </Dialog>
  );
}
