//! Takes gateways' answers in: all that wait for one application in one transaction, because a
//! switch holds users' requests until the last of them is written down.

use std::{collections::BTreeMap, convert::Infallible, time::Duration};

use ::store::Db;
use contract::{ApplicationName, GatewayName, Nonce, Timeline};
use runtime::{Backoff, CancellationToken, Clock};
use tokio::sync::mpsc;

use crate::{
    error::Error,
    store::{applications, switches},
    switch::{Answer, Event, advance::advance},
};

/// Answers that wait at most; who has more to say waits.
const WAITING_MAX: usize = 1024;
/// Answers of one transaction at most.
const BATCH: usize = 256;
const PAUSE_FIRST: Duration = Duration::from_millis(5);
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// One answer of one gateway.
#[derive(Debug, Clone)]
pub(crate) struct Answered {
    pub(crate) gateway: GatewayName,
    pub(crate) application: ApplicationName,
    pub(crate) timeline: Timeline,
    pub(crate) nonce: Nonce,
    pub(crate) answer: Answer,
}

/// Returns where answers go in, and where [`take_in`] takes them from.
pub(crate) fn channel() -> (mpsc::Sender<Answered>, mpsc::Receiver<Answered>) {
    mpsc::channel(WAITING_MAX)
}

/// Takes answers in until `stop`. One that cannot be written down is tried again: a gateway says it
/// once a stream.
pub(crate) async fn take_in(
    db: Db,
    clock: Clock,
    mut answers: mpsc::Receiver<Answered>,
    stop: CancellationToken,
) -> Result<(), Infallible> {
    let mut waiting = Vec::with_capacity(BATCH);
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => return Ok(()),
            taken = answers.recv_many(&mut waiting, BATCH) => if taken == 0 { return Ok(()) },
        }
        let mut by_application: BTreeMap<ApplicationName, Vec<Answered>> = BTreeMap::new();
        for answered in waiting.drain(..) {
            by_application
                .entry(answered.application.clone())
                .or_default()
                .push(answered);
        }
        for (application, answers) in by_application {
            let mut backoff = Backoff::new(PAUSE_FIRST, PAUSE_MAX);
            while let Err(error) = write_down(&db, &clock, &application, &answers).await {
                let hopeless = match &error {
                    Error::Store(store) => !store.transient(),
                    _ => true,
                };
                tracing::error!(
                    application.name = %application,
                    answers = answers.len(),
                    hopeless,
                    error = &error as &dyn std::error::Error,
                    "answers of gateways could not be written down"
                );
                if hopeless {
                    break;
                }
                if backoff.next(&stop).await.is_err() {
                    return Ok(());
                }
            }
        }
    }
}

async fn write_down(
    db: &Db,
    clock: &Clock,
    application: &ApplicationName,
    answers: &[Answered],
) -> Result<(), Error> {
    ::store::write!(db, |tx| {
        let Some(known) = applications::find(tx, application).await? else {
            return Ok(());
        };
        let Some(mut switch) = switches::find_open(tx, application).await? else {
            return Ok(());
        };
        for answered in answers {
            if answered.timeline != known.timeline {
                continue;
            }
            let event = Event::Answered {
                gateway: answered.gateway.clone(),
                nonce: answered.nonce,
                answer: answered.answer.clone(),
            };
            switch = advance(tx, clock, switch, &event).await?;
        }
        Ok(())
    })
}
