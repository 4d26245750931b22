import type { Sample } from "./traffic";

/** One version's line in the chart. */
export interface Line {
  readonly version: string;
  /** `x y` pairs within the field, as SVG takes them. */
  readonly points: string;
  readonly first: number;
  readonly last: number;
  /** Where its name stands beside the end of the line. */
  readonly endY: number;
}

/** What is drawn. */
export interface Drawn {
  readonly lines: readonly Line[];
  /** The highest rate that the field shows. */
  readonly top: number;
  /** Where a moment stands, from left to right; none if it is not within. */
  x(at: number): number | undefined;
}

/** Draws samples into a field so wide and high. */
export function draw(samples: readonly Sample[], width: number, height: number): Drawn {
  const from = samples[0]?.at ?? 0;
  const to = samples.at(-1)?.at ?? from;
  const range = Math.max(to - from, 1);
  const top = roundUp(Math.max(1, ...samples.flatMap(({ rates }) => [...rates.values()])));
  const across = (at: number): number => ((at - from) / range) * width;
  const down = (rate: number): number => height - (rate / top) * height;
  const versions = [...new Set(samples.flatMap(({ rates }) => [...rates.keys()]))].sort();
  const lines = versions.map((version) => {
    const rates = samples.map((sample) => ({ at: sample.at, rate: sample.rates.get(version) ?? 0 }));
    const last = rates.at(-1)?.rate ?? 0;
    return {
      version,
      points: rates.map(({ at, rate }) => `${across(at).toFixed(1)},${down(rate).toFixed(1)}`).join(" "),
      first: rates[0]?.rate ?? 0,
      last,
      endY: down(last),
    };
  });
  return { lines, top, x: (at) => (at < from || at > to ? undefined : across(at)) };
}

/** Returns the next 1, 2 or 5 times a power of ten. */
export function roundUp(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((step) => step * power).find((step) => step >= value) ?? value;
}

/** Returns at most so many of the samples, evenly: a table is read line by line. */
export function thinned(samples: readonly Sample[], most: number): Sample[] {
  const step = Math.max(1, Math.ceil(samples.length / most));
  return samples.filter((_, place) => (samples.length - 1 - place) % step === 0);
}
