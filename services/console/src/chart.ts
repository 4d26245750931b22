import type { Counted, Sample, Window } from "./traffic";

/** One version's line in the chart. */
export interface Line {
  readonly version: string;
  /** As SVG takes them: a path of each stretch in which it answered anybody. */
  readonly path: string;
  /** Requests in the whole window. */
  readonly total: number;
  /** Requests a second, first and last. */
  readonly first: number;
  readonly last: number;
}

/** Failed requests of one step: a stem from the ground up to their rate. */
export interface Failure {
  readonly x: number;
  readonly y: number;
}

/** What is drawn. */
export interface Drawn {
  readonly lines: readonly Line[];
  readonly failures: readonly Failure[];
  readonly requests: number;
  readonly failed: number;
  /** The highest rate that the field shows. */
  readonly top: number;
  /** Where a moment stands, from left to right; none if it is not within. */
  x(at: number): number | undefined;
}

/** How high a stem is at least, out of a field of 100: one failure of thousands is to be seen. */
const STEM_MIN = 8;

/** Draws what was counted into a field so wide and high. */
export function draw({ samples, window, stepMs }: Counted, width: number, height: number): Drawn {
  const seconds = stepMs / 1000;
  const versions = [...new Set(samples.flatMap(({ counts }) => [...counts.keys()]))].sort(byFirst(samples));
  const rate = (sample: Sample, version: string): number => (sample.counts.get(version)?.requests ?? 0) / seconds;
  const failing = (sample: Sample): number => sum([...sample.counts.values()].map(({ failed }) => failed));
  const top = roundUp(Math.max(1, ...samples.flatMap((sample) => versions.map((version) => rate(sample, version)))));
  const across = acrossOf(window, width);
  // A step stands where its middle is.
  const x = (sample: Sample): number => across(sample.at + stepMs / 2);
  const down = (value: number): number => height - (value / top) * height;
  const lines = versions.map((version) => ({
    version,
    path: stretches(samples, (sample) => rate(sample, version) > 0)
      .map((stretch) => stretch.map((one) => `${x(one).toFixed(1)} ${down(rate(one, version)).toFixed(1)}`))
      .map((points) => `M${points.join("L")}`)
      .join(""),
    total: sum(samples.map((sample) => sample.counts.get(version)?.requests ?? 0)),
    first: samples[0] === undefined ? 0 : rate(samples[0], version),
    last: rate(samples.at(-1) ?? { at: 0, counts: new Map() }, version),
  }));
  const failures = samples
    .filter((sample) => failing(sample) > 0)
    .map((sample) => ({
      x: x(sample),
      y: Math.min(down(failing(sample) / seconds), height - (STEM_MIN / 100) * height),
    }));
  return {
    lines,
    failures,
    requests: sum(lines.map(({ total }) => total)),
    failed: sum(samples.map(failing)),
    top,
    x: (at) => (at < window.from || at > window.to ? undefined : across(at)),
  };
}

/** Returns where moments of a window stand in a field so wide. */
function acrossOf({ from, to }: Window, width: number): (at: number) => number {
  const range = Math.max(to - from, 1);
  return (at) => Math.min(Math.max(((at - from) / range) * width, 0), width);
}

/** Parts samples into those that follow each other and fit, each with its neighbours: there the line ends. */
function stretches(samples: readonly Sample[], fits: (sample: Sample) => boolean): Sample[][] {
  const found: Sample[][] = [];
  let before = -2;
  samples.forEach((sample, place) => {
    const near = [samples[place - 1], sample, samples[place + 1]].some((one) => one !== undefined && fits(one));
    if (!near) return;
    if (before !== place - 1) found.push([]);
    found.at(-1)?.push(sample);
    before = place;
  });
  return found;
}

/** Orders versions by when they first answered anybody. */
function byFirst(samples: readonly Sample[]): (one: string, other: string) => number {
  const first = (version: string): number => samples.findIndex(({ counts }) => counts.has(version));
  return (one, other) => first(one) - first(other) || one.localeCompare(other);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

/** Returns the next 1, 2 or 5 times a power of ten. */
export function roundUp(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((step) => step * power).find((step) => step >= value) ?? value;
}

/** One line of the chart as a table: what was counted from a moment on, for so long. */
export interface Row {
  readonly at: number;
  readonly seconds: number;
  readonly counts: Sample["counts"];
}

/** Puts samples together to at most so many rows: nothing that was counted is left out. */
export function rowsOf({ samples, stepMs }: Counted, most: number): Row[] {
  const each = Math.max(1, Math.ceil(samples.length / most));
  const rows: Row[] = [];
  for (let place = 0; place < samples.length; place += each) {
    const part = samples.slice(place, place + each);
    const counts = new Map<string, { requests: number; failed: number }>();
    for (const sample of part)
      for (const [version, { requests, failed }] of sample.counts) {
        const before = counts.get(version) ?? { requests: 0, failed: 0 };
        counts.set(version, { requests: before.requests + requests, failed: before.failed + failed });
      }
    rows.push({ at: part[0]?.at ?? 0, seconds: (part.length * stepMs) / 1000, counts });
  }
  return rows;
}
