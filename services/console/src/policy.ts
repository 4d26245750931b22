import { clone, create } from "@bufbuild/protobuf";
import { YES, type Typed } from "./draft";
import { durationOf, span } from "./format";
import {
  BakeSchema,
  DenialPolicySchema,
  FleetMode,
  SwitchPolicySchema,
  type SwitchPolicy,
} from "./generated/switchover/catalog/v1/applications_pb";
import { linesOf } from "./lines";
import { idOf } from "./router";

/** The spans of a policy, in seconds. */
const SPANS = {
  prepare: "prepareTimeout",
  hold: "holdTimeout",
  drain: "drainTimeout",
  notice: "minimumNotice",
  grace: "credentialGrace",
  overlapFor: "overlapTimeout",
  lease: "lease",
} as const;

/** Fields that are numbers, and those of them that are whole. */
const SECONDS = [...(Object.keys(SPANS) as (keyof typeof SPANS)[]), "bakeFor"] as const;
const WHOLE = ["rate", "denials", "bakeErrors", "bakeRequests", "bakeHealth"] as const;

/** Those that are one of several. */
const CHOSEN = {
  overlap: "overlap",
  failures: "tenantFailures",
  growth: "scopeGrowth",
  fleetMode: "fleetMode",
} as const;

/** A field that is a number: of seconds, or a whole one. */
export type Numbered = (typeof SECONDS)[number] | (typeof WHOLE)[number];
export type Chosen = keyof typeof CHOSEN;
export type PolicyField = Numbered | Chosen | "stoppers" | "bake";

/** The most that a whole number may be here: what the contract's fields take. */
const WHOLE_MAX = 2 ** 31 - 1;

/** What a watch begins with: as the command line has it. */
export const BAKE_FIRST = { bake: YES, bakeFor: "600", bakeErrors: "50", bakeRequests: "20", bakeHealth: "3" } as const;

/** Writes a policy into a form: spans in seconds, tenants one a line. */
export function typed(policy: SwitchPolicy | undefined): Typed<PolicyField> {
  const of = policy ?? create(SwitchPolicySchema);
  const seconds = (duration: SwitchPolicy["drainTimeout"]): string =>
    duration === undefined ? "" : String(span(duration) / 1000);
  const whole = (value: number | bigint | undefined): string => (value ? String(value) : "");
  const choice = (value: number): string => String(value === 0 ? 1 : value);
  const bake = of.bake;
  return {
    prepare: seconds(of.prepareTimeout),
    hold: seconds(of.holdTimeout),
    drain: seconds(of.drainTimeout),
    rate: whole(of.drainRate),
    notice: seconds(of.minimumNotice),
    grace: seconds(of.credentialGrace),
    denials: of.denials?.percentMax === undefined ? "" : String(of.denials.percentMax),
    stoppers: (of.denials?.tenants ?? []).map(idOf).join("\n"),
    overlap: choice(of.overlap),
    overlapFor: seconds(of.overlapTimeout),
    failures: choice(of.tenantFailures),
    growth: choice(of.scopeGrowth),
    fleetMode: choice(of.fleetMode),
    lease: seconds(of.lease),
    bake: bake === undefined ? "" : YES,
    bakeFor: seconds(bake?.duration),
    bakeErrors: whole(bake?.errorPermilleMax),
    bakeRequests: whole(bake?.requestsMin),
    bakeHealth: whole(bake?.healthFailuresMax),
  };
}

/** Reads a number as people type it; none if it is not one. Empty is the default. */
export function readNumber(text: string): number | "default" | undefined {
  const said = text.trim().replace(",", ".");
  if (said === "") return "default";
  const value = Number(said);
  return Number.isFinite(value) && value >= 0 ? value : undefined;
}

/** Reads a whole number that the contract's fields take. */
export function readWhole(text: string): number | "default" | undefined {
  const value = readNumber(text);
  return typeof value !== "number" || (Number.isInteger(value) && value <= WHOLE_MAX) ? value : undefined;
}

/** Returns the fields that are to be numbers and are not, with which kind of number is missed. */
export function notNumbers(form: Typed<PolicyField>): ReadonlyMap<Numbered, "number" | "whole"> {
  const wrong = new Map<Numbered, "number" | "whole">();
  for (const field of SECONDS) if (readNumber(form[field]) === undefined) wrong.set(field, "number");
  for (const field of WHOLE) if (readWhole(form[field]) === undefined) wrong.set(field, "whole");
  return wrong;
}

/** Makes a policy of a form whose numbers are numbers; what the form does not show stays as it is. */
export function policyOf(form: Typed<PolicyField>, before: SwitchPolicy | undefined): SwitchPolicy {
  const policy = before === undefined ? create(SwitchPolicySchema) : clone(SwitchPolicySchema, before);
  const number = (text: string): number | undefined => {
    const value = readNumber(text);
    return typeof value === "number" ? value : undefined;
  };
  const seconds = (text: string): SwitchPolicy["lease"] => {
    const value = number(text);
    return value === undefined ? undefined : { $typeName: "google.protobuf.Duration", ...durationOf(value * 1000) };
  };
  for (const [field, name] of Object.entries(SPANS) as [keyof typeof SPANS, (typeof SPANS)[keyof typeof SPANS]][]) {
    const value = seconds(form[field]);
    if (value === undefined) delete policy[name];
    else policy[name] = value;
  }
  for (const [field, name] of Object.entries(CHOSEN) as [Chosen, (typeof CHOSEN)[Chosen]][])
    (policy as Record<typeof name, number>)[name] = Number(form[field]);
  // Nobody has a lease otherwise.
  if (policy.fleetMode !== FleetMode.FENCED) delete policy.lease;
  policy.drainRate = number(form.rate) ?? 0;

  const percent = number(form.denials);
  const tenants = linesOf(form.stoppers).map((line) => (line.includes("/") ? line : `tenants/${line}`));
  if (percent === undefined && tenants.length === 0) delete policy.denials;
  else
    policy.denials = create(DenialPolicySchema, { tenants, ...(percent === undefined ? {} : { percentMax: percent }) });

  const duration = seconds(form.bakeFor);
  if (form.bake !== YES) delete policy.bake;
  else
    policy.bake = create(BakeSchema, {
      ...(duration === undefined ? {} : { duration }),
      errorPermilleMax: number(form.bakeErrors) ?? 0,
      requestsMin: BigInt(number(form.bakeRequests) ?? 0),
      healthFailuresMax: number(form.bakeHealth) ?? 0,
    });
  return policy;
}
