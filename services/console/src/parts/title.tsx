import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";

interface Props {
  readonly title: string;
  readonly intro?: string | undefined;
  readonly above?: ComponentChildren;
  /** The address of a picture; empty for none. */
  readonly picture?: string;
  readonly beside?: ComponentChildren;
  /** What is done here. */
  readonly children?: ComponentChildren;
}

/** The head of a page, and its name in the browser's tab. */
export function Title({ title, intro, above, picture = "", beside, children }: Props) {
  useEffect(() => {
    document.title = `${title} – Switchover`;
  }, [title]);
  return (
    <div class="title">
      <div class="title-words">
        {above}
        <h1 tabIndex={-1}>
          {picture !== "" && <img class="app-icon" src={picture} alt="" />}
          {title} {beside}
        </h1>
        {intro !== undefined && <p class="intro">{intro}</p>}
      </div>
      {children !== undefined && <div class="title-acts">{children}</div>}
    </div>
  );
}
