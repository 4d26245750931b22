import { create } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { read as readSession } from "../src/caller";
import { readList } from "../src/csv";
import { durationOf, span } from "../src/format";
import { SwitchSchema, SwitchState } from "../src/generated/switchover/catalog/v1/switches_pb";
import {
  ProvisioningState,
  WatchProvisioningsResponseSchema,
  type Provisioning,
} from "../src/generated/switchover/provisioning/v1/tenants_pb";
import { apply } from "../src/provisionings";
import { after, readReceipt } from "../src/receipt";
import { idIn, idOf, parts, pathOf } from "../src/router";
import { cancellable, stepsOf } from "../src/steps";

describe("a list of tenants", () => {
  test("may be short names alone", () => {
    expect(readList("anna\n bert \r\n\ntenants/cleo")).toEqual({
      rows: ["anna", "bert", "cleo"].map((tenant) => ({ tenant, displayName: "", contacts: [], onRecord: "" })),
    });
  });

  test("may be CSV with quotation marks, commas and line ends", () => {
    const text = '\uFEFFtenant,display_name,contacts\nanna,"Anna ""A"", and\nsons",a@a.example; b@a.example\n';
    expect(readList(text)).toEqual({
      rows: [
        { tenant: "anna", displayName: 'Anna "A", and\nsons', contacts: ["a@a.example", "b@a.example"], onRecord: "" },
      ],
    });
  });

  test("is not taken when a line is wrong, and each wrong line is told", () => {
    expect(readList("tenant,display_name\nanna,A\nAnna,B\nbert\nanna,C")).toEqual({
      wrong: [
        { line: 3, why: "tenant", text: "Anna" },
        { line: 4, why: "columns", text: "bert" },
        { line: 5, why: "twice", text: "anna" },
      ],
    });
    expect(readList("tenant,colour\nanna,red")).toEqual({ wrong: [{ line: 1, why: "column", text: "colour" }] });
    expect(readList('tenant,display_name\nanna,"A')).toEqual({ wrong: [{ line: 2, why: "quote", text: "anna" }] });
    expect(readList(" \n")).toEqual({ wrong: [{ line: 1, why: "empty", text: "" }] });
    const many = Array.from({ length: 501 }, (_, place) => `t${place}`).join("\n");
    expect(readList(many)).toEqual({ wrong: [{ line: 501, why: "many", text: "" }] });
  });
});

test("spans keep their nanoseconds", () => {
  for (const milliseconds of [0, 1, 0.5, 1500, 86_400_000]) {
    const { seconds, nanos } = durationOf(milliseconds);
    expect(span({ $typeName: "google.protobuf.Duration", seconds, nanos })).toBeCloseTo(milliseconds, 6);
  }
});

test("addresses may hold whatever a name may", () => {
  const path = pathOf("applications", "a/b", "2.0+x");
  expect(parts(path)).toEqual(["applications", "a/b", "2.0+x"]);
  expect(parts("/%E0%A4%A")).toEqual(["%E0%A4%A"]);
  expect(idOf("applications/shop/versions/2.0")).toBe("2.0");
  expect(idIn("applications/shop/versions/2.0", "applications")).toBe("shop");
  expect(idIn("applications/shop", "versions")).toBe("");
});

describe("the steps of a switch", () => {
  const at = (milliseconds: number) => ({
    seconds: BigInt(Math.floor(milliseconds / 1000)),
    nanos: (milliseconds % 1000) * 1e6,
  });

  test("are those behind it, the one that it is at, and those ahead", () => {
    const one = create(SwitchSchema, {
      state: SwitchState.HOLDING,
      createTime: at(1000),
      steps: [
        { state: SwitchState.PROVISIONING, startTime: at(1000) },
        { state: SwitchState.HOLDING, startTime: at(1250) },
      ],
    });
    const steps = stepsOf(one);
    expect(steps[0]).toEqual({ state: SwitchState.PROVISIONING, stand: "done", took: 250, began: 0 });
    expect(steps[1]?.stand).toBe("now");
    expect(steps.slice(2).map(({ state, stand }) => [state, stand])).toEqual(
      [SwitchState.RELEASING, SwitchState.DRAINING, SwitchState.SETTLING, SwitchState.SUCCEEDED].map((state) => [
        state,
        "ahead",
      ]),
    );
    expect(cancellable(one)).toBe(true);
  });

  test("have nothing ahead once it is given up, and then it cannot be cancelled", () => {
    const one = create(SwitchSchema, {
      state: SwitchState.FAILED,
      createTime: at(0),
      steps: [
        { state: SwitchState.PREPARING, startTime: at(0) },
        { state: SwitchState.FAILED, startTime: at(5) },
      ],
    });
    expect(stepsOf(one).map(({ stand }) => stand)).toEqual(["done", "done"]);
    expect(cancellable(one)).toBe(false);
    expect(cancellable(create(SwitchSchema, { state: SwitchState.DRAINING, commitTime: at(1) }))).toBe(false);
  });
});

test("a change brings a provisioning where it led, known before or not", () => {
  const known = new Map<string, Provisioning>();
  const name = "tenants/anna/applications/shop/provisionings/1.0";
  apply(
    known,
    create(WatchProvisioningsResponseSchema, {
      provisionings: [{ name, state: ProvisioningState.PROVISIONED, etag: "1" }],
    }),
  );
  apply(
    known,
    create(WatchProvisioningsResponseSchema, {
      changes: [
        { provisioning: name, state: ProvisioningState.DENIED, actor: "people/x" },
        { provisioning: `${name}1`, state: ProvisioningState.REQUESTED },
      ],
    }),
  );
  expect(known.get(name)).toMatchObject({ state: ProvisioningState.DENIED, stateActor: "people/x", etag: "1" });
  expect(known.get(`${name}1`)?.state).toBe(ProvisioningState.REQUESTED);
});

test("a receipt of another form is not guessed at", () => {
  expect(readReceipt("{}")).toBeUndefined();
  expect(readReceipt("no")).toBeUndefined();
  const receipt = readReceipt('{"form":"switchover-receipt-1","confirmed_at":"2026-11-28T08:00:00.9Z"}');
  expect(receipt).toBeDefined();
  if (receipt !== undefined)
    expect([after(receipt, "2026-11-28T08:00:01.1005Z"), after(receipt, null)]).toEqual([
      expect.closeTo(200.5, 2),
      undefined,
    ]);
});

test("whoever the edge does not know is a stranger", () => {
  expect(readSession({ signed_in: false, login_url: "/session/login" })).toEqual({
    kind: "stranger",
    loginUrl: "/session/login",
    csrf: "",
    message: "",
    ended: false,
  });
  expect(readSession(null).kind).toBe("stranger");
  expect(readSession({ signed_in: false, csrf: "c", message: "No role." })).toMatchObject({
    csrf: "c",
    message: "No role.",
  });
  expect(readSession({ signed_in: true, role: "wizard", subject: "people/x" }).kind).toBe("stranger");
  expect(readSession({ signed_in: true, role: "operator-viewer", subject: "people/x", csrf: "c" })).toEqual({
    kind: "known",
    caller: { role: "operator-viewer", subject: "people/x" },
    csrf: "c",
    development: false,
  });
});
