import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";

/** What is shown before anybody is known. */
export function Outside({
  title,
  text,
  urgent = false,
  children,
}: {
  readonly title: string;
  readonly text: string;
  /** It came in the middle of something: whoever hears the page is told at once. */
  readonly urgent?: boolean;
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
        {text !== "" && (
          <p class="soft" role={urgent ? "alert" : undefined}>
            {text}
          </p>
        )}
        {children}
      </div>
    </main>
  );
}
