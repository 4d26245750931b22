import { useState } from "preact/hooks";
import { useAsk } from "../ask";
import { traffic } from "../client";
import type { Switch } from "../generated/switchover/catalog/v1/switches_pb";
import { t } from "../language";
import {
  askTraffic,
  everyOf,
  marksOf,
  recentWindow,
  windowOf,
  type Asking,
  type Marks,
  type Traffic,
} from "../traffic";
import { Chart } from "./chart";
import { FaultNote } from "./notes";

const RECENT_EVERY_MS = 3000;
/** How often it is asked whether anything is counted where nothing was. */
const NOTHING_EVERY_MS = 30_000;
const NO_MARKS: Marks = { holds: [], commit: undefined };

/** Requests across a switch, at all gateways: while it goes on, and as long as they are kept. */
export function SwitchTraffic({ of }: { readonly of: Switch }) {
  return (
    <Asked
      question={`${of.name} traffic`}
      application={of.name.split("/switches/")[0] ?? ""}
      window={() => windowOf(of, Date.now())}
      every={() => everyOf(of, Date.now())}
      title={t.chart.title}
      marks={marksOf(of)}
    />
  );
}

/** Requests of the last quarter of an hour. */
export function RecentTraffic({ application }: { readonly application: string }) {
  return (
    <Asked
      question={`${application} recent traffic`}
      application={application}
      window={() => recentWindow(Date.now())}
      every={() => RECENT_EVERY_MS}
      title={t.chart.recent}
      marks={NO_MARKS}
      small
    />
  );
}

interface AskedProps {
  readonly question: string;
  readonly application: string;
  readonly window: () => Asking;
  readonly every: () => number;
  readonly title: string;
  readonly marks: Marks;
  readonly small?: boolean;
}

function Asked({ question, application, window, every, title, marks, small = false }: AskedProps) {
  /** What is shown while it may not move. */
  const [still, setStill] = useState<Traffic | undefined>(undefined);
  const [blind, setBlind] = useState(false);
  const everyMs = every();
  const pause = still !== undefined ? 0 : blind ? NOTHING_EVERY_MS : everyMs;
  const { answer, fault, again } = useAsk(
    question,
    async (signal) => {
      const found = await askTraffic(traffic, application, window(), signal);
      setBlind(found.kind !== "counted");
      return found;
    },
    pause,
  );
  const moves = answer?.kind === "counted" && (everyMs > 0 || still !== undefined);
  const turn = (): void => {
    setStill(still === undefined ? answer : undefined);
    if (still !== undefined) again();
  };
  if (answer === undefined && fault !== undefined) return <FaultNote fault={fault} again={again} />;
  return (
    <>
      <Chart
        of={still ?? answer}
        title={title}
        marks={marks}
        small={small}
        {...(moves ? { still: still !== undefined, onStill: turn } : {})}
      />
      <FaultNote fault={fault} again={again} />
    </>
  );
}
