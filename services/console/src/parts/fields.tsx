import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef } from "preact/hooks";
import type { Fault } from "../fault";
import { t } from "../language";
import { lineNumber } from "../lines";
import { FaultNote } from "./notes";

interface Base {
  readonly label: string;
  readonly hint?: string;
  /** What is wrong with it; empty or none if nothing. */
  readonly wrong?: string | undefined;
}

interface TextProps extends Base {
  readonly value: string;
  readonly onValue: (value: string) => void;
  readonly required?: boolean;
  readonly max?: number;
  /** Which keys a phone offers. */
  readonly keys?: "text" | "email" | "url" | "decimal";
  readonly rows?: number;
  readonly sample?: string;
  /** A name or code that no language has: neither corrected nor translated. */
  readonly code?: boolean;
  readonly unit?: string;
  readonly disabled?: boolean;
}

/** Text to be typed, with its name above and what is wrong with it below. */
export function Text(props: TextProps) {
  const { label, hint, wrong, value, onValue, required = false, max, keys, rows, sample, code = false, unit } = props;
  const { disabled = false } = props;
  const id = useId();
  const shared = {
    id,
    value,
    required,
    disabled,
    maxLength: max,
    placeholder: sample,
    class: code ? "input input-code" : "input",
    "aria-invalid": wrong ? true : undefined,
    "aria-describedby": describe(id, hint, wrong),
    autocomplete: "off",
    spellcheck: code ? false : undefined,
    autocapitalize: code ? "none" : undefined,
  } as const;
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {rows === undefined ? (
        <span class={unit === undefined ? undefined : "with-unit"}>
          <input {...shared} type="text" inputMode={keys} onInput={(event) => onValue(event.currentTarget.value)} />
          {unit !== undefined && <span class="unit soft">{unit}</span>}
        </span>
      ) : (
        <textarea {...shared} rows={rows} onInput={(event) => onValue(event.currentTarget.value)} />
      )}
      <Below id={id} hint={hint} wrong={wrong} />
    </div>
  );
}

/** A moment to come, in the reader's own zone; none while it is empty. */
export function Moment({
  label,
  hint,
  wrong,
  onValue,
}: Base & { readonly onValue: (moment: Date | undefined) => void }) {
  const id = useId();
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <input
        id={id}
        type="datetime-local"
        class="input"
        aria-invalid={wrong ? true : undefined}
        aria-describedby={describe(id, hint, wrong)}
        onInput={(event) => {
          const said = new Date(event.currentTarget.value);
          onValue(Number.isNaN(said.getTime()) ? undefined : said);
        }}
      />
      <Below id={id} hint={hint} wrong={wrong} />
    </div>
  );
}

interface SelectProps extends Base {
  readonly value: string;
  readonly onValue: (value: string) => void;
  readonly options: readonly (readonly [string, string])[];
  readonly disabled?: boolean;
}

/** One of several, where there may be many. */
export function Select({ label, hint, wrong, value, onValue, options, disabled = false }: SelectProps) {
  const id = useId();
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <select
        id={id}
        class="input"
        value={value}
        disabled={disabled}
        aria-invalid={wrong ? true : undefined}
        aria-describedby={describe(id, hint, wrong)}
        onChange={(event) => onValue(event.currentTarget.value)}
      >
        {options.map(([option, text]) => (
          <option key={option} value={option}>
            {text}
          </option>
        ))}
      </select>
      <Below id={id} hint={hint} wrong={wrong} />
    </div>
  );
}

/** A yes or no. */
export function Check({
  label,
  hint,
  checked,
  onValue,
  disabled = false,
}: Base & { readonly checked: boolean; readonly onValue: (checked: boolean) => void; readonly disabled?: boolean }) {
  const id = useId();
  return (
    <div class="field field-check">
      <input
        id={id}
        type="checkbox"
        checked={checked}
        disabled={disabled}
        aria-describedby={describe(id, hint, undefined)}
        onChange={(event) => onValue(event.currentTarget.checked)}
      />
      <label for={id}>{label}</label>
      <Below id={id} hint={hint} wrong={undefined} />
    </div>
  );
}

interface ChoicesProps<T extends string> {
  readonly legend: string;
  readonly value: T | undefined;
  readonly onValue: (value: T) => void;
  readonly options: readonly { readonly value: T; readonly label: string; readonly hint?: string }[];
  readonly wrong?: string | undefined;
}

