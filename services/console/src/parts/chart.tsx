import { useId } from "preact/hooks";
import { draw, thinned } from "../chart";
import { clock, number } from "../format";
import { t } from "../language";
import { idIn } from "../router";
import { trafficOf } from "../traffic";
import { useValue } from "../value";
import { Table } from "./table";

const WIDTH = 1000;
const HEIGHT = 100;
const ROWS_MAX = 12;

interface Props {
  readonly application: string;
  /** When another version came into use: a line across. */
  readonly commit?: number | undefined;
}

/** Requests a second by version, as the gateway counts them while somebody looks. */
export function TrafficChart({ application, commit }: Props) {
  const { gateway, samples } = useValue(trafficOf(application));
  const id = useId();
  const { lines, top, x } = draw(samples, WIDTH, HEIGHT);
  const mark = commit === undefined ? undefined : x(commit);
  const missed = commit !== undefined && commit < (samples[0]?.at ?? Number.POSITIVE_INFINITY);
  if (missed)
    return (
      <figure class="sheet sheet-padded chart" aria-labelledby={id}>
        <figcaption>
          <h3 id={id}>{t.chart.title}</h3>
        </figcaption>
        <p class="soft">{t.chart.missed}</p>
      </figure>
    );
  return (
    <figure class="sheet sheet-padded chart" aria-labelledby={id}>
      <figcaption class="section-head">
        <h3 id={id}>{t.chart.title}</h3>
        <ul class="legend">
          {lines.map(({ version, last }, place) => (
            <li key={version}>
              <svg class={`swatch line line-${place % 3}`} viewBox="0 0 28 12" aria-hidden="true">
                <path d="M0 6h28" />
              </svg>
              {version} <span class="soft numeric">{number(last, 1)}</span>
            </li>
          ))}
          {mark !== undefined && commit !== undefined && (
            <li>
              <svg class="swatch mark" viewBox="0 0 28 12" aria-hidden="true">
                <path d="M14 0v12" />
              </svg>
              {t.chart.commit(clock(commit))}
            </li>
          )}
        </ul>
      </figcaption>
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
          aria-label={summary(lines)}
        >
          {[0, 0.5, 1].map((part) => (
            <path key={part} class="grid" d={`M0 ${HEIGHT * part}H${WIDTH}`} />
          ))}
          {mark !== undefined && <path class="mark" d={`M${mark} 0V${HEIGHT}`} />}
          {lines.map(({ version, points }, place) => (
            <polyline key={version} class={`line line-${place % 3}`} points={points} />
          ))}
        </svg>
        <div class="plot-times" aria-hidden="true">
          <span>{samples[0] === undefined ? "" : clock(samples[0].at)}</span>
          <span>{samples.at(-1) === undefined ? "" : clock(samples.at(-1)?.at ?? 0)}</span>
        </div>
      </div>
      <p class="soft">
        {samples.length === 0
          ? t.chart.nothing
          : `${capital(t.chart.axis)}. ${t.chart.gateway(gateway === "" ? t.act.none : idIn(gateway, "gateways"))}`}
      </p>
      {samples.length > 0 && (
        <details>
          <summary>{t.chart.table}</summary>
          <Table
            caption={t.chart.title}
            rows={thinned(samples, ROWS_MAX)}
            keyOf={(sample) => String(sample.at)}
            columns={[
              { title: t.chart.time, heads: true, cell: (sample) => clock(sample.at) },
              ...lines.map(({ version }) => ({
                title: version,
                numeric: true,
                cell: (sample: (typeof samples)[number]) => number(sample.rates.get(version) ?? 0, 1),
              })),
            ]}
          />
        </details>
      )}
    </figure>
  );
}

function summary(lines: ReturnType<typeof draw>["lines"]): string {
  const sentences = lines.map(({ version, first, last }) =>
    t.chart.summary(version, number(first, 1), number(last, 1)),
  );
  return [t.chart.title, ...sentences].join(". ");
}

function capital(words: string): string {
  return words.charAt(0).toLocaleUpperCase() + words.slice(1);
}
