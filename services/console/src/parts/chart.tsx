import { useId } from "preact/hooks";
import { draw, thinned } from "../chart";
import { clock, number } from "../format";
import { t } from "../language";
import { idIn } from "../router";
import { trafficOf } from "../traffic";
import { useValue } from "../value";
import { Table } from "./table";

const WIDTH = 640;
const HEIGHT = 150;
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
  const missed = commit !== undefined && samples.length > 0 && mark === undefined;
  return (
    <figure class="sheet sheet-padded chart" aria-labelledby={id}>
      <figcaption class="section-head">
        <h3 id={id}>{t.chart.title}</h3>
        <ul class="legend">
          {lines.map(({ version, last }, place) => (
            <li key={version}>
              <svg class={`swatch line line-${place % 3}`} viewBox="0 0 28 4" aria-hidden="true">
                <path d="M0 2h28" />
              </svg>
              {version} <span class="soft numeric">{number(last, 1)}</span>
            </li>
          ))}
        </ul>
      </figcaption>
      <svg class="chart-field" viewBox={`-44 -12 ${WIDTH + 52} ${HEIGHT + 30}`} role="img" aria-label={summary(lines)}>
        {[0, 0.5, 1].map((part) => (
          <g key={part}>
            <path class="grid" d={`M0 ${HEIGHT - part * HEIGHT}H${WIDTH}`} />
            <text class="tick" x={-8} y={HEIGHT - part * HEIGHT + 4} text-anchor="end">
              {number(top * part, 1)}
            </text>
          </g>
        ))}
        <text class="tick" x={0} y={HEIGHT + 16}>
          {samples[0] === undefined ? "" : clock(samples[0].at)}
        </text>
        <text class="tick" x={WIDTH} y={HEIGHT + 16} text-anchor="end">
          {samples.at(-1) === undefined ? t.chart.axis : clock(samples.at(-1)?.at ?? 0)}
        </text>
        {mark !== undefined && (
          <g>
            <path class="mark" d={`M${mark} -2V${HEIGHT}`} />
            <text class="tick mark-text" x={mark} y={-4} text-anchor={mark > WIDTH / 2 ? "end" : "start"}>
              {t.chart.commit}
            </text>
          </g>
        )}
        {lines.map(({ version, points }, place) => (
          <polyline key={version} class={`line line-${place % 3}`} points={points} />
        ))}
      </svg>
      <p class="soft">{missed ? t.chart.missed : samples.length === 0 ? t.chart.nothing : `${capital(t.chart.axis)}. ${t.chart.gateway(gateway === "" ? t.act.none : idIn(gateway, "gateways"))}`}</p>
      {samples.length > 0 && (
        <details>
          <summary>{t.chart.table}</summary>
          <Table
            caption={t.chart.title}
            rows={thinned(samples, ROWS_MAX)}
            keyOf={(sample) => String(sample.at)}
            columns={[
              { title: t.chart.time, heads: true, cell: (sample) => clock(sample.at) },
              ...lines.map(({ version }) => ({ title: version, numeric: true, cell: (sample: (typeof samples)[number]) => number(sample.rates.get(version) ?? 0, 1) })),
            ]}
          />
        </details>
      )}
    </figure>
  );
}

function summary(lines: ReturnType<typeof draw>["lines"]): string {
  const sentences = lines.map(({ version, first, last }) => t.chart.summary(version, number(first, 1), number(last, 1)));
  return [t.chart.title, ...sentences].join(". ");
}

function capital(words: string): string {
  return words.charAt(0).toLocaleUpperCase() + words.slice(1);
}
