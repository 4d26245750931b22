import { changed } from "./ask";
import { caller, inboxName } from "./caller";
import { ENDLESS, inboxes } from "./client";
import { Tab, type Event, type Inbox } from "./generated/switchover/notification/v1/notification_pb";
import { t } from "./language";
import { say } from "./parts/announce";
import { Value } from "./value";
import { useStream } from "./watch";

/** Unread events by tab, as the inbox last told. */
export const unread = new Value<ReadonlyMap<Tab, number>>(new Map());

/** Returns how many are unread in all tabs together. */
export function unreadTotal(counts: ReadonlyMap<Tab, number>): number {
  return [...counts.values()].reduce((sum, count) => sum + count, 0);
}

/** How long a swarm of events is waited for. */
const SWARM_MS = 200;
let soon: ReturnType<typeof setTimeout> | undefined;

/** Where each inbox was last read up to, so that nothing is missed or heard twice. */
const positions = new Map<string, string>();

/** Follows the caller's inbox for as long as the console is open. */
export function useInbox(): void {
  const name = inboxName();
  const { language } = t;
  useStream(
    `inbox ${name} ${language}`,
    (signal) => inboxes.watchInbox({ name, after: positions.get(name) ?? "", language }, { signal, ...ENDLESS }),
    ({ inbox, events, position }) => {
      if (position !== "") positions.set(name, position);
      if (inbox !== undefined) unread.set(counts(inbox));
      if (events.length > 0) hear(events);
    },
  );
}

/** Something has happened: what is shown may be old. */
function hear(events: readonly Event[]): void {
  const fresh = events.filter((event) => !event.read && !event.archived);
  const last = fresh.at(-1);
  if (last !== undefined) say(t.inbox.arrived(last.title));
  // Events come in swarms; what is shown is asked for once for all of a swarm.
  soon ??= setTimeout(() => {
    soon = undefined;
    changed();
  }, SWARM_MS);
}

function counts(inbox: Inbox): ReadonlyMap<Tab, number> {
  return new Map(inbox.unread.map(({ tab, unread: count }) => [tab, Number(count)]));
}

/** Tells whether the caller has an inbox. */
export function hasInbox(): boolean {
  return caller().role !== "tester";
}
