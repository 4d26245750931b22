import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef } from "preact/hooks";
import type { Deed } from "../ask";
import { t } from "../language";
import { Icon } from "./icon";
import { FaultNote } from "./notes";

interface Props {
  readonly title: string;
  readonly onClose: () => void;
  /** What was shown once is not closed by a slip of Escape. */
  readonly stubborn?: boolean;
  readonly wide?: boolean;
  readonly children: ComponentChildren;
}

/** A question over the page: the focus goes in, stays in, and goes back to where it was. */
export function Dialog({ title, onClose, stubborn = false, wide = false, children }: Props) {
  const dialog = useRef<HTMLDialogElement>(null);
  const heading = useRef<HTMLHeadingElement>(null);
  const id = useId();

  useEffect(() => {
    const before = document.activeElement;
    dialog.current?.showModal();
    heading.current?.focus();
    return () => {
      dialog.current?.close();
      // What was done may have taken away what it was set off by.
      const back = before instanceof HTMLElement && before.isConnected && before !== document.body;
      (back ? before : document.querySelector<HTMLElement>("[data-arrival], h1"))?.focus();
    };
  }, []);

  const onCancel = (event: Event): void => {
    event.preventDefault();
    if (!stubborn) onClose();
  };

  return (
    <dialog ref={dialog} class={wide ? "dialog dialog-wide" : "dialog"} aria-labelledby={id} onCancel={onCancel}>
      <header class="dialog-head">
        <h2 id={id} ref={heading} tabIndex={-1}>
          {title}
        </h2>
        {!stubborn && (
          <button type="button" class="button button-quiet button-icon" onClick={onClose} aria-label={t.act.close}>
            <Icon of="close" />
          </button>
        )}
      </header>
      <div class="dialog-body">{children}</div>
    </dialog>
  );
}

interface AskProps {
  readonly title: string;
  readonly text: string;
  readonly yes: string;
  readonly danger?: boolean;
  readonly deed: Deed;
  readonly onYes: () => void;
  readonly onClose: () => void;
  readonly children?: ComponentChildren;
}

/** Asks before something is done. */
export function Ask({ title, text, yes, danger = false, deed, onYes, onClose, children }: AskProps) {
  const submit = (event: Event): void => {
    event.preventDefault();
    onYes();
  };
  return (
    <Dialog title={title} onClose={onClose}>
      <form onSubmit={submit}>
        <p>{text}</p>
        {children}
        <FaultNote fault={deed.fault} />
        <div class="dialog-foot">
          <button type="button" class="button" onClick={onClose}>
            {t.act.cancel}
          </button>
          <button
            type="submit"
            class={danger ? "button button-danger" : "button button-main"}
            aria-disabled={deed.busy}
          >
            {deed.busy ? t.act.busy : yes}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
