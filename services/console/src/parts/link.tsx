import type { ComponentChildren } from "preact";
import { go } from "../router";

interface Props {
  readonly to: string;
  readonly class?: string;
  readonly current?: boolean;
  readonly label?: string | undefined;
  readonly children: ComponentChildren;
}

/** A link to another page of the console. Opened in a new tab it is a link like any other. */
export function Link({ to, class: looks, current = false, label, children }: Props) {
  const follow = (event: MouseEvent): void => {
    if (
      event.defaultPrevented ||
      event.button !== 0 ||
      event.metaKey ||
      event.ctrlKey ||
      event.shiftKey ||
      event.altKey
    )
      return;
    event.preventDefault();
    go(to);
  };
  return (
    <a href={to} class={looks} aria-current={current ? "page" : undefined} aria-label={label} onClick={follow}>
      {children}
    </a>
  );
}
