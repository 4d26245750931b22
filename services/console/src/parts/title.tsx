import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";

interface Props {
  readonly title: string;
  readonly intro?: string | undefined;
  readonly above?: ComponentChildren;
  readonly beside?: ComponentChildren;
  /** What is done here. */
  readonly children?: ComponentChildren;
}

/** The head of a page, and its name in the browser's tab. */
export function Title({ title, intro, above, beside, children }: Props) {
  useEffect(() => {
    document.title = `${title} – Switchover`;
  }, [title]);
  return (
    <div class="title">
      <div class="title-words">
        {above}
        <h1 tabIndex={-1}>
          {title} {beside}
        </h1>
        {intro !== undefined && <p class="intro">{intro}</p>}
      </div>
      {children !== undefined && <div class="title-acts">{children}</div>}
    </div>
  );
}
