import { create, fromJson, type JsonValue } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { canonical, check, digest } from "../src/chain";
import { Role } from "../src/generated/switchover/access/v1/access_pb";
import {
  AuditEntrySchema,
  ExportAuditEntriesResponseSchema,
  type AuditEntry,
  type ExportAuditEntriesResponse,
} from "../src/generated/switchover/audit/v1/audit_pb";
import written from "./written.json";

/** The first two entries of a log, as a catalog wrote them. */
const entries = (): AuditEntry[] => written.map((entry) => fromJson(AuditEntrySchema, entry as JsonValue));

async function* log(of: readonly AuditEntry[], head?: { number: bigint; hash: string }) {
  for (const value of of) yield create(ExportAuditEntriesResponseSchema, { content: { case: "entry", value } });
  if (head !== undefined) yield create(ExportAuditEntriesResponseSchema, { content: { case: "head", value: head } });
}

const checked = (messages: AsyncIterable<ExportAuditEntriesResponse>) => check(messages, () => {});

describe("an audit log", () => {
  test("has the digests that the service wrote", async () => {
    for (const entry of entries()) expect(await digest(entry)).toBe(entry.hash);
  });

  test("binds the person who spoke for a tenant, where one is known", async () => {
    const named = (person: string): AuditEntry =>
      create(AuditEntrySchema, {
        name: "services/catalog/auditEntries/1",
        number: 1n,
        time: { seconds: 1_800_000_000n, nanos: 1000 },
        role: Role.TENANT_ADMIN,
        actor: "tenants/bert",
        person,
        method: "/switchover.catalog.v1.SwitchService/ConfirmUpdate",
        resource: "applications/crm",
        reason: "why",
        requestId: "r-1",
        after: '{"name":"applications/crm"}',
        previousHash: "0".repeat(64),
      });
    // As the services hash this entry: `libs/audit`, `chain/tests.rs`.
    const written = "b27541cdf301bbda3278fefd564da3cebfe26d0afe75a67b46c60e3b00a8927f";
    expect(await digest(named("people/tom"))).toBe(written);
    for (const person of ["people/eve", ""]) expect(await digest(named(person))).not.toBe(written);
    expect(canonical(named(""))).not.toContain("person");
  });

  test("is whole when every entry follows from the one before, up to where the service remembers its end", async () => {
    const of = entries();
    const hash = of.at(-1)?.hash ?? "";
    expect(await checked(log(of, { number: 2n, hash }))).toEqual({ kind: "whole", entries: 2 });
    expect(await checked(log([], { number: 0n, hash: "0".repeat(64) }))).toEqual({ kind: "whole", entries: 0 });
  });

  test("is found to be changed, whatever was changed", async () => {
    const changes: ((entry: AuditEntry) => void)[] = [
      (entry) => (entry.actor = "people/else"),
      (entry) => (entry.after += " "),
      (entry) => (entry.reason = "Because."),
      (entry) => (entry.role = 3),
      (entry) => (entry.number += 1n),
      (entry) => (entry.previousHash = "1".repeat(64)),
      (entry) => entry.time !== undefined && (entry.time.nanos += 1000),
    ];
    for (const change of changes) {
      const of = entries();
      const second = of[1];
      if (second !== undefined) change(second);
      expect((await checked(log(of, { number: 2n, hash: second?.hash ?? "" }))).kind).toBe("broken");
    }
  });

  test("is found to lack an entry, in the middle or at its end", async () => {
    const [first, second] = entries();
    const head = { number: 2n, hash: second?.hash ?? "" };
    expect(await checked(log(second === undefined ? [] : [second], head))).toEqual({ kind: "broken", number: 2n });
    expect(await checked(log(first === undefined ? [] : [first], head))).toEqual({ kind: "short" });
    expect(await checked(log(entries()))).toEqual({ kind: "short" });
  });
});
