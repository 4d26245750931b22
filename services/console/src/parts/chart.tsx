import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";
import { draw, rowsOf, type Drawn } from "../chart";
import { clock, number, took } from "../format";
import { t } from "../language";
import type { Counted, Marks, Traffic } from "../traffic";
import { Table } from "./table";

const WIDTH = 1000;
const HEIGHT = 100;
const ROWS_MAX = 12;

interface Props {
  /** None while it is being asked for. */
  readonly of: Traffic | undefined;
  readonly title: string;
  readonly marks: Marks;
  readonly small: boolean;
  /** Whether what moves was stopped; nothing where nothing moves. */
  readonly still?: boolean;
  readonly onStill?: () => void;
}

/** Requests a second by version, and those that failed. Its place is as high before anything is known. */
export function Chart({ of, title, marks, small, still = false, onStill }: Props) {
  const id = useId();
  const drawn = of?.kind === "counted" ? draw(of, WIDTH, HEIGHT) : undefined;
  const lacks = of === undefined ? "" : lack(of, drawn);
  return (
    <figure class={small ? "sheet sheet-padded chart chart-small" : "sheet sheet-padded chart"} aria-labelledby={id}>
      <figcaption class="section-head">
        <h3 id={id}>{title}</h3>
        {onStill !== undefined && lacks === "" && (
          <button type="button" class="button button-small" aria-pressed={still} onClick={onStill}>
            {still ? t.chart.resume : t.chart.pause}
          </button>
        )}
      </figcaption>
      <Legend drawn={lacks === "" ? drawn : undefined} marks={marks} />
      {of?.kind === "counted" && drawn !== undefined && lacks === "" ? (
        <Field of={of} drawn={drawn} marks={marks} />
      ) : (
        <div class="plot-lack" aria-busy={of === undefined}>
          <p>{of === undefined ? t.act.loading : lacks}</p>
        </div>
      )}
      {of?.kind === "counted" && drawn !== undefined && lacks === "" && (
        <>
          <p class="soft">{told(of, drawn)}</p>
          <AsTable of={of} drawn={drawn} title={title} />
        </>
      )}
    </figure>
  );
}

/** Why nothing is drawn; empty if something is. */
function lack(of: Traffic, drawn: Drawn | undefined): string {
  if (of.kind === "uncounted") return t.chart.uncounted;
  if (of.kind === "hidden") return t.chart.hidden;
  if (of.keptSince !== undefined && of.keptSince >= of.window.to) return t.chart.gone(clock(of.keptSince));
  if (of.samples.length === 0) return t.chart.notYet;
  return drawn === undefined || drawn.requests === 0 ? t.chart.nothing : "";
}

/** What the chart says in sentences. */
function told(of: Counted, drawn: Drawn): string {
  const gone = of.keptSince === undefined ? [] : [t.chart.goneBefore(clock(of.keptSince))];
  return [t.chart.failed(drawn.failed, number(drawn.requests)), t.chart.axis(took(of.stepMs)), ...gone].join(" ");
}

function Legend({ drawn, marks }: { readonly drawn: Drawn | undefined; readonly marks: Marks }) {
  const within = (at: number | undefined): boolean => at !== undefined && drawn?.x(at) !== undefined;
  return (
    <ul class="legend">
      {drawn?.lines.map(({ version, last }, place) => (
        <li key={version}>
          <Swatch class={`line line-${place % 3}`} path="M0 6h28" />
          {version} <span class="soft numeric">{number(last, 1)}</span>
        </li>
      ))}
      {drawn !== undefined && drawn.failed > 0 && (
        <li>
          <Swatch class="failure" path="M14 12V3" head="M14 3h.01" />
          {t.chart.failures} <span class="soft numeric">{number(drawn.failed)}</span>
        </li>
      )}
      {marks.holds
        .filter(({ from }) => within(from))
        .map(({ from, until }) => (
          <li key={from}>
            <Swatch class="hold" path="M8 0v12M20 0v12" />
            {until === undefined ? t.chart.hold(clock(from)) : t.chart.holdFor(clock(from), took(until - from))}
          </li>
        ))}
      {marks.commit !== undefined && within(marks.commit) && (
        <li>
          <Swatch class="mark" path="M14 0v12" />
          {t.chart.commit(clock(marks.commit))}
        </li>
      )}
    </ul>
  );
}

