import { DeliveryState, Tab } from "../../generated/switchover/notification/v1/notification_pb";
import { Category } from "../../generated/switchover/notification/v1/subscriptions_pb";
import type { operating as english } from "../en/operating";
import { plurals } from "../plural";

const count = plurals("de");

/** Inboxes, mails, gateways and the audit log. */
export const operating: typeof english = {
  inbox: {
    title: "Posteingang",
    tabs: {
      [Tab.UNSPECIFIED]: "Alle",
      [Tab.APPLICATIONS]: "Anwendungen",
      [Tab.SUBSCRIPTIONS]: "Abonnements",
      [Tab.EVENTS]: "Ereignisse",
      [Tab.ARCHIVED]: "Archiv",
    },
    message: "Nachrichten",
    tabsLabel: "Teile des Posteingangs",
    none: "Hier ist nichts",
    noneText: {
      [Tab.UNSPECIFIED]: "Was geschieht, erscheint hier von selbst.",
      [Tab.APPLICATIONS]: "Versionen im Test und Wechsel erscheinen hier von selbst.",
      [Tab.SUBSCRIPTIONS]: "Was Mandanten gefragt werden oder vereinbart haben, erscheint hier von selbst.",
      [Tab.EVENTS]: "Ablehnungen und was Sie sonst wissen müssen, erscheint hier von selbst.",
      [Tab.ARCHIVED]: "Was Sie ablegen, bleibt hier.",
    },
    unreadMark: "Ungelesen",
    markRead: "Als gelesen markieren",
    markUnread: "Als ungelesen markieren",
    markAll: "Alle als gelesen markieren",
    archive: "Ablegen",
    unarchive: "Zurückholen",
    arrived: (title) => `Neu im Posteingang: ${title}`,
    toApplication: "Zur Anwendung",
    toSwitch: "Zum Wechsel",
    toDecision: "Entscheiden",
  },

  notices: {
    title: "Benachrichtigungen",
    intro: "Wovon Sie erfahren, und wie.",
    about: "Worüber",
    inbox: "Im Posteingang",
    mail: "Per Mail",
    required: "Immer an",
    unsubscribed: (n) =>
      count(n, {
        one: "# Postfach bekommt keine, wie sein Leser sagte",
        other: "# Postfächer bekommen keine, wie ihre Leser sagten",
      }),
    categories: {
      [Category.UNSPECIFIED]: "Etwas anderes",
      [Category.CONSENT]: "Was Sie gefragt werden und was Sie entschieden haben",
      [Category.ACCESS]: "Eine Anwendung wurde entzogen",
      [Category.DENIALS]: "Ein Mandant hat abgelehnt",
      [Category.ACCEPTANCES]: "Ein Mandant hat zugestimmt",
      [Category.SWITCHES]: "Wechsel, die gelangen oder aufgegeben wurden",
      [Category.TESTS]: "Versionen im Test",
      [Category.MAILS]: "Mails, die scheiterten oder zurückkamen",
      [Category.RECOVERY]: "Der Katalog wird wiederhergestellt",
    },
  },

  gateways: {
    title: "Gateways",
    intro: "Was die Benutzer Ihrer Mandanten bedient.",
    none: "Kein Gateway ist beigetreten",
    noneText: "Starten Sie eines; es tritt von selbst bei.",
    name: "Gateway",
    state: "Stand",
    seen: "Zuletzt gehört",
    connections: "Verbindungen",
    positions: "Bedient",
    software: "Ausgabe",
    generation: (n) => `Generation ${n}`,
    states: {
      ready: "Bereit",
      notReady: "Nicht bereit",
      lost: "Nicht zu hören",
      draining: "Wird entleert",
      fencing: "Wird abgegrenzt",
      fenced: "Abgegrenzt",
      diverged: "Weicht vom Katalog ab",
    },
    refused: (application, why) => `Hat die Route von ${application} verweigert: ${why}`,
    drain: "Entleeren",
    drainAsk: (gateway) =>
      `${gateway} aus dem Betrieb nehmen? Es meldet sich nicht bereit, sodass der Lastverteiler ihm nichts mehr schickt, und beendet dauerhafte Verbindungen ordentlich. Keine Anfrage geht verloren.`,
    resume: "Wieder aufnehmen",
    resumeAsk: (gateway) => `${gateway} wieder in Betrieb nehmen?`,
    evict: "Ausschließen",
    evictAsk: (gateway) =>
      `Ist ${gateway} für immer fort? Das ist Ihr Wort: Ein Gateway, das noch läuft, könnte mit einer alten Version weitermachen. Kein Wechsel wartet mehr auf es.`,
    adopt: "Übernehmen, was bekannt ist",
    adoptText:
      "Was wiederhergestellt wurde, zusammen mit dem, was Gateways gemeldet haben, gilt ab dann. Jede Anwendung geht mit einem Wechsel weiter, für den alle Gateways halten.",
    adoptMissing: (gateways) =>
      `Noch nicht gehört: ${gateways}. Warten Sie auf sie, oder schließen Sie aus, was es nicht mehr gibt.`,
    adoptOf: (application) => `Version von ${application}, die in Betrieb sein soll`,
    adoptKnown: (restored, reported) => `Wiederhergestellt: ${restored}. Gateways melden: ${reported}.`,
    adoptServed: "Was Gateways bedienen",
    adopted: "Übernommen. Wechsel gehen weiter.",
    standing: (version, generation) => `${version}, Generation ${generation}`,
    recovery:
      "Der Katalog wird wiederhergestellt: Kein Wechsel beginnt oder geht weiter, bis Sie übernehmen, was gelten soll.",
  },

  deliveries: {
    title: "Mails",
    intro: "Jede Mail auf ihrem Weg, und was aus ihr wurde.",
    none: "Noch keine Mails",
    noneText: "Mails gehen hinaus, wenn Mandanten gefragt oder benachrichtigt werden.",
    filter: "Stand",
    all: "Alle",
    subject: "Betreff",
    to: "An",
    state: "Stand",
    tries: "Versuche",
    when: "Eingereiht",
    sent: "Gesendet",
    next: "Nächster Versuch",
    messageId: "Message-ID",
    why: "Worte des anderen Servers",
    retry: "Jetzt versuchen",
    retried: "Sie wird jetzt noch einmal versucht.",
    states: {
      [DeliveryState.UNSPECIFIED]: "Unbekannt",
      [DeliveryState.QUEUED]: "Eingereiht",
      [DeliveryState.SENDING]: "Wird gesendet",
      [DeliveryState.SENT]: "Gesendet",
      [DeliveryState.FAILED]: "Gescheitert",
      [DeliveryState.DEAD]: "Aufgegeben",
      [DeliveryState.BOUNCED]: "Kam zurück",
    },
  },

  audit: {
    title: "Protokoll",
    intro:
      "Wer was geändert hat. Jeder Eintrag nennt den Fingerabdruck des Eintrags davor; nichts lässt sich unbemerkt ändern oder weglassen.",
    service: "Dienst",
    services: { catalog: "Katalog", provisioning: "Bereitstellung", notification: "Benachrichtigung" },
    none: "Noch keine Einträge",
    noneText: "Jede Änderung, die jemand macht, wird hier aufgeschrieben.",
    noneFound: "Kein Eintrag passt.",
    actor: "Wer",
    actorHint: "Ein ganzer Name, wie people/demo; auch wer für einen Mandanten sprach.",
    person: "Person",
    resource: "Was",
    resourceHint: "Eine Ressource mit allem darunter: applications/shop.",
    method: "Tat",
    when: "Wann",
    number: "Nr.",
    before: "Vorher",
    after: "Nachher",
    asked: "Gefragt",
    hash: "Fingerabdruck",
    previous: "Fingerabdruck davor",
    check: "Ganzes Protokoll prüfen",
    checking: (n) => `${n} Einträge geprüft …`,
    whole: (n) =>
      count(n, {
        one: "Das Protokoll ist ganz: # Eintrag, an den davor gebunden.",
        other: "Das Protokoll ist ganz: # Einträge, jeder an den davor gebunden.",
      }),
    broken: (n) => `Eintrag ${n} ist nicht, was geschrieben wurde, oder einer davor fehlt.`,
    short: "Das Protokoll endet vor der Stelle, die der Dienst als Ende kennt.",
    checkedHere: "In diesem Browser geprüft, vom ersten Eintrag an.",
  },
};