/** One of few, each with what it means. */
export function Choices<T extends string>({ legend, value, onValue, options, wrong }: ChoicesProps<T>) {
  const id = useId();
  return (
    <fieldset class="choices" aria-describedby={describe(id, undefined, wrong)}>
      <legend>{legend}</legend>
      {options.map((option) => (
        <label key={option.value} class="choice">
          <input
            type="radio"
            name={id}
            value={option.value}
            checked={value === option.value}
            onChange={() => onValue(option.value)}
          />
          <span>
            <b>{option.label}</b>
            {option.hint !== undefined && <span class="soft">{option.hint}</span>}
          </span>
        </label>
      ))}
      <Below id={id} hint={undefined} wrong={wrong} />
    </fieldset>
  );
}

/** The end of a form: what sends it, and what leaves it. */
export function Buttons({
  send,
  busy,
  danger = false,
  onCancel,
  children,
}: {
  readonly send: string;
  readonly busy: boolean;
  /** What is sent cannot be taken back. */
  readonly danger?: boolean;
  readonly onCancel?: () => void;
  readonly children?: ComponentChildren;
}) {
  return (
    <div class="dialog-foot">
      {children}
      {onCancel !== undefined && (
        <button type="button" class="button" onClick={onCancel}>
          {t.act.cancel}
        </button>
      )}
      <button type="submit" class={`button ${danger ? "button-danger" : "button-main"}`} aria-disabled={busy}>
        {busy ? t.act.busy : send}
      </button>
    </div>
  );
}

/** Returns what a fault says of a field, by the end of its path. */
export function wrongWith(fault: Fault | undefined, ...fields: readonly string[]): string | undefined {
  const found = fault?.fields.find(({ field }) =>
    fields.some(
      (name) =>
        field === name || field.endsWith(`.${name}`) || field.startsWith(`${name}[`) || field.includes(`.${name}[`),
    ),
  );
  return found?.text;
}

/** Returns what a fault says of a list that is typed one a line, and of which line of what was typed. */
export function wrongLine(fault: Fault | undefined, list: string, typed: string): string | undefined {
  const pattern = new RegExp(`(?:^|\\.)${list}\\[(\\d+)\\]`);
  for (const { field, text } of fault?.fields ?? []) {
    const found = pattern.exec(field);
    if (found !== null) return `${t.act.line(lineNumber(typed, Number(found[1])))}: ${text}`;
  }
  return wrongWith(fault, list);
}

/** Fields that belong together, under their name. */
export function Group({
  legend,
  locked = false,
  children,
}: {
  readonly legend: string;
  readonly locked?: boolean;
  readonly children: ComponentChildren;
}) {
  return (
    <fieldset class="group" disabled={locked}>
      <legend>{legend}</legend>
      <div class="form-grid">{children}</div>
    </fieldset>
  );
}

interface FormProps {
  readonly onSend: () => void;
  /** What went wrong when it was sent. */
  readonly fault: Fault | undefined;
  /** What more there is to say of that. */
  readonly told?: ComponentChildren;
  /** What sends it, below what went wrong. */
  readonly foot: ComponentChildren;
  readonly children: ComponentChildren;
}

/** A form that the page itself sends. What is wrong gets the focus, so that it is read out. */
export function Form({ onSend, fault, told, foot, children }: FormProps) {
  const form = useRef<HTMLFormElement>(null);
  useEffect(() => {
    if (fault !== undefined) form.current?.querySelector<HTMLElement>("[aria-invalid]")?.focus();
  }, [fault]);
  const send = (event: Event): void => {
    event.preventDefault();
    onSend();
  };
  return (
    <form ref={form} onSubmit={send} noValidate>
      {children}
      <FaultNote fault={fault}>{told}</FaultNote>
      {foot}
    </form>
  );
}

function describe(id: string, hint: string | undefined, wrong: string | undefined): string | undefined {
  const by = [wrong ? `${id}-wrong` : "", hint ? `${id}-hint` : ""].filter((part) => part !== "");
  return by.length === 0 ? undefined : by.join(" ");
}

function Below({
  id,
  hint,
  wrong,
}: {
  readonly id: string;
  readonly hint: string | undefined;
  readonly wrong: string | undefined;
}) {
  return (
    <>
      {hint && (
        <p class="hint" id={`${id}-hint`}>
          {hint}
        </p>
      )}
      {wrong && (
        <p class="wrong" id={`${id}-wrong`} lang={t.language === "en" ? undefined : "en"}>
          {wrong}
        </p>
      )}
    </>
  );
}
