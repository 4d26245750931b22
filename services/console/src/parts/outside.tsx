import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";

/** What is shown before anybody is known. */
export function Outside({
  title,
  text,
  children,
}: {
  readonly title: string;
  readonly text: string;
  readonly children?: ComponentChildren;
}) {
  useEffect(() => {
    document.title = `${title} – Switchover`;
  }, [title]);
  return (
    <main class="outside">
      <div class="sheet sheet-padded">
        <p class="brand">
          <img src="/assets/mark.svg" alt="" />
          Switchover
        </p>
        <h1>{title}</h1>
        {text !== "" && <p class="soft">{text}</p>}
        {children}
      </div>
    </main>
  );
}
