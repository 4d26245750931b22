//! One database, one clock, one mail server, and senders that come and go.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use runtime::{CancellationToken, Clock, Seal, Shell};
use store::Db;
use tokio::sync::Semaphore;

use super::super::{ClaimedDomains, Domains, Ledger, Sender};
use crate::{
    delivery::State,
    notice::Recipient,
    publish::{Publisher, tests::publisher},
    samples::{self, contact, deny_offered},
    smtp::{
        Relay,
        stub::{Act, Stub},
    },
    store::{
        deliveries::{self, Stored, Word},
        events, tries,
    },
};

/// How long a condition may take to come true: far longer than it ever does.
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) struct World {
    pub(super) db: Db,
    pub(super) clock: Clock,
    pub(super) seal: Arc<Seal>,
    pub(super) publisher: Publisher,
    pub(super) stub: Stub,
    pub(super) shell: Shell,
    /// Mails to one domain at once; as many as in all unless said.
    pub(super) to_domain: Option<usize>,
    /// Gone once nothing is left of the sender that was started last.
    sending: Weak<Relay>,
}

impl World {
    pub(super) async fn new(db: &Db, script: impl IntoIterator<Item = Act>) -> Self {
        let clock = Clock::simulated(samples::now(), 7);
        let seal = Arc::new(Seal::for_tests());
        let publisher = publisher(db, &clock, &seal);
        let shell = Shell::for_tests_with(clock.clone());
        Self {
            db: db.clone(),
            clock,
            seal,
            publisher,
            stub: Stub::start(script).await,
            shell,
            to_domain: None,
            sending: Weak::new(),
        }
    }

    /// Starts a sender as a new process would.
    pub(super) fn start(&mut self, in_flight: usize) {
        self.shell = Shell::for_tests_with(self.clock.clone());
        let sender = self.sender(in_flight);
        self.sending = Arc::downgrade(&sender.relay);
        self.shell.spawn("mails", sender.run(self.shell.stopping()));
    }

    /// Returns a sender that does only what it is told.
    pub(super) fn sender(&self, in_flight: usize) -> Sender {
        Sender {
            db: self.db.clone(),
            clock: self.clock.clone(),
            seal: Arc::clone(&self.seal),
            relay: Arc::new(Relay::new(self.stub.settings()).unwrap()),
            from: self.publisher.from.address.clone(),
            gate: Arc::new(Semaphore::new(in_flight)),
            domains: Domains::new(self.to_domain.unwrap_or(in_flight)),
            ledger: Ledger::new(self.db.clone(), self.clock.clone()),
        }
    }

    /// Ends the sender as a kill would: nothing is written down any more.
    pub(super) async fn kill(&self) {
        self.shell.cut();
        drop(self.shell.drained(Duration::ZERO).await);
        // What it had begun is dropped a moment later, each by its own task.
        while self.sending.strong_count() > 0 {
            tokio::task::yield_now().await;
        }
    }

    pub(super) async fn publish(&self, cause: &str, addresses: &[&str]) {
        let addresses = addresses
            .iter()
            .map(|address| contact(address, None))
            .collect();
        let recipient = Recipient::Tenant {
            tenant: "acme".parse().unwrap(),
            addresses,
        };
        let notice = deny_offered(cause, "CRM", recipient);
        assert_eq!(self.publisher.publish(&[notice]).await.unwrap(), 1);
    }

    pub(super) async fn all(&self) -> Vec<Stored> {
        store::read!(self.db, |tx| deliveries::list(tx, None, None, 10_000).await).unwrap()
    }

    pub(super) async fn of(&self, recipient: &str) -> Stored {
        self.all()
            .await
            .into_iter()
            .find(|delivery| delivery.recipient == recipient)
            .unwrap()
    }

    pub(super) async fn tries(&self, recipient: &str) -> Vec<String> {
        let id = self.of(recipient).await.id;
        let tries = store::read!(self.db, |tx| tries::list(tx, id).await).unwrap();
        tries.into_iter().map(|one| one.outcome).collect()
    }

    pub(super) async fn told(&self) -> Vec<String> {
        let filter = events::Filter {
            shown: events::Shown::All,
            unread_only: false,
        };
        let inbox = contract::InboxName::Operator;
        let events = store::read!(self.db, |tx| events::list(tx, &inbox, filter, None, 100)
            .await)
        .unwrap();
        events
            .into_iter()
            .map(|event| format!("{}: {}", event.kind, event.text))
            .collect()
    }

    /// Waits until a condition holds of all deliveries.
    pub(super) async fn until(&self, what: &str, holds: impl Fn(&[Stored]) -> bool) {
        let look = async {
            loop {
                let all = self.all().await;
                if holds(&all) {
                    return;
                }
                runtime::retry::pause(Duration::from_millis(5), &CancellationToken::new())
                    .await
                    .unwrap();
            }
        };
        if tokio::time::timeout(PATIENCE, look).await.is_err() {
            panic!("{what} did not come true: {:#?}", self.all().await);
        }
    }

    /// Waits until nothing is due and nothing under way.
    pub(super) async fn quiet(&self) {
        let now = self.clock.now();
        self.until("quiet", |all| {
            all.iter().all(|delivery| match &delivery.progress.state {
                State::Queued { next, .. } => *next > now,
                State::Sending { .. } => false,
                State::Sent { .. }
                | State::Bounced { .. }
                | State::Failed { .. }
                | State::Dead { .. } => true,
            })
        })
        .await;
    }

    pub(super) async fn until_all(&self, word: Word) {
        self.until(word.as_str(), |all| {
            all.iter().all(|delivery| is(delivery, word))
        })
        .await;
    }

    pub(super) fn advance(&self, by: SignedDuration) {
        self.clock.advance(by.unsigned_abs());
    }
}

/// Nothing is claimed yet, and as much may be as there is.
pub(super) fn domains() -> ClaimedDomains {
    Domains::new(1000).claimed(std::iter::empty())
}

pub(super) fn is(delivery: &Stored, word: Word) -> bool {
    Word::of(&delivery.progress.state) == word
}

pub(super) fn due(delivery: &Stored) -> Option<Timestamp> {
    match &delivery.progress.state {
        State::Queued { next, .. } => Some(*next),
        State::Sending { .. }
        | State::Sent { .. }
        | State::Bounced { .. }
        | State::Failed { .. }
        | State::Dead { .. } => None,
    }
}
