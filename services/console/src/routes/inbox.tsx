import { useState } from "preact/hooks";
import { useAsk, useDeed } from "../ask";
import { caller, inboxName } from "../caller";
import { inboxes } from "../client";
import { Tab, type Event } from "../generated/switchover/notification/v1/notification_pb";
import { t } from "../language";
import { Link } from "../parts/link";
import { Empty, FaultNote, Skeleton } from "../parts/notes";
import { Time } from "../parts/time";
import { Title } from "../parts/title";
import { idOf, pathOf } from "../router";
import { unread } from "../unread";
import { useValue } from "../value";

/** A tab of the inbox, and its address. */
export interface InboxTab {
  readonly tab: Tab;
  readonly path: string;
  /** Subscriptions and Events make up Message. */
  readonly message: boolean;
}

export const TABS: readonly [InboxTab, ...InboxTab[]] = [
  { tab: Tab.APPLICATIONS, path: "applications", message: false },
  { tab: Tab.SUBSCRIPTIONS, path: "subscriptions", message: true },
  { tab: Tab.EVENTS, path: "events", message: true },
  { tab: Tab.ARCHIVED, path: "archived", message: false },
];

const FIRST = 50;
const AT_ONCE_MAX = 500;

/** What has happened, by tab; it moves by itself. */
export function InboxPage({ tab }: { readonly tab: InboxTab }) {
  const parent = inboxName();
  const [most, setMost] = useState(FIRST);
  // Another language is another question: the services word events.
  const { language } = t;
  const { answer, fault, again } = useAsk(`${parent} ${tab.tab} ${most} ${language}`, async (signal) =>
    inboxes.listEvents({ parent, tab: tab.tab, pageSize: most, language }, { signal }),
  );
  const deed = useDeed();
  const events = answer?.events;
  const fresh = events?.filter((event) => !event.read) ?? [];
  const may = caller().role !== "operator-viewer";
  const mark = (names: readonly string[], read: boolean): void =>
    void deed.run(async () => {
      await inboxes.markEvents({ parent, names: [...names], read });
    });
  const archive = async (name: string, archived: boolean): Promise<void> => {
    const done = await deed.run(async () => {
      await inboxes.archiveEvents({ parent, names: [name], archived });
    });
    // The entry goes, and with it the button that has the focus.
    if (done) document.querySelector<HTMLElement>("[data-arrival]")?.focus();
  };
  return (
    <>
      <Title title={t.inbox.title}>
        {may && fresh.length > 0 && (
          <button
            type="button"
            class="button"
            onClick={() => mark(fresh.map(({ name }) => name).slice(0, AT_ONCE_MAX), true)}
          >
            {t.inbox.markAll}
          </button>
        )}
      </Title>
      <Tabs now={tab} />
      <h2 class="hidden" tabIndex={-1} data-arrival>
        {t.inbox.tabs[tab.tab]}
      </h2>
      <FaultNote fault={fault ?? deed.fault} again={again} />
      {events === undefined && fault === undefined && <Skeleton tall />}
      {events?.length === 0 && (
        <Empty
          of="inbox"
          title={t.inbox.none}
          text={t.inbox.noneText[tab.tab]}
          command={`switchover inbox list --tab ${tab.path}`}
        />
      )}
      {events !== undefined && events.length > 0 && (
        <ul class="events sheet">
          {events.map((event) => (
            <Entry
              key={event.name}
              event={event}
              may={may}
              mark={(read) => mark([event.name], read)}
              archive={(archived) => void archive(event.name, archived)}
            />
          ))}
        </ul>
      )}
      {answer !== undefined && answer.nextPageToken !== "" && most < AT_ONCE_MAX && (
        <button type="button" class="button" onClick={() => setMost(Math.min(most * 2, AT_ONCE_MAX))}>
          {t.act.more}
        </button>
      )}
    </>
  );
}

function Tabs({ now }: { readonly now: InboxTab }) {
  const counts = useValue(unread);
  const one = (tab: InboxTab) => {
    const count = counts.get(tab.tab) ?? 0;
    return (
      <Link key={tab.path} to={pathOf("inbox", tab.path)} current={tab.tab === now.tab}>
        {t.inbox.tabs[tab.tab]}
        {count > 0 && (
          <span class="nav-count">
            <span aria-hidden="true">{count}</span>
            <span class="hidden">{t.frame.unread(count)}</span>
          </span>
        )}
      </Link>
    );
  };
  return (
    <nav class="tabs" aria-label={t.inbox.tabsLabel}>
      {TABS.filter(({ message }) => !message)
        .slice(0, 1)
        .map(one)}
      <span class="tabs-group" role="group" aria-label={t.inbox.message}>
        <span class="tabs-name" aria-hidden="true">
          {t.inbox.message}
        </span>
        {TABS.filter(({ message }) => message).map(one)}
      </span>
      {TABS.filter(({ tab }) => tab === Tab.ARCHIVED).map(one)}
    </nav>
  );
}

interface EntryProps {
  readonly event: Event;
  readonly may: boolean;
  readonly mark: (read: boolean) => void;
  readonly archive: (archived: boolean) => void;
}

function Entry({ event, may, mark, archive }: EntryProps) {
  const id = `event-${idOf(event.name)}`;
  return (
    <li class={event.read ? "event" : "event event-fresh"}>
      <article aria-labelledby={id}>
        <div class="event-head">
          <h3 id={id}>
            {!event.read && (
              <>
                <span class="dot" aria-hidden="true" />
                <span class="hidden">{t.inbox.unreadMark}: </span>
              </>
            )}
            {event.title}
          </h3>
          <span class="soft event-time">
            <Time at={event.time} />
          </span>
        </div>
        <p class="event-text">{event.text}</p>
        <div class="acts">
          <About event={event} />
          {may && (
            <>
              <button
                type="button"
                class="button button-small button-quiet"
                aria-describedby={id}
                onClick={() => mark(!event.read)}
              >
                {event.read ? t.inbox.markUnread : t.inbox.markRead}
              </button>
              <button
                type="button"
                class="button button-small button-quiet"
                aria-describedby={id}
                onClick={() => archive(!event.archived)}
              >
                {event.archived ? t.inbox.unarchive : t.inbox.archive}
              </button>
            </>
          )}
        </div>
      </article>
    </li>
  );
}

/** Where to go from an event. */
function About({ event }: { readonly event: Event }) {
  const subject = event.subject;
  if (subject === undefined || subject.application === "") return null;
  const application = idOf(subject.application);
  const looks = "button button-small";
  if (caller().role === "tenant-admin")
    return subject.version === "" ? null : (
      <Link to={pathOf("applications", application, idOf(subject.version))} class={looks}>
        {t.inbox.toDecision}
      </Link>
    );
  return subject.switch === "" ? (
    <Link to={pathOf("applications", application)} class={looks}>
      {t.inbox.toApplication}
    </Link>
  ) : (
    <Link to={pathOf("applications", application, "switches", idOf(subject.switch))} class={looks}>
      {t.inbox.toSwitch}
    </Link>
  );
}
