import type { Duration, Timestamp } from "@bufbuild/protobuf/wkt";
import { language } from "./language";

/** Returns milliseconds since 1970. */
export function millis(time: Timestamp): number {
  return Number(time.seconds) * 1000 + time.nanos / 1e6;
}

/** Returns milliseconds; 0 for none. */
export function span(duration: Duration | undefined): number {
  return duration === undefined ? 0 : Number(duration.seconds) * 1000 + duration.nanos / 1e6;
}

/** Returns a span as the API takes it. */
export function durationOf(milliseconds: number): { seconds: bigint; nanos: number } {
  const whole = Math.floor(milliseconds / 1000);
  return { seconds: BigInt(whole), nanos: Math.round((milliseconds - whole * 1000) * 1e6) };
}

/** A number with the language's separators. */
export function number(value: number | bigint, digits = 0): string {
  return formatOf(`number ${digits}`, (tag) => new Intl.NumberFormat(tag, { maximumFractionDigits: digits })).format(
    value,
  );
}

/** A day and a time, in the reader's own zone: 28 Nov 2026, 09:12:04. */
export function dateTime(time: Timestamp | number): string {
  return formatOf("date", (tag) => new Intl.DateTimeFormat(tag, { dateStyle: "medium", timeStyle: "medium" })).format(
    at(time),
  );
}

/** A time of today, else with its day. */
export function clock(time: Timestamp | number, now = Date.now()): string {
  const moment = at(time);
  if (new Date(now).toDateString() !== new Date(moment).toDateString()) return dateTime(moment);
  return formatOf("clock", (tag) => new Intl.DateTimeFormat(tag, { timeStyle: "medium" })).format(moment);
}

/** How long ago, or until when: 3 minutes ago. */
export function ago(time: Timestamp | number, now = Date.now()): string {
  const seconds = Math.round((at(time) - now) / 1000);
  const size = Math.abs(seconds);
  const relative = formatOf("ago", (tag) => new Intl.RelativeTimeFormat(tag, { numeric: "auto" }));
  if (size < 60) return relative.format(seconds, "second");
  if (size < 3600) return relative.format(Math.round(seconds / 60), "minute");
  if (size < 86_400) return relative.format(Math.round(seconds / 3600), "hour");
  return relative.format(Math.round(seconds / 86_400), "day");
}

/** A span in the unit that suits it: 42 ms, 3.1 s, 5 min, 7 days. */
export function took(milliseconds: number): string {
  const [value, unit, digits] = unitOf(milliseconds);
  const long = unit === "day";
  const make = (tag: string): Intl.NumberFormat =>
    new Intl.NumberFormat(tag, {
      style: "unit",
      unit,
      unitDisplay: long ? "long" : "short",
      maximumFractionDigits: digits,
    });
  return formatOf(`took ${unit} ${digits}`, make).format(value);
}

/** Several words as a list: a, b and c. */
export function list(words: readonly string[]): string {
  return formatOf("list", (tag) => new Intl.ListFormat(tag, { type: "conjunction" })).format(words);
}

function unitOf(milliseconds: number): [number, "millisecond" | "second" | "minute" | "hour" | "day", number] {
  if (milliseconds < 10) return [milliseconds, "millisecond", 1];
  if (milliseconds < 1000) return [milliseconds, "millisecond", 0];
  if (milliseconds < 120_000) return [milliseconds / 1000, "second", milliseconds < 10_000 ? 1 : 0];
  if (milliseconds < 7_200_000) return [milliseconds / 60_000, "minute", 0];
  if (milliseconds < 172_800_000) return [milliseconds / 3_600_000, "hour", 0];
  return [milliseconds / 86_400_000, "day", 0];
}

function at(time: Timestamp | number): number {
  return typeof time === "number" ? time : millis(time);
}

const made = new Map<string, unknown>();

/** Formats are dear to make, so each is made once a language. */
function formatOf<T>(kind: string, make: (tag: string) => T): T {
  // Dates as in Britain: the day comes before the month.
  const tag = language.get() === "en" ? "en-GB" : language.get();
  const key = `${tag} ${kind}`;
  const known = made.get(key) as T | undefined;
  if (known !== undefined) return known;
  const format = make(tag);
  made.set(key, format);
  return format;
}
