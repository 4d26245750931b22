import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { Code, ConnectError } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { faultOf } from "../src/fault";
import { wrongWith } from "../src/parts/fields";

function text(field: number, value: string): (writer: BinaryWriter) => BinaryWriter {
  return (writer) => writer.tag(field, WireType.LengthDelimited).string(value);
}

function message(...fields: ((writer: BinaryWriter) => BinaryWriter)[]): Uint8Array {
  return fields.reduce((writer, field) => field(writer), new BinaryWriter()).finish();
}

function within(field: number, bytes: Uint8Array): (writer: BinaryWriter) => BinaryWriter {
  return (writer) => writer.tag(field, WireType.LengthDelimited).bytes(bytes);
}

function failed(code: Code, ...details: { type: string; value: Uint8Array }[]): ConnectError {
  const error = new ConnectError("no", code);
  error.details.push(...details);
  return error;
}

test("a wrong field is told at its field", () => {
  const violation = message(text(1, "application.display_name"), text(2, "is too long"));
  const details = [
    { type: "google.rpc.ErrorInfo", value: message(text(1, "INVALID_FIELDS"), text(2, "switchover")) },
    {
      type: "google.rpc.BadRequest",
      value: message(
        within(1, violation),
        within(1, message(text(1, "version.roles[3].name"), text(2, "is there twice"))),
      ),
    },
  ];
  const fault = faultOf(failed(Code.InvalidArgument, ...details));
  expect(fault.kind).toBe("fields");
  expect(fault.reason).toBe("INVALID_FIELDS");
  expect(wrongWith(fault, "display_name")).toBe("is too long");
  expect(wrongWith(fault, "roles")).toBe("is there twice");
  expect(wrongWith(fault, "upstream")).toBeUndefined();
});

test("what to do next is told", () => {
  const help = message(within(1, message(text(1, "Look at it again."), text(2, "switchover apps get shop"))));
  const fault = faultOf(
    failed(
      Code.Aborted,
      { type: "google.rpc.Help", value: help },
      { type: "google.rpc.ErrorInfo", value: message(text(1, "STALE_ETAG")) },
    ),
  );
  expect(fault.help).toEqual(["Look at it again."]);
  expect(fault.kind).toBe("changed");
});

test("details that cannot be read are passed over", () => {
  const fault = faultOf(
    failed(
      Code.FailedPrecondition,
      { type: "google.rpc.BadRequest", value: new Uint8Array([0x0a, 0xff]) },
      { type: "other", value: new Uint8Array() },
    ),
  );
  expect(fault).toMatchObject({ kind: "refused", fields: [], reason: "", message: "no" });
});

test("nobody there is not the same as a refusal", () => {
  expect(faultOf(new TypeError("Failed to fetch")).kind).toBe("away");
  expect(faultOf(failed(Code.Unavailable)).kind).toBe("away");
  expect(faultOf(failed(Code.PermissionDenied)).kind).toBe("forbidden");
  expect(faultOf(failed(Code.Unauthenticated)).kind).toBe("unknown");
  expect(faultOf(failed(Code.Internal)).kind).toBe("broken");
});
