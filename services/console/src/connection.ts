import { Value } from "./value";

/** Whether the services answer: since when they do not, or nothing. */
export const awaySince = new Value<number | undefined>(undefined);

/** Notes that a call was answered, by whatever. */
export function heard(): void {
  awaySince.set(undefined);
}

/** Notes that nobody answered. */
export function unheard(): void {
  if (awaySince.get() === undefined) awaySince.set(Date.now());
}
