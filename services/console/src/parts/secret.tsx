import { useState } from "preact/hooks";
import { t } from "../language";
import { Icon } from "./icon";

/** A text to be copied, whole. */
export function Copyable({ name, value }: { readonly name: string; readonly value: string }) {
  const [copied, setCopied] = useState(false);
  const copy = async (): Promise<void> => {
    try {
      await navigator.clipboard.writeText(value);
      setCopied(true);
    } catch {
      // It can be marked and copied by hand.
    }
  };
  return (
    <div class="copyable">
      <span class="copyable-name">{name}</span>
      <code translate={false}>{value}</code>
      <button
        type="button"
        class="button button-small"
        onClick={() => void copy()}
        aria-label={`${t.act.copy}: ${name}`}
      >
        <Icon of={copied ? "check" : "copy"} />
        {copied ? t.act.copied : t.act.copy}
      </button>
      <span class="hidden" role="status">
        {copied && `${t.act.copied}: ${name}`}
      </span>
    </div>
  );
}
