import { BinaryReader } from "@bufbuild/protobuf/wire";
import type { ConnectError } from "@connectrpc/connect";

/** What is wrong with one field of a request. */
export interface FieldFault {
  /** Path of the field, such as `application.display_name`. */
  readonly field: string;
  /** For people. */
  readonly text: string;
}

/** What Switchover's errors carry beside their message: `google.rpc` details. */
export interface Details {
  /** A stable word, such as SWITCH_OPEN; empty if none was given. */
  readonly reason: string;
  readonly fields: readonly FieldFault[];
  /** What to do next. */
  readonly help: readonly string[];
}

const NONE: Details = { reason: "", fields: [], help: [] };

/** Reads the details of an error; what cannot be read is passed over. */
export function detailsOf(error: ConnectError): Details {
  return error.details.reduce<Details>((found, detail) => {
    if (!("type" in detail) || !(detail.value instanceof Uint8Array)) return found;
    try {
      return add(found, detail.type, detail.value);
    } catch {
      return found;
    }
  }, NONE);
}

function add(found: Details, type: string, bytes: Uint8Array): Details {
  switch (type) {
    case "google.rpc.ErrorInfo":
      return { ...found, reason: texts(bytes, 1)[0] ?? "" };
    case "google.rpc.BadRequest": {
      const fields = messages(bytes, 1).map((violation) => ({
        field: texts(violation, 1)[0] ?? "",
        text: texts(violation, 2)[0] ?? "",
      }));
      return { ...found, fields: [...found.fields, ...fields] };
    }
    case "google.rpc.Help": {
      const help = messages(bytes, 1).flatMap((link) => texts(link, 1).slice(0, 1));
      return { ...found, help: [...found.help, ...help] };
    }
    default:
      return found;
  }
}

/** Returns the values of a repeated field that holds messages. */
function messages(bytes: Uint8Array, field: number): Uint8Array[] {
  const reader = new BinaryReader(bytes);
  const found: Uint8Array[] = [];
  while (reader.pos < reader.len) {
    const [number, wire] = reader.tag();
    if (number === field) found.push(reader.bytes());
    else reader.skip(wire);
  }
  return found;
}

/** Returns the values of a field that holds text. */
function texts(bytes: Uint8Array, field: number): string[] {
  const decoder = new TextDecoder();
  return messages(bytes, field).map((value) => decoder.decode(value));
}
