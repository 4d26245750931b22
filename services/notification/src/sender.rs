//! Sends what is due: claims deliveries, hands them to the mail server, writes down what came of it.
//!
//! Whoever sends renews its claim for as long as the try lasts. A crash leaves a claim that lapses
//! soon, and the same bytes are sent again under the same Message-ID: at least once, and whoever gets
//! it twice can tell. Nothing here logs an address, a subject or a body.

use std::{
    collections::HashMap,
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use contract::{DeliveryId, EmailAddress};
use jiff::{SignedDuration, Timestamp};
use runtime::{Backoff, CancellationToken, Clock, Seal, retry, seal::SealError};
use secrecy::ExposeSecret as _;
use store::Db;
use tokio::{
    sync::Semaphore,
    task::{Id, JoinError, JoinSet},
};

use crate::{
    delivery::{Answer, Claim, Happening, Jitter, RENEWAL, Step, Wait, Words, after},
    error::Error,
    message,
    publish::PURPOSE,
    smtp::Relay,
    store::{
        DELIVERIES,
        deliveries::{self, Claimed},
    },
    trail::{self, Change},
};

mod domains;
mod ledger;

pub(crate) use domains::{Claimed as ClaimedDomains, Domains};
pub(crate) use ledger::Ledger;
use ledger::Note;

/// A lost wake-up costs at most this.
const POLL: Duration = Duration::from_secs(5);
/// Mails that are claimed at most beyond those that are handed over: they wait for their turn, or for
/// the disk to know of them. Several times what one domain may claim.
const AHEAD: usize = 96;
/// Mails are claimed in blocks of at least this many while others are under way: a claim waits for the
/// disk too.
const BLOCK: usize = 16;
/// How long it is tried to write down what came of a mail, before it is rather sent again.
const WRITE_DOWN_MAX: SignedDuration = SignedDuration::from_mins(15);

/// What sending needs.
#[derive(Clone)]
pub(crate) struct Sender {
    /// Where deliveries are.
    pub(crate) db: Db,
    /// What time it is, and chance.
    pub(crate) clock: Clock,
    /// Opens mails.
    pub(crate) seal: Arc<Seal>,
    /// Where mails go.
    pub(crate) relay: Arc<Relay>,
    /// Whom the server is told that they come from.
    pub(crate) from: EmailAddress,
    /// Mails that are handed over at the same time.
    pub(crate) gate: Arc<Semaphore>,
    /// Mails of one domain among them.
    pub(crate) domains: Domains,
    /// Where it is written down what came of them.
    pub(crate) ledger: Ledger,
}

/// One attempt to send one delivery.
type Attempt = (DeliveryId, Claim);

/// The sends that are under way.
struct Flights {
    /// Each yields nothing: it has written down itself what came of it.
    tasks: JoinSet<()>,
    /// Whose they are, and to which domain: a task that panicked cannot say.
    attempts: HashMap<Id, (Attempt, Box<str>)>,
    /// When it was last looked for what is due.
    looked: Timestamp,
    /// Domains of which there were enough then: more may be due.
    full: String,
}

impl Flights {
    fn none(now: Timestamp) -> Self {
        Self {
            tasks: JoinSet::new(),
            attempts: HashMap::new(),
            looked: now,
            full: String::new(),
        }
    }

    /// Counts what is claimed of each domain.
    fn claimed(&self, domains: &Domains) -> ClaimedDomains {
        domains.claimed(self.attempts.values().map(|(_, domain)| &**domain))
    }

    /// Tells whether a domain that there was enough of has become worth looking at.
    fn has_drained(&self, domain: &str, domains: &Domains) -> bool {
        self.full.contains(&format!(",{domain},")) && self.claimed(domains).is_low(domain)
    }

    /// Returns how many more are worth claiming, if so many may be under way.
    fn room(&self, max: usize) -> usize {
        let room = max.saturating_sub(self.tasks.len());
        if room < BLOCK { 0 } else { room }
    }
}

impl Sender {
    /// Sends until it is asked to stop, then waits for what is under way.
    pub(crate) async fn run(self, stop: CancellationToken) -> Result<(), Infallible> {
        // Down until a mail gets through: what waited for the server while we were away is woken then.
        let down = Arc::new(AtomicBool::new(true));
        let mut wakes = self.db.listen(DELIVERIES);
        let mut flights = Flights::none(self.clock.now());
        let mut trouble = Backoff::new(Duration::from_millis(100), POLL);
        let max = self.gate.available_permits() + AHEAD;
        let (mut look, mut next) = (true, Next::Never);
        while !stop.is_cancelled() {
            let room = flights.room(max);
            if look && room > 0 {
                match self.start(room, &mut flights, &down).await {
                    Ok(more) => {
                        trouble.reset();
                        look = matches!(more, Next::Now);
                        next = more;
                    }
                    Err(error) => {
                        tracing::warn!(
                            error = &error as &dyn std::error::Error,
                            "deliveries cannot be claimed right now"
                        );
                        if trouble.next(&stop).await.is_err() {
                            break;
                        }
                    }
                }
                continue;
            }
            let due = async {
                match next {
                    Next::At(time) if !look => {
                        if retry::until(time, &self.clock, &stop).await.is_err() {
                            std::future::pending().await
                        }
                    }
                    Next::At(_) | Next::Now | Next::Never => std::future::pending().await,
                }
            };
            tokio::select! {
                () = stop.cancelled() => {}
                Some(ended) = flights.tasks.join_next_with_id() => {
                    look |= self.landed(&ended, &mut flights, &down);
                }
                () = due => look = true,
                () = wakes.changed_or(POLL) => {
                    look = true;
                    self.relay.close_idle().await;
                }
            }
        }
        while let Some(ended) = flights.tasks.join_next_with_id().await {
            let _no_more = self.landed(&ended, &mut flights, &down);
        }
        self.relay.close().await;
        Ok(())
    }

    /// Claims what is due as far as there is room, and sends it.
    async fn start(
        &self,
        limit: usize,
        flights: &mut Flights,
        down: &Arc<AtomicBool>,
    ) -> Result<Next, store::Error> {
        let now = self.clock.now();
        // The database was away, or this machine stood still: our claims may have lapsed while our sends
        // go on, and they are not to be sent a second time by ourselves.
        let missed = now.duration_since(flights.looked) >= RENEWAL;
        let (claimed, next, full) = store::write!(self.db, |tx| {
            let mut domains = flights.claimed(&self.domains);
            for ((id, claim), _) in flights.attempts.values().filter(|_| missed) {
                match deliveries::renew(tx, *id, *claim, now).await {
                    // One that cannot be read is parked when it is claimed.
                    Ok(_) | Err(store::Error::Damaged { .. }) => {}
                    Err(error) => return Err(error),
                }
            }
            let fresh = || Claim(uuid::Builder::from_random_bytes(self.clock.random()).into_uuid());
            let claimed = if limit > 0 {
                deliveries::claim(tx, now, limit, &mut domains, fresh).await?
            } else {
                Vec::new()
            };
            let full = domains.full();
            let next = deliveries::next_due(tx, &full).await?;
            Ok::<_, store::Error>((claimed, next, full))
        })?;
        flights.looked = now;
        flights.full = full;
        for claimed in claimed {
            let attempt = (claimed.delivery.id, claimed.claim);
            let domain = claimed.domain.clone();
            let (sender, down) = (self.clone(), Arc::clone(down));
            let task = flights
                .tasks
                .spawn(async move { sender.fly(claimed, &down).await });
            flights.attempts.insert(task.id(), (attempt, domain));
        }
        Ok(match next {
            None => Next::Never,
            Some(time) if time <= now => Next::Now,
            Some(time) => Next::At(time),
        })
    }

    /// Notes that a send has ended, and tells whether it is worth looking for more to its domain. One
    /// that panicked is refused for good: the next one is not stopped by it.
    fn landed(
        &self,
        ended: &Result<(Id, ()), JoinError>,
        flights: &mut Flights,
        down: &Arc<AtomicBool>,
    ) -> bool {
        let (id, panicked) = match ended {
            Ok((id, ())) => (*id, false),
            Err(error) => (error.id(), error.is_panic()),
        };
        let Some((attempt, domain)) = flights.attempts.remove(&id) else {
            return false;
        };
        if panicked {
            tracing::error!(delivery.id = %attempt.0, "sending a delivery panicked");
            let (sender, down) = (self.clone(), Arc::clone(down));
            let answer = Answer::Never(Words::new(
                "It cannot be sent: a fault of ours, which the log tells more of.",
            ));
            let task = flights.tasks.spawn(async move {
                sender
                    .held(attempt, Box::pin(sender.settle(attempt, &answer, &down)))
                    .await
            });
            flights.attempts.insert(task.id(), (attempt, domain));
            return false;
        }
        flights.has_drained(&domain, &self.domains)
    }

    /// Works on an attempt, and renews its claim meanwhile.
    async fn held(&self, attempt: Attempt, work: impl Future<Output = ()>) {
        let done = CancellationToken::new();
        let work = async {
            work.await;
            done.cancel();
        };
        tokio::join!(work, Box::pin(self.renew(attempt, &done)));
    }

    /// Renews a claim until the work is done, or somebody else has taken over: what we hear then counts
    /// for nothing.
    async fn renew(&self, (id, claim): Attempt, done: &CancellationToken) {
        let mut trouble = Backoff::new(Duration::from_millis(100), POLL);
        let mut renewed = self.clock.now();
        while retry::until(after(renewed, RENEWAL), &self.clock, done)
            .await
            .is_ok()
        {
            let now = self.clock.now();
            match store::write!(self.db, |tx| deliveries::renew(tx, id, claim, now).await) {
                Ok(true) => {
                    renewed = now;
                    trouble.reset();
                }
                Ok(false) => return,
                Err(error) => {
                    tracing::warn!(delivery.id = %id, error = &error as &dyn std::error::Error, "the claim of a mail cannot be renewed right now");
                    if trouble.next(done).await.is_err() {
                        return;
                    }
                }
            }
        }
    }

    async fn fly(&self, claimed: Claimed, down: &AtomicBool) {
        let attempt = (claimed.delivery.id, claimed.claim);
        self.held(attempt, Box::pin(self.attempt(&claimed, down)))
            .await;
    }

    async fn attempt(&self, claimed: &Claimed, down: &AtomicBool) {
        let delivery = &claimed.delivery;
        let answer = self.hand_over(claimed).await;
        let (delivery_id, tries) = (delivery.id, delivery.try_count);
        let request_id = delivery.request_id.as_str();
        match &answer {
            Answer::Taken(_) => {
                tracing::info!(delivery.id = %delivery_id, request.id = request_id, kind = delivery.kind, tries, "a mail was sent")
            }
            Answer::Later(wait, _) => {
                tracing::info!(delivery.id = %delivery_id, request.id = request_id, kind = delivery.kind, tries, ?wait, "a mail was not taken and is tried again");
            }
            Answer::Never(_) => {
                tracing::warn!(delivery.id = %delivery_id, request.id = request_id, kind = delivery.kind, tries, "a mail was refused for good");
            }
        }
        self.settle((delivery_id, claimed.claim), &answer, down)
            .await;
    }

    async fn hand_over(&self, claimed: &Claimed) -> Answer {
        let never = |why: &dyn std::fmt::Display| {
            Answer::Never(Words::new(&format!("It cannot be sent: {why}.")))
        };
        let Some(sealed) = &claimed.mail else {
            return never(&"it could not be written when it was queued");
        };
        let mail = match self.seal.open(PURPOSE, sealed) {
            Ok(mail) => mail,
            // The key may come back; what is damaged stays so.
            Err(why @ SealError::UnknownKey(_)) => {
                return Answer::Later(
                    Wait::Recipient,
                    Words::new(&format!("It cannot be opened: {why}.")),
                );
            }
            Err(why @ (SealError::Malformed | SealError::Refused)) => return never(&why),
        };
        match message::envelope(&self.from, &claimed.delivery.recipient) {
            Ok(envelope) => {
                // The domain's turn first: who waits for it keeps nobody else from the gate. Nobody
                // closes either: without a turn nothing would be sent.
                let _of_domain = self.domains.turn(&claimed.domain).await;
                let _turn = self.gate.acquire().await;
                self.relay.hand_over(&envelope, mail.expose_secret()).await
            }
            Err(why) => never(&why),
        }
    }

    /// Writes down what came of an attempt. Patient: what is not written down is sent again.
    async fn settle(&self, attempt: Attempt, answer: &Answer, down: &AtomicBool) {
        let (taken, server) = match answer {
            Answer::Taken(_) => (true, false),
            Answer::Later(Wait::Server, _) => (false, true),
            Answer::Later(Wait::Turn | Wait::Recipient, _) | Answer::Never(_) => (false, false),
        };
        let back = taken && down.swap(false, Ordering::Relaxed);
        if server {
            down.store(true, Ordering::Relaxed);
        }
        let until = after(self.clock.now(), WRITE_DOWN_MAX);
        let mut trouble = Backoff::new(Duration::from_millis(100), POLL);
        loop {
            match self.finish(attempt, answer, back).await {
                Ok(()) => return,
                Err(error) if error.transient() && self.clock.now() < until => {
                    tracing::warn!(delivery.id = %attempt.0, error = &error as &dyn std::error::Error, "what came of a mail cannot be written down yet");
                    // Not ended by a stop: only the shell's deadline cuts it.
                    if trouble.next(&CancellationToken::new()).await.is_err() {
                        return;
                    }
                }
                Err(error) => {
                    tracing::error!(delivery.id = %attempt.0, error = &error as &dyn std::error::Error, "what came of a mail was not written down; it is tried again");
                    return;
                }
            }
        }
    }

    /// Writes down what came of an attempt, if that is still the one that counts. `back` says that the
    /// server is back, so that what waits for it is due.
    async fn finish(
        &self,
        (id, claim): Attempt,
        answer: &Answer,
        back: bool,
    ) -> Result<(), store::Error> {
        let note = Note {
            id,
            claim,
            answer: answer.clone(),
            back,
        };
        self.ledger.write(note).await
    }
}

#[derive(Clone, Copy)]
enum Next {
    Now,
    At(Timestamp),
    Never,
}

/// Tries a delivery at once, and returns it as it is then.
///
/// # Errors
/// [`Error::NoDelivery`], [`Error::Sent`], and those of the database.
pub(crate) async fn retry_now(
    db: &Db,
    clock: &Clock,
    id: DeliveryId,
) -> Result<deliveries::Stored, Error> {
    store::write!(db, |tx| {
        let name = contract::DeliveryName { delivery: id };
        let Some(mut delivery) = deliveries::find(tx, id).await? else {
            return Err(Error::NoDelivery(name));
        };
        let before = delivery.progress.clone();
        let change = Change::of(&name).before(&trail::delivery(&delivery, &[]));
        match before.step(&Happening::Retried, clock.now(), Jitter(0)) {
            Step::Sent => return Err(Error::Sent(name)),
            Step::Unchanged | Step::NotSent => {}
            Step::Changed(next) => {
                delivery.progress = next;
                deliveries::save(tx, &delivery, &before).await?;
                tx.wake(DELIVERIES);
                let change = change.after(&trail::delivery(&delivery, &[]));
                trail::add(tx, clock.now(), &change).await?;
            }
        }
        Ok(delivery)
    })
}

#[cfg(test)]
mod tests;
