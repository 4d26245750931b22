import { create } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { readContacts, sayContacts } from "../src/contacts";
import { merge, same } from "../src/draft";
import { durationOf } from "../src/format";
import {
  LoginPolicySchema,
  SwitchPolicySchema,
  VersionSchema,
} from "../src/generated/switchover/catalog/v1/applications_pb";
import { readRules, sayRules } from "../src/login";
import { notNumbers, policyOf, readNumber, readWhole, typed } from "../src/policy";
import { rolesOf } from "../src/roles";
import { readStatuses, typedVersion, unreadable, versionOf } from "../src/version";

describe("a form that somebody else was faster than", () => {
  const before = { name: "Shop", about: "Sells", mode: "1" };

  test("keeps what was typed, follows where nothing was, and tells both", () => {
    const typedHere = { ...before, name: "The shop" };
    const now = { name: "Store", about: "Sells all", mode: "1" };
    expect(merge(before, typedHere, now)).toEqual({
      typed: { name: "The shop", about: "Sells all", mode: "1" },
      changes: [
        { field: "name", before: "Shop", now: "Store", clash: true },
        { field: "about", before: "Sells", now: "Sells all", clash: false },
      ],
    });
  });

  test("has no clash where both typed the same, and tells nothing where nothing of it changed", () => {
    const both = { ...before, name: "Store" };
    expect(merge(before, both, both).changes).toEqual([{ field: "name", before: "Shop", now: "Store", clash: false }]);
    expect(merge(before, both, before)).toEqual({ typed: both, changes: [] });
    expect([same(before, { ...before }), same(before, both)]).toEqual([true, false]);
  });
});

describe("a policy", () => {
  test("comes out of its form as it went in", () => {
    const policy = create(SwitchPolicySchema, {
      drainTimeout: durationOf(1500),
      holdTimeout: durationOf(100),
      drainRate: 7,
      denials: { percentMax: 0, tenants: ["tenants/acme", "tenants/anna"] },
      bake: { duration: durationOf(90_000), errorPermilleMax: 5, requestsMin: 1_000_000n, healthFailuresMax: 2 },
      overlap: 3,
      overlapTimeout: durationOf(2500),
      tenantFailures: 2,
      scopeGrowth: 2,
      fleetMode: 2,
      lease: durationOf(20_000),
    });
    expect(policyOf(typed(policy), policy)).toEqual(policy);
    expect(typed(policy)).toMatchObject({ stoppers: "acme\nanna", bake: "yes", bakeFor: "90", lease: "20" });
  });

  test("has no watch and no lease where none is ticked or chosen", () => {
    const policy = create(SwitchPolicySchema, { bake: { errorPermilleMax: 5 }, fleetMode: 2, lease: durationOf(1000) });
    const off = policyOf({ ...typed(policy), bake: "", fleetMode: "1" }, policy);
    expect([off.bake, off.lease]).toEqual([undefined, undefined]);
  });

  test("takes numbers with a comma, and nothing that is none", () => {
    expect([readNumber("1,5"), readNumber(" "), readNumber("-1"), readNumber("five")]).toEqual([
      1.5,
      "default",
      undefined,
      undefined,
    ]);
    expect([readWhole("2"), readWhole("2.5"), readWhole("99999999999"), readWhole("")]).toEqual([
      2,
      undefined,
      undefined,
      "default",
    ]);
    expect([...notNumbers({ ...typed(undefined), drain: "soon", bakeErrors: "0.5" })]).toEqual([
      ["drain", "number"],
      ["bakeErrors", "whole"],
    ]);
  });
});

describe("a version", () => {
  test("comes out of its form as it went in", () => {
    const version = create(VersionSchema, {
      upstream: "http://127.0.0.1:7111",
      health: {
        path: "/up",
        expectedStatuses: [
          { first: 200, last: 299 },
          { first: 401, last: 401 },
        ],
        timeout: durationOf(1500),
      },
      roles: [{ name: "clerk", description: "Takes = orders" }],
      appCredentials: { scopes: ["read", "write"] },
    });
    expect(create(VersionSchema, versionOf(typedVersion(version)))).toEqual(version);
    expect(versionOf({ ...typedVersion(version), needs: "" })).not.toHaveProperty("appCredentials");
  });

  test("is healthy by statuses, not by words", () => {
    expect(readStatuses(" 200–204,301 ")).toEqual([
      { first: 200, last: 204 },
      { first: 301, last: 301 },
    ]);
    expect([readStatuses(""), readStatuses("fine"), readStatuses("20")]).toEqual([[], undefined, undefined]);
    const form = typedVersion(create(VersionSchema, {}));
    expect(unreadable({ ...form, statuses: "fine", timeout: "soon" })).toEqual(["statuses", "timeout"]);
  });
});

describe("the rules of a login", () => {
  test("are written as the command line takes them, and read again", () => {
    const login = create(LoginPolicySchema, {
      rules: [
        { prefix: "/admin", needs: { case: "role", value: "admin" } },
        { prefix: "/health", needs: { case: "public", value: {} } },
        { prefix: "/", needs: { case: "signedIn", value: {} } },
        { prefix: "/a b=c", methods: ["POST", "DELETE"], needs: { case: "role", value: "public" } },
      ],
    });
    const said = sayRules(login);
    expect(said.split("\n")).toEqual([
      "/admin = admin",
      "/health = public",
      "/ = signed-in",
      "POST,DELETE /a b=c = role:public",
    ]);
    expect(readRules(said)).toEqual({ login });
    expect(sayRules(undefined)).toBe("");
  });

  test("are told by their line when they are none", () => {
    expect(readRules("/admin\n/ok = x\n\n = x\nadmin = x")).toEqual({ wrong: [1, 4, 5] });
  });
});

test("roles are read line by line", () => {
  expect(rolesOf("clerk = Takes = orders\n\n  user")).toEqual([
    { name: "clerk", description: "Takes = orders" },
    { name: "user", description: "" },
  ]);
});

test("contacts keep their names, and addresses that hold a sign", () => {
  const contacts = [
    { email: "a@a.example", displayName: "" },
    { email: "b=c@b.example", displayName: "Bea = B" },
  ];
  expect(sayContacts(contacts)).toBe("a@a.example\nb=c@b.example = Bea = B");
  expect(readContacts(`${sayContacts(contacts)}\n\n d@d.example=Dora`)).toEqual([
    ...contacts,
    { email: "d@d.example", displayName: "Dora" },
  ]);
});
