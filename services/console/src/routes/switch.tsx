import { useState } from "preact/hooks";
import { applicationNamed } from "../applications";
import { changed, useAsk } from "../ask";
import { ENDLESS, switches } from "../client";
import { faultOf, type Fault } from "../fault";
import { clock, millis, number, took } from "../format";
import { SwitchState, type Switch } from "../generated/switchover/catalog/v1/switches_pb";
import { t } from "../language";
import type { Link as Stand } from "../live";
import { Badge, type Tone } from "../parts/badge";
import { SwitchTraffic } from "../parts/traffic";
import { Facts } from "../parts/facts";
import { Link } from "../parts/link";
import { FaultNote, Note, Skeleton } from "../parts/notes";
import { ReceiptOf } from "../parts/receipt";
import { Fleet, Moves, Steps } from "../parts/progress";
import { SwitchActs } from "../parts/switch-acts";
import { Time } from "../parts/time";
import { Title } from "../parts/title";
import { idIn, idOf, pathOf } from "../router";
import { ended } from "../steps";
import { useStream } from "../watch";

/** A switch: as it goes on, and what is left of it once it has ended. */
export function SwitchPage({ application, id }: { readonly application: string; readonly id: string }) {
  const name = `applications/${application}/switches/${id}`;
  const [shown, setShown] = useState<Switch | undefined>(undefined);
  const [fault, setFault] = useState<Fault | undefined>(undefined);
  const called = useAsk(`applications/${application}`, applicationNamed(application)).answer?.displayName;

  const receive = (next: Switch | undefined): void => {
    if (next === undefined) return;
    setShown(next);
    setFault(undefined);
    if (ended(next.state) && shown !== undefined && !ended(shown.state)) changed();
  };
  const over = (thrown: unknown): boolean => {
    if (shown !== undefined && ended(shown.state)) return true;
    if (thrown === undefined) return false;
    const found = faultOf(thrown);
    if (found.kind === "away" || found.kind === "late") return false;
    setFault(found);
    return true;
  };
  const stand = useStream(
    name,
    (signal) => switches.watchSwitch({ name }, { signal, ...ENDLESS }),
    ({ switch: next }) => receive(next),
    over,
  );

  return (
    <>
      <Title
        title={
          shown === undefined
            ? t.switch.kinds[0]
            : t.switch.title(idIn(shown.sourceVersion, "versions"), idIn(shown.targetVersion, "versions"))
        }
        above={
          <Link to={pathOf("applications", application)} class="crumb">
            {called ?? application}
          </Link>
        }
        beside={shown !== undefined && <StateBadge state={shown.state} />}
      >
        {shown !== undefined && <SwitchActs of={shown} />}
      </Title>
      <FaultNote fault={fault} />
      {shown === undefined ? fault === undefined && <Skeleton rows={4} tall /> : <Picture of={shown} stand={stand} />}
    </>
  );
}

function Picture({ of, stand }: { readonly of: Switch; readonly stand: Stand }) {
  const over = ended(of.state);
  return (
    <>
      <Outcome of={of} />
      <div class="switch">
        <section class="sheet sheet-padded" aria-labelledby="steps-title">
          <div class="section-head">
            <h2 id="steps-title">{t.switch.steps}</h2>
            {!over && (
              <Badge tone={stand === "live" ? "good" : "warn"} moving={stand === "live"}>
                {stand === "live" ? t.switch.live : t.switch.reconnecting}
              </Badge>
            )}
          </div>
          <Steps of={of} />
        </section>
        <div class="section">
          <section class="sheet sheet-padded" aria-labelledby="moves-title">
            <h2 id="moves-title">{t.switch.tenants}</h2>
            <Moves of={of} />
          </section>
          <section class="sheet sheet-padded" aria-labelledby="about-title">
            <h2 id="about-title">{t.settings.about}</h2>
            <About of={of} />
          </section>
        </div>
      </div>
      <section class="section" aria-labelledby="fleet-title">
        <h2 id="fleet-title">{t.switch.gateways}</h2>
        <Fleet of={of} />
      </section>
      <SwitchTraffic of={of} />
      {over && <ReceiptOf of={of} />}
    </>
  );
}

function About({ of }: { readonly of: Switch }) {
  return (
    <Facts
      of={[
        [t.switch.requestedBy, of.requestedBy],
        [t.proposal.approvedBy, of.approvedBy === "" ? null : of.approvedBy],
        [t.switch.began, <Time key="began" at={of.createTime} />],
        [t.switch.committed, of.commitTime === undefined ? null : <Time key="committed" at={of.commitTime} />],
        [t.switch.ended, of.endTime === undefined ? null : <Time key="ended" at={of.endTime} />],
        [
          t.switch.took,
          of.endTime === undefined || of.createTime === undefined
            ? null
            : took(millis(of.endTime) - millis(of.createTime)),
        ],
        [t.switch.generation, of.generation === 0n ? null : number(of.generation)],
        [t.switch.reason, of.reason === "" ? null : of.reason],
      ]}
    />
  );
}

function Outcome({ of }: { readonly of: Switch }) {
  const back = of.switchedBackBy !== "" && (
    <p>
      {t.switch.switchedBack}{" "}
      <Link to={pathOf("applications", idIn(of.name, "applications"), "switches", idOf(of.switchedBackBy))}>
        {t.application.watch}
      </Link>
    </p>
  );
  const why = of.failure !== undefined && <p lang="en">{of.failure.message}</p>;
  switch (of.state) {
    case SwitchState.SUCCEEDED:
      return (
        <Note tone={of.switchedBackBy === "" ? "good" : "warn"}>
          <p class="note-title">{t.switch.outcome.succeeded(idIn(of.targetVersion, "versions"))}</p>
          {back}
          {of.bakeDeadline !== undefined && <p>{t.switch.watched(clock(of.bakeDeadline))}</p>}
        </Note>
      );
    case SwitchState.FAILED:
    case SwitchState.CANCELLED:
      return (
        <Note tone="warn">
          <p class="note-title">
            {of.state === SwitchState.FAILED ? t.switch.outcome.failed : t.switch.outcome.cancelled}
          </p>
          {why}
        </Note>
      );
    default:
      return why ? <Note tone="warn">{why}</Note> : null;
  }
}

const TONES: Partial<Record<SwitchState, Tone>> = {
  [SwitchState.SUCCEEDED]: "good",
  [SwitchState.FAILED]: "bad",
  [SwitchState.CANCELLED]: "plain",
};

/** Where a switch stands, in a word. */
export function StateBadge({ state }: { readonly state: SwitchState }) {
  return (
    <Badge tone={TONES[state] ?? "warn"} moving={!ended(state)}>
      {t.switch.states[state]}
    </Badge>
  );
}
