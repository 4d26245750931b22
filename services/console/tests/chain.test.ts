import { create, fromJson, type JsonValue } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { check, digest } from "../src/chain";
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
