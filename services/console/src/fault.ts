import { Code, ConnectError } from "@connectrpc/connect";
import { detailsOf, type FieldFault } from "./details";

/** What kind of thing went wrong, as far as people are concerned. */
export type FaultKind =
  "away" | "late" | "fields" | "refused" | "changed" | "missing" | "forbidden" | "unknown" | "busy" | "broken";

/** An error as people read it. */
export interface Fault {
  readonly kind: FaultKind;
  /** A stable word, such as SWITCH_OPEN; may be empty. */
  readonly reason: string;
  /** The service's own sentence, in English; empty if nobody answered. */
  readonly message: string;
  readonly fields: readonly FieldFault[];
  /** What the service says to do next, in English. */
  readonly help: readonly string[];
  /** Names the request in the services' logs; may be empty. */
  readonly requestId: string;
}

/** Makes of whatever was thrown something that can be shown. */
export function faultOf(thrown: unknown): Fault {
  const error = ConnectError.from(thrown);
  const { reason, fields, help } = detailsOf(error);
  const nobody = !(thrown instanceof ConnectError) || isNetwork(error);
  return {
    kind: nobody ? "away" : kindOf(error.code, reason, fields.length > 0),
    reason,
    message: nobody ? "" : error.rawMessage,
    fields,
    help,
    requestId: error.metadata.get("x-request-id") ?? "",
  };
}

/** Tells whether a call was given up by this page itself. */
export function isAborted(thrown: unknown): boolean {
  return ConnectError.from(thrown).code === Code.Canceled;
}

function kindOf(code: Code, reason: string, fields: boolean): FaultKind {
  if (reason === "STALE_ETAG") return "changed";
  switch (code) {
    case Code.Unavailable:
      return "away";
    case Code.DeadlineExceeded:
      return "late";
    case Code.InvalidArgument:
      return fields ? "fields" : "refused";
    case Code.FailedPrecondition:
    case Code.AlreadyExists:
    case Code.Aborted:
    case Code.OutOfRange:
    case Code.Unimplemented:
      return "refused";
    case Code.NotFound:
      return "missing";
    case Code.PermissionDenied:
      return "forbidden";
    case Code.Unauthenticated:
      return "unknown";
    case Code.ResourceExhausted:
      return "busy";
    default:
      return "broken";
  }
}

/** Tells whether nothing was heard: `fetch` fails so, and a proxy answers so. */
function isNetwork(error: ConnectError): boolean {
  return error.cause instanceof TypeError || (error.code === Code.Unknown && error.cause !== undefined);
}
