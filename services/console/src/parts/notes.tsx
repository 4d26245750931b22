import type { ComponentChildren } from "preact";
import type { Fault } from "../fault";
import { t } from "../language";
import { Icon, type Drawing } from "./icon";

/** Says that something went wrong, why, and what to do next. */
export function FaultNote({
  fault,
  again,
  children,
}: {
  readonly fault: Fault | undefined;
  readonly again?: (() => void) | undefined;
  /** What more there is to say of it. */
  readonly children?: ComponentChildren;
}) {
  if (fault === undefined) return null;
  const known = t.faults.reasons[fault.reason];
  return (
    <div class="note note-bad" role="alert">
      <Icon of="warn" />
      <div>
        <p class="note-title">{t.faults.title[fault.kind]}</p>
        {known !== undefined ? <p>{known}</p> : <Said fault={fault} />}
        <p>{t.faults.next[fault.kind]}</p>
        {children}
        {fault.kind === "broken" && fault.requestId !== "" && (
          <p class="soft">
            {t.faults.request} <code>{fault.requestId}</code>
          </p>
        )}
        {again !== undefined && (
          <button type="button" class="button" onClick={again}>
            {t.act.tryAgain}
          </button>
        )}
      </div>
    </div>
  );
}

/** The service's own words; they are English whatever the page is. */
function Said({ fault }: { readonly fault: Fault }) {
  const words = [fault.message, ...fault.help].filter((sentence) => sentence !== "");
  if (words.length === 0) return null;
  const foreign = t.language !== "en";
  return (
    <>
      {foreign && <p class="soft">{t.faults.says}</p>}
      {words.map((sentence) => (
        <p key={sentence} lang="en">
          {sentence}
        </p>
      ))}
    </>
  );
}

/** Says something in passing. */
export function Note({
  tone = "plain",
  children,
}: {
  readonly tone?: "plain" | "good" | "warn";
  readonly children: ComponentChildren;
}) {
  return (
    <div class={`note note-${tone}`}>
      <div>{children}</div>
    </div>
  );
}

interface EmptyProps {
  readonly of: Drawing;
  readonly title: string;
  readonly text: string;
  /** How the command line does what is to be done next. */
  readonly command?: string;
  readonly children?: ComponentChildren;
}

/** There is nothing here: says what to do so that there is. */
export function Empty({ of, title, text, command, children }: EmptyProps) {
  return (
    <div class="empty">
      <Icon of={of} class="icon empty-icon" />
      <p class="empty-title">{title}</p>
      <p>{text}</p>
      {children}
      {command !== undefined && <Command text={command} />}
    </div>
  );
}

/** How the command line does it. */
export function Command({ text }: { readonly text: string }) {
  return (
    <p class="command">
      <span class="soft">{t.act.asCommand}</span> <code translate={false}>{text}</code>
    </p>
  );
}

/** Holds the place of so many rows that are being asked for. */
export function Skeleton({ rows = 3, tall = false }: { readonly rows?: number; readonly tall?: boolean }) {
  return (
    <div class={tall ? "skeleton skeleton-tall" : "skeleton"} aria-busy="true">
      <span class="hidden">{t.act.loading}</span>
      {Array.from({ length: rows }, (_, row) => (
        <span key={row} class="skeleton-row" aria-hidden="true" />
      ))}
    </div>
  );
}
