import type { ComponentChildren } from "preact";

/** What a badge wants to be seen as. */
export type Tone = "plain" | "accent" | "good" | "warn" | "bad";

/** One or two words about a state; its colour repeats what the words say. */
export function Badge({
  tone = "plain",
  moving = false,
  children,
}: {
  readonly tone?: Tone;
  readonly moving?: boolean;
  readonly children: ComponentChildren;
}) {
  return <span class={`badge badge-${tone}${moving ? " badge-moving" : ""}`}>{children}</span>;
}
