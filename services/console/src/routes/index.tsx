import type { ComponentChild } from "preact";
import { caller, type Role } from "../caller";
import { parts } from "../router";
import { Agreements } from "./agreements";
import { Application, type Part } from "./application";
import { Applications } from "./applications";
import { Audit } from "./audit";
import { Decision } from "./decision";
import { Gateways } from "./gateways";
import { InboxPage, TABS } from "./inbox";
import { Mails } from "./mails";
import { Notices } from "./notices";
import { NotHere } from "./not-here";
import { SwitchPage } from "./switch";
import { Tenants } from "./tenants";
import { Testing } from "./testing";

/** What is shown at an address. Pages of one kind are parts of one page. */
export interface Page {
  readonly kind: string;
  draw(): ComponentChild;
}

const PARTS: readonly Part[] = ["versions", "provisioning", "settings", "history"];

/** Returns the page of a path, for whoever looks. */
export function pageOf(path: string, role: Role = caller().role): Page {
  const [first, second, third, fourth, ...rest] = parts(path);
  const missing: Page = { kind: "missing", draw: () => <NotHere /> };
  if (rest.length > 0) return missing;
  if (role === "tester") return first === undefined ? { kind: "testing", draw: () => <Testing /> } : missing;
  if (first === "inbox" && third === undefined) {
    const tab = second === undefined ? TABS[0] : TABS.find((known) => known.path === second);
    return tab === undefined ? missing : { kind: "inbox", draw: () => <InboxPage tab={tab} /> };
  }
  if (first === "notices" && second === undefined) return { kind: "notices", draw: () => <Notices /> };
  if (role === "tenant-admin") return tenantPage(missing, first, second, third);
  if (first === undefined) return { kind: "applications", draw: () => <Applications /> };
  if (first === "applications" && second !== undefined) {
    const shown = PARTS.find((known) => known === (third ?? "versions"));
    if (shown !== undefined && fourth === undefined)
      return { kind: `application ${second}`, draw: () => <Application id={second} part={shown} /> };
    if (third === "switches" && fourth !== undefined)
      return { kind: `switch ${fourth}`, draw: () => <SwitchPage key={fourth} application={second} id={fourth} /> };
  }
  if (second !== undefined) return missing;
  if (first === "applications") return { kind: "applications", draw: () => <Applications /> };
  if (first === "tenants") return { kind: "tenants", draw: () => <Tenants /> };
  if (first === "gateways") return { kind: "gateways", draw: () => <Gateways /> };
  if (first === "audit") return { kind: "audit", draw: () => <Audit /> };
  if (first === "mails") return { kind: "mails", draw: () => <Mails /> };
  return missing;
}

function tenantPage(
  missing: Page,
  first: string | undefined,
  second: string | undefined,
  third: string | undefined,
): Page {
  if (first === undefined || (first === "applications" && second === undefined))
    return { kind: "agreements", draw: () => <Agreements /> };
  if (first === "applications" && second !== undefined && third !== undefined)
    return {
      kind: `decision ${second} ${third}`,
      draw: () => <Decision key={`${second} ${third}`} application={second} version={third} />,
    };
  return missing;
}
