import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import { caller, mayChange, session } from "../caller";
import { awaySince } from "../connection";
import { clock } from "../format";
import { t } from "../language";
import { path } from "../router";
import { hasInbox, unread, unreadTotal, useInbox } from "../unread";
import { useValue } from "../value";
import { Announcer, say } from "./announce";
import { Choosers } from "./choosers";
import { Icon, type Drawing } from "./icon";
import { Link } from "./link";

/** What stands around every page: where to go, who looks, and whether anybody answers. */
export function Frame({ children }: { readonly children: ComponentChildren }) {
  const [open, setOpen] = useState(false);
  const at = useValue(path);
  useEffect(() => setOpen(false), [at]);
  return (
    <div class="frame">
      <a class="skip" href="#content">
        {t.frame.skip}
      </a>
      {hasInbox() && <InboxWatch />}
      <header class="bar">
        <Brand />
        {hasInbox() && <BarInbox />}
        <button
          type="button"
          class="button button-quiet button-icon"
          aria-expanded={open}
          aria-controls="side"
          onClick={() => setOpen(!open)}
          aria-label={t.frame.menu}
        >
          <Icon of={open ? "close" : "menu"} />
        </button>
      </header>
      <aside id="side" class={open ? "side" : "side side-closed"} aria-label={t.frame.menu}>
        <Brand />
        <nav class="nav" aria-label={t.frame.pages}>
          <ul>
            {places().map((place) => (
              <li key={place.to}>
                <Place
                  {...place}
                  current={place.to === "/" ? at === "/" || at.startsWith("/applications") : at.startsWith(place.to)}
                />
              </li>
            ))}
          </ul>
        </nav>
        <Choosers />
      </aside>
      <main class="main" id="content" tabIndex={-1}>
        <Connection />
        {caller().role === "operator-viewer" && !mayChange() && <p class="banner banner-quiet">{t.frame.readOnly}</p>}
        <div class="page">{children}</div>
      </main>
      <Announcer />
    </div>
  );
}

interface PlaceProps {
  readonly to: string;
  readonly of: Drawing;
  readonly name: string;
}

/** Where the caller may go. */
function places(): PlaceProps[] {
  const { role } = caller();
  const inbox: PlaceProps = { to: "/inbox", of: "inbox", name: t.frame.inbox };
  const notices: PlaceProps = { to: "/notices", of: "notices", name: t.frame.notices };
  if (role === "tester") return [{ to: "/", of: "testing", name: t.frame.testing }];
  if (role === "tenant-admin") return [{ to: "/", of: "applications", name: t.frame.agreements }, inbox, notices];
  return [
    { to: "/", of: "applications", name: t.frame.applications },
    { to: "/tenants", of: "tenants", name: t.frame.tenants },
    inbox,
    { to: "/gateways", of: "gateways", name: t.frame.gateways },
    { to: "/mails", of: "deliveries", name: t.frame.deliveries },
    { to: "/audit", of: "audit", name: t.frame.audit },
    notices,
  ];
}

function Place({ to, of, name, current }: PlaceProps & { readonly current: boolean }) {
  return (
    <Link to={to} current={current}>
      <Icon of={of} />
      {name}
      {to === "/inbox" && <Unread />}
    </Link>
  );
}

function InboxWatch() {
  useInbox();
  return null;
}

function Unread() {
  const count = unreadTotal(useValue(unread));
  if (count === 0) return null;
  return (
    <span class="nav-count">
      <span aria-hidden="true">{count > 99 ? "99+" : count}</span>
      <span class="hidden">{t.frame.unread(count)}</span>
    </span>
  );
}

function BarInbox() {
  return (
    <Link
      to="/inbox"
      class="button button-quiet button-icon bar-inbox"
      label={`${t.frame.inbox}, ${t.frame.unread(unreadTotal(useValue(unread)))}`}
    >
      <Icon of="inbox" />
      <Unread />
    </Link>
  );
}

function Brand() {
  return (
    <Link to="/" class="brand">
      <img src="/assets/mark.svg" alt="" />
      Switchover
    </Link>
  );
}

/** Says when nobody answers, and when somebody does again. */
function Connection() {
  const since = useValue(awaySince);
  useValue(session);
  const [away, setAway] = useState(since);
  useEffect(() => {
    if (since === undefined && away !== undefined) say(t.frame.backOnline);
    setAway(since);
  }, [since]);
  return <div role="status">{since !== undefined && <p class="banner">{t.frame.offline(clock(since))}</p>}</div>;
}
