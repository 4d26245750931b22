//! What must have come of all that was done, beside what has.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use proto::{
    catalog::v1::{Switch, SwitchState},
    notification::v1::{Delivery, Event},
};
use serde::Serialize;
use tokio::time::Instant;

use super::{TENANTS, contact};
use crate::{
    post::Arrival,
    until::until,
    world::{OPERATOR_MAIL, Part, World},
};

/// Events of this kind in an inbox, by what they are about.
type Counts = BTreeMap<(String, &'static str, String), u64>;

/// What was done.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    kills: Vec<(Part, Instant)>,
    denials: u64,
    lost: u64,
    /// Events that there must be.
    events: Counts,
    /// Mails that there must be, by recipient and kind.
    mails: BTreeMap<(String, &'static str), u64>,
    succeeded: u64,
    given_up: u64,
    /// Mails of before, by Message-ID.
    before: BTreeSet<String>,
}

/// What came of it. All that is lost, missing or doubled must be 0, but mails that are doubled with
/// the same Message-ID because the sender died before it had written the server's answer down.
#[derive(Debug, Clone, Serialize)]
pub struct Figures {
    /// Processes killed.
    pub kills: u64,
    /// Switches that succeeded.
    pub switches: u64,
    /// Switches that were given up, and confirmed again.
    pub given_up: u64,
    /// Denials that were answered.
    pub denials: u64,
    /// Of those, such as did not count once the switch was over.
    pub denials_lost: u64,
    /// Events in the inboxes of operator and tenants that there must be.
    pub events: u64,
    /// Of those, such as are not there.
    pub events_missing: u64,
    /// Events that are there once more.
    pub events_doubled: u64,
    /// Mails that were to be sent.
    pub mails: u64,
    /// Mails that were never queued, or that the SMTP server never took.
    pub mails_missing: u64,
    /// Mails that were queued, or taken, once more than they were to be.
    pub mails_doubled: u64,
    /// Of those, such as had the Message-ID of the first, and the same bytes.
    pub mails_doubled_same_message_id: u64,
    /// Of those again, such as cannot be explained by the death of the sender in between.
    pub mails_doubled_unexplained: u64,
}

impl Figures {
    /// Tells whether everything was as it must be, and something was done.
    #[must_use]
    pub fn sound(&self) -> bool {
        let wrong = [
            self.denials_lost,
            self.events_missing,
            self.events_doubled,
            self.mails_missing,
            self.mails_doubled - self.mails_doubled_same_message_id,
            self.mails_doubled_unexplained,
        ];
        let done = [self.kills, self.switches, self.denials, self.mails];
        wrong.iter().all(|count| *count == 0) && done.iter().all(|count| *count > 0)
    }
}

impl Ledger {
    /// Begins with a world in which so many switches have succeeded and nothing else was told to the
    /// operator.
    pub(super) async fn begin(world: &World, switches: usize) -> Result<Self> {
        let look = || Self::seen(world);
        let seen = until("the mails of before", look, |seen| {
            seen.events.len() >= switches && seen.all_sent()
        });
        let deliveries = seen.await?.deliveries.into_iter();
        Ok(Self {
            before: deliveries.map(|delivery| delivery.message_id).collect(),
            ..Self::default()
        })
    }

    pub(super) fn kills(&self) -> u64 {
        self.kills.len() as u64
    }

    pub(super) fn denials(&self) -> u64 {
        self.denials
    }

    pub(super) fn killed(&mut self, (part, at): (Part, Instant)) {
        self.kills.push((part, at));
    }

    pub(super) fn ended(&mut self, switch: &Switch) {
        let kind = if switch.state() == SwitchState::Succeeded {
            self.succeeded += 1;
            "switch_succeeded"
        } else {
            self.given_up += 1;
            "switch_given_up"
        };
        self.expect(OPERATOR, kind, &switch.name);
        self.mail(OPERATOR_MAIL, kind);
    }

    /// Notes a denial that was answered, and whether it counted.
    pub(super) fn denied(&mut self, tenant: &str, version: &str, counted: bool) {
        const KIND: &str = "version_denied";
        self.denials += 1;
        self.lost += u64::from(!counted);
        let about = format!("tenants/{tenant} {version}");
        self.expect(OPERATOR, KIND, &about);
        self.expect(&format!("tenants/{tenant}"), KIND, &about);
        self.mail(OPERATOR_MAIL, KIND);
        self.mail(&contact(tenant), KIND);
    }

    fn expect(&mut self, inbox: &str, kind: &'static str, about: &str) {
        let key = (inbox.to_owned(), kind, about.to_owned());
        *self.events.entry(key).or_default() += 1;
    }

    fn mail(&mut self, recipient: &str, kind: &'static str) {
        *self.mails.entry((recipient.to_owned(), kind)).or_default() += 1;
    }

    /// Waits until everybody has heard of everything, and compares.
    pub(super) async fn close(self, world: &World) -> Result<Figures> {
        let look = || Self::seen(world);
        // Late is not missing: what is missing is what does not come for as long as a test waits.
        let seen = until("all events and mails", look, |seen| {
            missing(&self.events, &seen.events) == 0 && seen.all_sent()
        });
        let seen = match seen.await {
            Ok(seen) => seen,
            Err(_missing) => Self::seen(world).await?,
        };
        Ok(self.compare(&seen, &world.mailbox.arrivals()))
    }

    async fn seen(world: &World) -> Result<Seen> {
        let mut events = Counts::new();
        let tenants = TENANTS.map(|tenant| format!("tenants/{tenant}"));
        for inbox in [OPERATOR]
            .into_iter()
            .chain(tenants.iter().map(|name| &**name))
        {
            for event in world.api.events(&format!("{inbox}/inbox")).await? {
                if let Some((kind, about)) = subjects(&event) {
                    *events.entry((inbox.to_owned(), kind, about)).or_default() += 1;
                }
            }
        }
        Ok(Seen {
            events,
            deliveries: world.api.all_deliveries().await?,
        })
    }

    fn compare(&self, seen: &Seen, arrivals: &[Arrival]) -> Figures {
        let new = |delivery: &&Delivery| !self.before.contains(&delivery.message_id);
        let mut queued = BTreeMap::new();
        for delivery in seen.deliveries.iter().filter(new) {
            for (key, _) in self.mails.iter().filter(|((recipient, kind), _)| {
                *recipient == delivery.recipient && *kind == delivery.kind
            }) {
                *queued.entry(key.clone()).or_default() += 1;
            }
        }
        let mut taken: BTreeMap<&str, Vec<&Arrival>> = BTreeMap::new();
        for arrival in arrivals {
            taken.entry(&arrival.message_id).or_default().push(arrival);
        }
        let sent: BTreeSet<&str> = seen
            .deliveries
            .iter()
            .filter(new)
            .map(|delivery| &*delivery.message_id)
            .collect();
        let never_taken = sent.iter().filter(|id| !taken.contains_key(*id)).count() as u64;
        let repeated = || taken.values().flat_map(|times| times.windows(2));
        let same = |pair: &&[&Arrival]| pair[0].bytes == pair[1].bytes;
        let queued_twice = missing(&queued, &self.mails);
        Figures {
            kills: self.kills(),
            switches: self.succeeded,
            given_up: self.given_up,
            denials: self.denials,
            denials_lost: self.lost,
            events: self.events.values().sum(),
            events_missing: missing(&self.events, &seen.events),
            // Inboxes hold more than is expected here; of what is, they hold no more.
            events_doubled: missing(&of(&seen.events, &self.events), &self.events),
            mails: sent.len() as u64,
            mails_missing: missing(&self.mails, &queued) + never_taken,
            mails_doubled: queued_twice + repeated().count() as u64,
            mails_doubled_same_message_id: repeated().filter(same).count() as u64,
            mails_doubled_unexplained: repeated().filter(|pair| !self.explains(pair)).count()
                as u64,
        }
    }

    /// Tells whether the sender may not have known that the first was taken: the server's word did
    /// not get through, or it died before the second.
    fn explains(&self, pair: &[&Arrival]) -> bool {
        let died = |(part, at): &(Part, Instant)| {
            *part == Part::Notification && (pair[0].at..=pair[1].at).contains(at)
        };
        !pair[0].answered || self.kills.iter().any(died)
    }
}

const OPERATOR: &str = "operator";

/// What there is.
#[derive(Debug)]
struct Seen {
    events: Counts,
    deliveries: Vec<Delivery>,
}

impl Seen {
    fn all_sent(&self) -> bool {
        let mut deliveries = self.deliveries.iter();
        deliveries.all(|delivery| delivery.send_time.is_some())
    }
}

/// Returns how much of what is wanted is not there.
fn missing<K: Ord>(wanted: &BTreeMap<K, u64>, there: &BTreeMap<K, u64>) -> u64 {
    wanted
        .iter()
        .map(|(key, count)| count.saturating_sub(there.get(key).copied().unwrap_or_default()))
        .sum()
}

/// Returns what there is of what is wanted at all.
fn of(there: &Counts, wanted: &Counts) -> Counts {
    let kept = there.iter().filter(|(key, _)| wanted.contains_key(*key));
    kept.map(|(key, count)| (key.clone(), *count)).collect()
}

/// Returns the words under which an event is expected; none for one that is of no interest here.
fn subjects(event: &Event) -> Option<(&'static str, String)> {
    let subject = event.subject.as_ref()?;
    match &*event.kind {
        "version_denied" => {
            let about = format!("{} {}", subject.tenant, subject.version);
            Some(("version_denied", about))
        }
        "switch_succeeded" => Some(("switch_succeeded", subject.switch.clone())),
        "switch_given_up" => Some(("switch_given_up", subject.switch.clone())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proto::notification::v1::EventSubject;

    use super::*;

    fn arrival(id: &str, seconds: u64, from: Instant) -> Arrival {
        Arrival {
            message_id: id.to_owned(),
            bytes: [7; 32],
            at: from + Duration::from_secs(seconds),
            answered: true,
        }
    }

    fn delivery(id: &str, recipient: &str) -> Delivery {
        Delivery {
            recipient: recipient.to_owned(),
            kind: "version_denied".to_owned(),
            message_id: id.to_owned(),
            ..Delivery::default()
        }
    }

    /// One denial of which everybody has heard once.
    fn heard_once() -> (Ledger, Seen) {
        let mut ledger = Ledger::default();
        ledger.denied("anna", "2.0", true);
        let event = Event {
            kind: "version_denied".to_owned(),
            subject: Some(EventSubject {
                tenant: "tenants/anna".to_owned(),
                version: "2.0".to_owned(),
                ..EventSubject::default()
            }),
            ..Event::default()
        };
        let (kind, about) = subjects(&event).unwrap();
        let inboxes = [OPERATOR, "tenants/anna"];
        let events = inboxes.map(|inbox| ((inbox.to_owned(), kind, about.clone()), 1));
        let deliveries = vec![
            delivery("1", OPERATOR_MAIL),
            delivery("2", &contact("anna")),
        ];
        let seen = Seen {
            events: events.into_iter().collect(),
            deliveries,
        };
        (ledger, seen)
    }

    #[test]
    fn whatever_is_lost_missing_or_doubled_is_counted() {
        let start = Instant::now();
        let both = [arrival("1", 1, start), arrival("2", 2, start)];
        let (mut ledger, mut seen) = heard_once();
        let good = ledger.compare(&seen, &both);
        assert_eq!((good.denials, good.events, good.mails), (1, 2, 2));
        let wrong = |figures: &Figures| {
            [
                figures.denials_lost,
                figures.events_missing,
                figures.events_doubled,
                figures.mails_missing,
                figures.mails_doubled,
                figures.mails_doubled_same_message_id,
                figures.mails_doubled_unexplained,
            ]
        };
        assert_eq!(wrong(&good), [0; 7]);

        let never_taken = ledger.compare(&seen, &both[..1]);
        assert_eq!(wrong(&never_taken), [0, 0, 0, 1, 0, 0, 0]);
        let again = [both.as_slice(), &[arrival("2", 9, start)]].concat();
        let doubled = ledger.compare(&seen, &again);
        assert_eq!(wrong(&doubled), [0, 0, 0, 0, 1, 1, 1]);
        let at = start + Duration::from_secs(5);
        ledger.killed((Part::Provisioning, at));
        assert_eq!(ledger.compare(&seen, &again).mails_doubled_unexplained, 1);
        ledger.killed((Part::Notification, at));
        assert_eq!(ledger.compare(&seen, &again).mails_doubled_unexplained, 0);

        let third = [both.as_slice(), &[arrival("3", 3, start)]].concat();
        seen.deliveries.push(delivery("3", OPERATOR_MAIL));
        let queued_twice = ledger.compare(&seen, &third);
        assert_eq!(wrong(&queued_twice), [0, 0, 0, 0, 1, 0, 0]);
        assert!(!queued_twice.sound());
        seen.deliveries.truncate(1);
        assert_eq!(ledger.compare(&seen, &both).mails_missing, 1);

        let first = seen.events.keys().next().unwrap().clone();
        seen.events.insert(first.clone(), 2);
        assert_eq!(ledger.compare(&seen, &both).events_doubled, 1);
        seen.events.remove(&first);
        assert_eq!(ledger.compare(&seen, &both).events_missing, 1);

        ledger.denied("anna", "2.0", false);
        assert_eq!(ledger.compare(&seen, &both).denials_lost, 1);
    }
}