function Swatch({
  class: looks,
  path,
  head,
}: {
  readonly class: string;
  readonly path: string;
  readonly head?: string;
}) {
  return (
    <svg class={`swatch ${looks}`} viewBox="0 0 28 12" aria-hidden="true">
      <path d={path} />
      {head !== undefined && <path class="failure-head" d={head} />}
    </svg>
  );
}

interface FieldProps {
  readonly of: Counted;
  readonly drawn: Drawn;
  readonly marks: Marks;
}

function Field({ of, drawn, marks }: FieldProps) {
  const { lines, failures, top, x } = drawn;
  return (
    <div class="plot">
      <div class="plot-scale" aria-hidden="true">
        {[1, 0.5, 0].map((part) => (
          <span key={part}>{number(top * part, 1)}</span>
        ))}
      </div>
      <svg
        class="plot-field"
        viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={summary(drawn)}
      >
        {[0, 0.5, 1].map((part) => (
          <path key={part} class="grid" d={`M0 ${HEIGHT * part}H${WIDTH}`} />
        ))}
        {marks.holds.map(({ from, until }) => {
          const [begin, end] = [x(from), x(until ?? of.window.to) ?? WIDTH];
          return begin === undefined ? null : (
            <g key={from}>
              <rect class="hold-ground" x={begin} y={0} width={Math.max(end - begin, 0)} height={HEIGHT} />
              <path class="hold" d={`M${begin} 0V${HEIGHT}`} />
            </g>
          );
        })}
        {marks.commit !== undefined && x(marks.commit) !== undefined && (
          <path class="mark" d={`M${x(marks.commit)} 0V${HEIGHT}`} />
        )}
        {lines.map(({ version, path }, place) => (
          <path key={version} class={`line line-${place % 3}`} d={path} />
        ))}
        {failures.map(({ x: across, y }) => (
          <g key={across}>
            <path class="failure" d={`M${across.toFixed(1)} ${HEIGHT}V${y.toFixed(1)}`} />
            <path class="failure-head" d={`M${across.toFixed(1)} ${y.toFixed(1)}h.01`} />
          </g>
        ))}
      </svg>
      <div class="plot-times" aria-hidden="true">
        <span>{clock(of.window.from)}</span>
        <span>{clock(of.window.to)}</span>
      </div>
    </div>
  );
}

function AsTable({ of, drawn, title }: Omit<FieldProps, "marks"> & { readonly title: string }) {
  const cell = (value: number | undefined): ComponentChildren => number(value ?? 0);
  return (
    <details>
      <summary>{t.chart.table}</summary>
      <Table
        caption={title}
        rows={rowsOf(of, ROWS_MAX)}
        keyOf={({ at }) => String(at)}
        columns={[
          { title: t.chart.time, heads: true, cell: ({ at }) => clock(at) },
          { title: t.chart.seconds, numeric: true, cell: ({ seconds }) => number(seconds) },
          ...drawn.lines.flatMap(({ version }) => [
            {
              title: t.chart.requests(version),
              numeric: true,
              cell: ({ counts }: ReturnType<typeof rowsOf>[number]) => cell(counts.get(version)?.requests),
            },
            {
              title: t.chart.failedOf(version),
              numeric: true,
              cell: ({ counts }: ReturnType<typeof rowsOf>[number]) => cell(counts.get(version)?.failed),
            },
          ]),
        ]}
      />
    </details>
  );
}

function summary({ lines, failed, requests }: Drawn): string {
  const sentences = lines.map(({ version, total, first, last }) =>
    t.chart.summary(version, number(total), number(first, 1), number(last, 1)),
  );
  return [t.chart.title, ...sentences, t.chart.failed(failed, number(requests))].join(". ");
}
