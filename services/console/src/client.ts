import { Code, ConnectError, createClient, type Interceptor } from "@connectrpc/connect";
import { createGrpcWebTransport } from "@connectrpc/connect-web";
import { AuditService } from "./generated/switchover/audit/v1/audit_pb";
import { session } from "./caller";
import { AccessService } from "./generated/switchover/access/v1/callers_pb";
import { heard, unheard } from "./connection";
import { faultOf, isAborted } from "./fault";
import { ApplicationService } from "./generated/switchover/catalog/v1/applications_pb";
import { FleetService } from "./generated/switchover/catalog/v1/fleet_pb";
import { ProposalService } from "./generated/switchover/catalog/v1/proposals_pb";
import { SwitchService } from "./generated/switchover/catalog/v1/switches_pb";
import { TrafficService } from "./generated/switchover/catalog/v1/traffic_pb";
import { DeliveryService, InboxService } from "./generated/switchover/notification/v1/notification_pb";
import { SubscriptionService } from "./generated/switchover/notification/v1/subscriptions_pb";
import { BatchService } from "./generated/switchover/provisioning/v1/batches_pb";
import { ConsentService } from "./generated/switchover/provisioning/v1/consent_pb";
import {
  CredentialService,
  ProvisioningService,
  TenantService,
} from "./generated/switchover/provisioning/v1/tenants_pb";
import { Value } from "./value";

/** How long a call may take; streams may take as long as they like. */
const CALL_MS = 20_000;

/** Grows whenever a service does not know who calls. */
export const unknown = new Value(0);

/** Says who calls, and notes whether anybody answers. */
const introduce: Interceptor = (next) => async (request) => {
  const now = session.get();
  if (now.kind === "known") {
    if (now.csrf !== "") request.header.set("x-switchover-csrf", now.csrf);
    if (now.development && !request.header.has("x-switchover-role")) {
      request.header.set("x-switchover-role", now.caller.role);
      request.header.set("x-switchover-subject", now.caller.subject);
    }
  }
  try {
    const answer = await next(request);
    heard();
    return answer;
  } catch (thrown) {
    note(thrown);
    throw thrown;
  }
};

/** Notes what an error says of the connection. */
export function note(thrown: unknown): void {
  if (isAborted(thrown)) return;
  if (faultOf(thrown).kind === "away") unheard();
  else heard();
  if (ConnectError.from(thrown).code === Code.Unauthenticated) unknown.set(unknown.get() + 1);
}

const transport = createGrpcWebTransport({
  baseUrl: globalThis.location?.origin ?? "http://localhost",
  interceptors: [introduce],
  defaultTimeoutMs: CALL_MS,
});

/** What streams are opened with: they end when their reader goes, not by time. */
export const ENDLESS = { timeoutMs: 0 } as const;

export const applications = createClient(ApplicationService, transport);
export const switches = createClient(SwitchService, transport);
export const fleet = createClient(FleetService, transport);
export const traffic = createClient(TrafficService, transport);
export const tenants = createClient(TenantService, transport);
export const provisionings = createClient(ProvisioningService, transport);
export const credentials = createClient(CredentialService, transport);
export const batches = createClient(BatchService, transport);
export const consents = createClient(ConsentService, transport);
export const inboxes = createClient(InboxService, transport);
export const deliveries = createClient(DeliveryService, transport);
export const proposals = createClient(ProposalService, transport);
export const callers = createClient(AccessService, transport);
export const audits = createClient(AuditService, transport);
export const subscriptions = createClient(SubscriptionService, transport);

/** Names a request, so that sending it again is harmless. */
export function newRequestId(): string {
  // `randomUUID` is not there where the page came over plain HTTP from another machine.
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Reads every page of a list, up to so many entries. */
export async function all<T>(
  page: (token: string) => Promise<{ readonly items: T[]; readonly next: string }>,
  most = 5000,
): Promise<T[]> {
  const found: T[] = [];
  let token = "";
  do {
    const { items, next } = await page(token);
    found.push(...items);
    token = next;
  } while (token !== "" && found.length < most);
  return found;
}
