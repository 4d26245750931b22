import { clone, create } from "@bufbuild/protobuf";
import { durationOf, span } from "./format";
import {
  DenialPolicySchema,
  SwitchPolicySchema,
  type SwitchPolicy,
} from "./generated/switchover/catalog/v1/applications_pb";

/** The fields of a policy as they are typed: spans in seconds. */
export interface Typed {
  readonly prepare: string;
  readonly hold: string;
  readonly drain: string;
  readonly rate: string;
  readonly notice: string;
  readonly grace: string;
  readonly denials: string;
  readonly overlap: string;
  readonly failures: string;
  readonly growth: string;
  readonly fleetMode: string;
}

/** The fields that are numbers. */
export type Numbered = "prepare" | "hold" | "drain" | "rate" | "notice" | "grace" | "denials";

/** Writes a policy into a form. */
export function typed(policy: SwitchPolicy | undefined): Typed {
  const of = policy ?? create(SwitchPolicySchema);
  const seconds = (duration: SwitchPolicy["drainTimeout"]): string =>
    duration === undefined ? "" : String(span(duration) / 1000);
  const choice = (value: number): string => String(value === 0 ? 1 : value);
  return {
    prepare: seconds(of.prepareTimeout),
    hold: seconds(of.holdTimeout),
    drain: seconds(of.drainTimeout),
    rate: of.drainRate === 0 ? "" : String(of.drainRate),
    notice: seconds(of.minimumNotice),
    grace: seconds(of.credentialGrace),
    denials: of.denials?.percentMax === undefined ? "" : String(of.denials.percentMax),
    overlap: choice(of.overlap),
    failures: choice(of.tenantFailures),
    growth: choice(of.scopeGrowth),
    fleetMode: choice(of.fleetMode),
  };
}

/** Reads a number as people type it; none if it is not one. Empty is the default. */
export function readNumber(text: string): number | "default" | undefined {
  const said = text.trim().replace(",", ".");
  if (said === "") return "default";
  const value = Number(said);
  return Number.isFinite(value) && value >= 0 ? value : undefined;
}

/** Returns the fields that are to be numbers and are not. */
export function notNumbers(form: Typed): Numbered[] {
  const fields: Numbered[] = ["prepare", "hold", "drain", "rate", "notice", "grace", "denials"];
  return fields.filter((field) => readNumber(form[field]) === undefined);
}

/** Makes a policy of a form whose numbers are numbers; what the form does not show stays as it is. */
export function policyOf(form: Typed, before: SwitchPolicy | undefined): SwitchPolicy {
  const policy = before === undefined ? create(SwitchPolicySchema) : clone(SwitchPolicySchema, before);
  const number = (text: string): number | undefined => {
    const value = readNumber(text);
    return typeof value === "number" ? value : undefined;
  };
  const set = (
    field: "prepareTimeout" | "holdTimeout" | "drainTimeout" | "minimumNotice" | "credentialGrace",
    text: string,
  ): void => {
    const seconds = number(text);
    if (seconds === undefined) delete policy[field];
    else policy[field] = { $typeName: "google.protobuf.Duration", ...durationOf(seconds * 1000) };
  };
  set("prepareTimeout", form.prepare);
  set("holdTimeout", form.hold);
  set("drainTimeout", form.drain);
  set("minimumNotice", form.notice);
  set("credentialGrace", form.grace);
  policy.drainRate = number(form.rate) ?? 0;
  policy.overlap = Number(form.overlap);
  policy.tenantFailures = Number(form.failures);
  policy.scopeGrowth = Number(form.growth);
  policy.fleetMode = Number(form.fleetMode);
  const percent = number(form.denials);
  const tenants = before?.denials?.tenants ?? [];
  if (percent === undefined && tenants.length === 0) delete policy.denials;
  else
    policy.denials = create(DenialPolicySchema, { tenants, ...(percent === undefined ? {} : { percentMax: percent }) });
  return policy;
}
