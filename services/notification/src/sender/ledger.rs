//! Writes down what came of mails: all that wait at one moment in one transaction, because each
//! transaction waits for the disk.

use std::sync::{Arc, Mutex, PoisonError};

use contract::DeliveryId;
use runtime::Clock;
use store::{Db, Error, Tx};
use tokio::sync::{Mutex as Pen, oneshot};

use crate::{
    delivery::{Answer, Claim, Happening, Jitter, Step},
    publish::tell_of_mail,
    store::{deliveries, tries},
};

/// What came of one attempt.
#[derive(Debug, Clone)]
pub(super) struct Note {
    /// Of which delivery.
    pub(super) id: DeliveryId,
    /// Under which claim: it counts for nothing if another has followed.
    pub(super) claim: Claim,
    /// The server's answer.
    pub(super) answer: Answer,
    /// The server is back, so that what waits for it is due.
    pub(super) back: bool,
}

struct Entry {
    note: Note,
    done: oneshot::Sender<Result<(), Error>>,
}

/// Where notes wait. Clones are the same ledger.
#[derive(Clone)]
pub(crate) struct Ledger {
    db: Db,
    clock: Clock,
    waiting: Arc<Mutex<Vec<Entry>>>,
    pen: Arc<Pen<()>>,
}

impl Ledger {
    pub(crate) fn new(db: Db, clock: Clock) -> Self {
        Self {
            db,
            clock,
            waiting: Arc::default(),
            pen: Arc::default(),
        }
    }

    /// Returns once the note is durable. Whoever gets the pen writes for all that wait by then.
    pub(super) async fn write(&self, note: Note) -> Result<(), Error> {
        loop {
            let (done, mut written) = oneshot::channel();
            let entry = Entry {
                note: note.clone(),
                done,
            };
            self.waiting().push(entry);
            let pen = self.pen.lock().await;
            match written.try_recv() {
                Ok(result) => return result,
                Err(oneshot::error::TryRecvError::Empty) => self.write_all().await,
                // Whoever wrote for us was cut off, and nothing is known.
                Err(oneshot::error::TryRecvError::Closed) => continue,
            }
            drop(pen);
            if let Ok(result) = written.await {
                return result;
            }
        }
    }

    fn waiting(&self) -> std::sync::MutexGuard<'_, Vec<Entry>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn write_all(&self) {
        let entries = std::mem::take(&mut *self.waiting());
        let notes: Vec<&Note> = entries.iter().map(|entry| &entry.note).collect();
        if let Ok(()) = self.together(&notes).await {
            for entry in entries {
                // Whoever does not wait any more was cut off.
                entry.done.send(Ok(())).ok();
            }
            return;
        }
        // One that cannot be written keeps nobody else's from it.
        for entry in entries {
            let result = self.together(&[&entry.note]).await;
            entry.done.send(result).ok();
        }
    }

    async fn together(&self, notes: &[&Note]) -> Result<(), Error> {
        store::write!(self.db, |tx| {
            if notes.iter().any(|note| note.back) {
                deliveries::wake_waiting(tx, self.clock.now()).await?;
            }
            for note in notes {
                self.one(tx, note).await?;
            }
            Ok(())
        })
    }

    async fn one(&self, tx: &mut Tx, note: &Note) -> Result<(), Error> {
        let Note {
            id, claim, answer, ..
        } = note;
        let Some(mut delivery) = deliveries::find(tx, *id).await? else {
            return Ok(());
        };
        let before = delivery.progress.clone();
        let jitter = Jitter(u32::from_le_bytes(self.clock.random()));
        let happening = Happening::Answered(*claim, answer.clone());
        let Step::Changed(next) = before.step(&happening, self.clock.now(), jitter) else {
            tracing::warn!(delivery.id = %id, "an answer came after its claim had lapsed");
            return Ok(());
        };
        delivery.progress = next;
        if !deliveries::save(tx, &delivery, &before).await? {
            return Ok(());
        }
        tries::end(tx, *id, delivery.try_count, answer.words().as_str()).await?;
        let Some((kind, why)) = delivery.progress.told() else {
            return Ok(());
        };
        let request_id = delivery.request_id.parse().ok();
        tell_of_mail(
            tx,
            &self.clock,
            *id,
            delivery.try_count,
            kind,
            &delivery.subject,
            why,
            request_id.as_ref(),
        )
        .await
    }
}
