import { useState } from "preact/hooks";
import { useAsk, useDeed } from "../ask";
import { mayChange } from "../caller";
import { all, fleet } from "../client";
import { number } from "../format";
import { GatewayStanding, type Gateway } from "../generated/switchover/catalog/v1/fleet_pb";
import { t } from "../language";
import { Adopt } from "../parts/adopt";
import { Badge } from "../parts/badge";
import { Ask } from "../parts/dialog";
import { Command, Empty, FaultNote, Note, Skeleton } from "../parts/notes";
import { Reason } from "../parts/reason";
import { Table, type Column } from "../parts/table";
import { Time } from "../parts/time";
import { Title } from "../parts/title";
import { idOf } from "../router";

const EVERY_MS = 3000;

type What = "drain" | "resume" | "evict";

/** The members of the fleet. */
export function Gateways() {
  const { answer, fault, again } = useAsk(
    "gateways",
    (signal) =>
      all(async (pageToken) => {
        const page = await fleet.listGateways({ pageSize: 1000, pageToken }, { signal });
        return { items: page.gateways, next: page.nextPageToken };
      }),
    EVERY_MS,
  );
  const recovery = useAsk("recovery", (signal) => fleet.getRecovery({}, { signal }), EVERY_MS * 5).answer;
  const [adopting, setAdopting] = useState(false);
  const [doing, setDoing] = useState<{ what: What; gateway: string } | undefined>(undefined);
  return (
    <>
      <Title title={t.gateways.title} intro={t.gateways.intro} />
      {recovery?.recovering === true && (
        <Note tone="warn">
          <p class="note-title">{t.gateways.recovery}</p>
          <p lang="en">{recovery.message}</p>
          {mayChange() && (
            <div class="acts">
              <button type="button" class="button" onClick={() => setAdopting(true)}>
                {t.gateways.adopt}
              </button>
            </div>
          )}
          <Command text="switchover catalog recovery" />
        </Note>
      )}
      <FaultNote fault={fault} again={again} />
      {answer === undefined && fault === undefined && <Skeleton />}
      {answer?.length === 0 && (
        <Empty
          of="gateways"
          title={t.gateways.none}
          text={t.gateways.noneText}
          command="switchover serve gateway --help"
        />
      )}
      {answer !== undefined && answer.length > 0 && (
        <Table
          caption={t.gateways.title}
          rows={answer}
          keyOf={({ name }) => name}
          columns={columns((what, gateway) => setDoing({ what, gateway }))}
        />
      )}
      {adopting && recovery?.recovering === true && <Adopt recovery={recovery} onClose={() => setAdopting(false)} />}
      {doing !== undefined && <Act {...doing} onClose={() => setDoing(undefined)} />}
    </>
  );
}

function columns(act: (what: What, gateway: string) => void): Column<Gateway>[] {
  const texts = t.gateways;
  return [
    {
      title: texts.name,
      heads: true,
      cell: ({ name, software }) => (
        <>
          {idOf(name)}
          {software !== "" && <span class="cell-under">{`${texts.software} ${software}`}</span>}
        </>
      ),
    },
    { title: texts.state, cell: (gateway) => <State of={gateway} /> },
    {
      title: texts.positions,
      cell: ({ positions }) =>
        positions.length === 0
          ? t.act.none
          : positions.map(({ application, version, generation }) => (
              <span key={application} class="line-text">
                {idOf(application)} {version === "" ? t.act.none : version}{" "}
                <span class="soft">· {texts.generation(number(generation))}</span>
              </span>
            )),
    },
    { title: texts.connections, numeric: true, cell: ({ openConnections }) => number(openConnections) },
    { title: texts.seen, cell: ({ lastSeenTime }) => <Time at={lastSeenTime} relative /> },
    { title: t.act.actions, actions: true, cell: (gateway) => (mayChange() ? <Acts of={gateway} act={act} /> : null) },
  ];
}

function State({ of }: { readonly of: Gateway }) {
  const texts = t.gateways.states;
  const badge = !of.connected ? (
    <Badge tone="bad">{texts.lost}</Badge>
  ) : of.standing === GatewayStanding.DRAINING ? (
    <Badge tone="warn">{texts.draining}</Badge>
  ) : of.standing === GatewayStanding.FENCING ? (
    <Badge tone="warn">{texts.fencing}</Badge>
  ) : of.standing === GatewayStanding.FENCED ? (
    <Badge tone="bad">{texts.fenced}</Badge>
  ) : of.ready ? (
    <Badge tone="good">{texts.ready}</Badge>
  ) : (
    <Badge tone="warn">{texts.notReady}</Badge>
  );
  return (
    <>
      <span class="badges">
        {badge}
        {of.diverged && <Badge tone="bad">{texts.diverged}</Badge>}
      </span>
      {!of.ready && of.notReadyMessage !== "" && (
        <span class="cell-under" lang="en">
          {of.notReadyMessage}
        </span>
      )}
      {of.refused.map((refused) => (
        <span key={refused.application} class="cell-under">
          {t.gateways.refused(idOf(refused.application), refused.message)}
        </span>
      ))}
    </>
  );
}

function Acts({ of, act }: { readonly of: Gateway; readonly act: (what: What, gateway: string) => void }) {
  const texts = t.gateways;
  const button = (what: What, text: string, danger = false) => (
    <button
      type="button"
      class={`button button-small${danger ? " button-danger" : ""}`}
      aria-label={`${text}: ${idOf(of.name)}`}
      onClick={() => act(what, of.name)}
    >
      {text}
    </button>
  );
  return (
    <>
      {of.standing === GatewayStanding.DRAINING
        ? button("resume", texts.resume)
        : of.connected && button("drain", texts.drain)}
      {!of.connected && button("evict", texts.evict, true)}
    </>
  );
}

function Act({
  what,
  gateway,
  onClose,
}: {
  readonly what: What;
  readonly gateway: string;
  readonly onClose: () => void;
}) {
  const [reason, setReason] = useState("");
  const deed = useDeed();
  const texts = t.gateways;
  const id = idOf(gateway);
  const asks = { drain: texts.drainAsk, resume: texts.resumeAsk, evict: texts.evictAsk };
  const request = { name: gateway, reason };
  const acts = {
    drain: () => fleet.drainGateway(request),
    resume: () => fleet.resumeGateway(request),
    evict: () => fleet.evictGateway(request),
  };
  const run = async (): Promise<void> => {
    const done = await deed.run(async () => {
      await acts[what]();
    });
    if (done) onClose();
  };
  return (
    <Ask
      title={`${texts[what]}: ${id}`}
      text={asks[what](id)}
      yes={texts[what]}
      danger={what === "evict"}
      deed={deed}
      onYes={() => void run()}
      onClose={onClose}
    >
      <Reason value={reason} onValue={setReason} fault={deed.fault} />
    </Ask>
  );
}
