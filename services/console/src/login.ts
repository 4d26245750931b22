import { create } from "@bufbuild/protobuf";
import {
  LoginPolicySchema,
  LoginRuleSchema,
  type LoginPolicy,
  type LoginRule,
} from "./generated/switchover/catalog/v1/applications_pb";
import { lineNumber, linesOf } from "./lines";

/** Writes the rules of a login as they are typed: one a line, `POST,DELETE /api = editor`. */
export function sayRules(login: LoginPolicy | undefined): string {
  return (login?.rules ?? []).map(sayRule).join("\n");
}

function sayRule({ prefix, methods, needs }: LoginRule): string {
  return `${methods.length === 0 ? "" : `${methods.join(",")} `}${prefix} = ${sayNeeds(needs)}`;
}

function sayNeeds(needs: LoginRule["needs"]): string {
  switch (needs.case) {
    case "public":
      return "public";
    case "role":
      return needs.value === "public" || needs.value === "signed-in" ? `role:${needs.value}` : needs.value;
    case "signedIn":
    case undefined:
      return "signed-in";
  }
}

/** Reads rules as they are typed; answers with the lines that are none, counted from 1, if there are any. */
export function readRules(text: string): { readonly login: LoginPolicy } | { readonly wrong: readonly number[] } {
  const read = linesOf(text).map(readRule);
  const wrong = read.flatMap((rule, place) => (rule === undefined ? [lineNumber(text, place)] : []));
  if (wrong.length > 0) return { wrong };
  return { login: create(LoginPolicySchema, { rules: read.filter((rule) => rule !== undefined) }) };
}

function readRule(line: string): LoginRule | undefined {
  const at = line.lastIndexOf("=");
  const [place, needs] = [line.slice(0, at).trim(), line.slice(at + 1).trim()];
  if (at < 0 || needs === "" || place === "") return undefined;
  const slash = place.startsWith("/") ? 0 : place.indexOf(" /") + 1;
  if (slash === 0 && !place.startsWith("/")) return undefined;
  return create(LoginRuleSchema, {
    prefix: place.slice(slash),
    methods: place
      .slice(0, slash)
      .split(/[, ]+/)
      .filter((method) => method !== "")
      .map((method) => method.toUpperCase()),
    needs: needsOf(needs),
  });
}

function needsOf(said: string): LoginRule["needs"] {
  if (said === "public") return { case: "public", value: { $typeName: "switchover.catalog.v1.LoginRule.Public" } };
  if (said === "signed-in")
    return { case: "signedIn", value: { $typeName: "switchover.catalog.v1.LoginRule.SignedIn" } };
  return { case: "role", value: said.replace(/^role:/, "") };
}
