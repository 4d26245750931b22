import { GatewayStanding } from "../../generated/switchover/catalog/v1/fleet_pb";
import { DeliveryState, Tab } from "../../generated/switchover/notification/v1/notification_pb";
import { Category } from "../../generated/switchover/notification/v1/subscriptions_pb";
import { plurals } from "../plural";

const count = plurals("en");
type Count = number | bigint;

/** Inboxes, mails, gateways and the audit log. */
export const operating = {
  inbox: {
    title: "Inbox",
    tabs: {
      [Tab.UNSPECIFIED]: "All",
      [Tab.APPLICATIONS]: "Applications",
      [Tab.SUBSCRIPTIONS]: "Subscriptions",
      [Tab.EVENTS]: "Events",
      [Tab.ARCHIVED]: "Archived",
    },
    message: "Message",
    tabsLabel: "Parts of the inbox",
    none: "Nothing here",
    noneText: {
      [Tab.UNSPECIFIED]: "What happens shows up here by itself.",
      [Tab.APPLICATIONS]: "Versions in test and switches show up here by themselves.",
      [Tab.SUBSCRIPTIONS]: "What tenants are asked, or have agreed to, shows up here by itself.",
      [Tab.EVENTS]: "Denials and whatever else you must know of show up here by themselves.",
      [Tab.ARCHIVED]: "What you put away is kept here.",
    },
    unreadMark: "Unread",
    markRead: "Mark as read",
    markUnread: "Mark as unread",
    markAll: "Mark all as read",
    archive: "Archive",
    unarchive: "Move back",
    arrived: (title: string) => `New in the inbox: ${title}`,
    toApplication: "To the application",
    toSwitch: "To the switch",
    toDecision: "Decide",
  },

  notices: {
    title: "Notices",
    intro: "What you are told of, and how.",
    about: "About",
    inbox: "In the inbox",
    mail: "By mail",
    required: "Always on",
    unsubscribed: (n: number) =>
      count(n, {
        one: "# mailbox gets none, as its reader said",
        other: "# mailboxes get none, as their readers said",
      }),
    categories: {
      [Category.UNSPECIFIED]: "Something else",
      [Category.CONSENT]: "What you are asked, and what you have decided",
      [Category.ACCESS]: "An application was taken away",
      [Category.DENIALS]: "A tenant has denied",
      [Category.ACCEPTANCES]: "A tenant has accepted",
      [Category.SWITCHES]: "Switches that succeeded or were given up",
      [Category.TESTS]: "Versions in test",
      [Category.MAILS]: "Mails that failed or came back",
      [Category.RECOVERY]: "The catalog is in recovery",
    },
  },

  gateways: {
    title: "Gateways",
    intro: "What serves your tenants’ users.",
    none: "No gateway has joined",
    noneText: "Start one; it joins by itself.",
    name: "Gateway",
    state: "State",
    seen: "Last heard",
    connections: "Connections",
    positions: "Serves",
    software: "Release",
    generation: (n: string) => `generation ${n}`,
    states: {
      ready: "Ready",
      notReady: "Not ready",
      lost: "Not heard",
      draining: "Being drained",
      fencing: "Fencing",
      fenced: "Fenced",
      diverged: "Differs from the catalog",
    },
    standings: {
      [GatewayStanding.UNSPECIFIED]: "Unknown",
      [GatewayStanding.MEMBER]: "Member",
      [GatewayStanding.FENCING]: "Fencing",
      [GatewayStanding.FENCED]: "Fenced",
      [GatewayStanding.DRAINING]: "Being drained",
    },
    refused: (application: string, why: string) => `Refused the route of ${application}: ${why}`,
    drain: "Drain",
    drainAsk: (gateway: string) =>
      `Take ${gateway} out of use? It reports not ready, so that the load balancer sends it nothing more, and ends its long-lived connections in good order. No request is lost.`,
    resume: "Resume",
    resumeAsk: (gateway: string) => `Take ${gateway} into use again?`,
    evict: "Evict",
    evictAsk: (gateway: string) =>
      `Is ${gateway} gone for good? That is your word: a gateway that still runs could go on with an old version. No switch waits for it from then on.`,
    recovery: "The catalog is in recovery: no switch begins or goes on until you adopt what is to be true.",
  },

  deliveries: {
    title: "Mails",
    intro: "Every mail on its way, and what became of it.",
    none: "No mails yet",
    noneText: "Mails go out when tenants are asked or told something.",
    filter: "State",
    all: "All",
    subject: "Subject",
    to: "To",
    state: "State",
    tries: "Tries",
    when: "Queued",
    sent: "Sent",
    next: "Next try",
    messageId: "Message-ID",
    why: "The other server’s words",
    retry: "Try now",
    retried: "It is tried again now.",
    states: {
      [DeliveryState.UNSPECIFIED]: "Unknown",
      [DeliveryState.QUEUED]: "Queued",
      [DeliveryState.SENDING]: "Being sent",
      [DeliveryState.SENT]: "Sent",
      [DeliveryState.FAILED]: "Failed",
      [DeliveryState.DEAD]: "Given up",
      [DeliveryState.BOUNCED]: "Came back",
    },
  },

  audit: {
    title: "Audit",
    intro:
      "Who changed what. Each entry names the digest of the one before it, so that nothing can be changed or left out unseen.",
    service: "Service",
    services: { catalog: "Catalog", provisioning: "Provisioning", notification: "Notification" },
    none: "No entries yet",
    noneText: "Every change that somebody makes is written down here.",
    noneFound: "No entry matches.",
    actor: "Who",
    actorHint: "A whole name, such as people/demo.",
    resource: "What",
    resourceHint: "A resource, with what lies below it: applications/shop.",
    method: "Did",
    when: "When",
    number: "No.",
    before: "Before",
    after: "After",
    asked: "Asked",
    hash: "Digest",
    previous: "Digest before",
    check: "Check the whole log",
    checking: (n: string) => `${n} entries checked …`,
    whole: (n: Count) =>
      count(n, {
        one: "The log is whole: # entry, each bound to the one before.",
        other: "The log is whole: # entries, each bound to the one before.",
      }),
    broken: (n: string) => `Entry ${n} is not what was written, or one before it is missing.`,
    short: "The log ends before where the service remembers its end.",
    checkedHere: "Checked in this browser, from the first entry on.",
  },
};
