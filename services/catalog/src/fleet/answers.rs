//! Takes gateways' answers in: all that wait for one application in one transaction, because a
//! switch holds users' requests until the last of them is written down.

use std::{collections::BTreeMap, convert::Infallible, sync::Arc, time::Duration};

use ::store::Db;
use contract::{ApplicationName, GatewayName, Nonce, Timeline};
use jiff::Timestamp;
use runtime::{Backoff, CancellationToken, Clock, SigningKey};
use tokio::sync::mpsc;

use crate::{
    application::FleetMode,
    error::Error,
    recovery,
    store::{applications, switches},
    switch::{Answer, Event, State, advance::advance, heard::tick_off},
};

/// Answers that wait at most; who has more to say waits.
const WAITING_MAX: usize = 1024;
/// Answers of one transaction at most.
const BATCH: usize = WAITING_MAX;
/// Switches that more gateways take part in are saved once for all answers that only tick a name off.
/// For fewer that saves nothing that counts, and each answer is a step of its own.
const FEW: usize = 8;
/// How a drain goes is written down this often at most, for each gateway.
const DRAINING_EVERY: Duration = Duration::from_secs(1);
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
    key: Arc<SigningKey>,
    mut answers: mpsc::Receiver<Answered>,
    stop: CancellationToken,
) -> Result<(), Infallible> {
    let mut waiting = Vec::with_capacity(BATCH);
    let mut said: BTreeMap<(ApplicationName, GatewayName), Timestamp> = BTreeMap::new();
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => return Ok(()),
            taken = answers.recv_many(&mut waiting, BATCH) => if taken == 0 { return Ok(()) },
        }
        let mut by_application: BTreeMap<ApplicationName, Vec<Answered>> = BTreeMap::new();
        let now = clock.now();
        said.retain(|_, at: &mut Timestamp| fresh(*at, now));
        for answered in waiting.drain(..) {
            if let Answer::Draining { .. } = &answered.answer {
                let by = (answered.application.clone(), answered.gateway.clone());
                if said.contains_key(&by) {
                    continue;
                }
                said.insert(by, now);
            }
            by_application
                .entry(answered.application.clone())
                .or_default()
                .push(answered);
        }
        for (application, answers) in by_application {
            let mut backoff = Backoff::new(PAUSE_FIRST, PAUSE_MAX);
            while let Err(error) = write_down(&db, &clock, &key, &application, &answers).await {
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

/// Tells whether less time has passed since than must lie between two notes of one drain.
fn fresh(at: Timestamp, now: Timestamp) -> bool {
    Duration::try_from(now.duration_since(at)).is_ok_and(|passed| passed < DRAINING_EVERY)
}

async fn write_down(
    db: &Db,
    clock: &Clock,
    key: &SigningKey,
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
        // The catalog is in recovery: no answer counts.
        if recovery::now(tx).await?.is_some() {
            return Ok(());
        }
        let mut unsaved = false;
        for answered in answers {
            if answered.timeline != known.timeline {
                continue;
            }
            let event = Event::Answered {
                gateway: answered.gateway.clone(),
                nonce: answered.nonce,
                answer: answered.answer.clone(),
            };
            let heard = switch.record.gateways.get(&answered.gateway);
            if heard.is_some_and(|heard| heard.knows(&answered.answer)) {
                continue;
            }
            let many = switch.record.gateways.len() > FEW;
            // There a step may also find that nobody is left of whom an answer is to be expected.
            let fences = match known.policy.fleet {
                FleetMode::Static => false,
                FleetMode::Fenced { .. } => matches!(switch.state, State::Preparing { .. }),
            };
            if many && !fences && tick_off(&mut switch.state, &event) {
                switch.record.note(&event, clock.now());
                unsaved = true;
                continue;
            }
            let before = switch.revision;
            switch = advance(tx, clock, key, switch, &event).await?;
            unsaved &= switch.revision == before;
        }
        if unsaved && !switches::save(tx, &switch, clock.now()).await? {
            return Err(Error::Broken(
                "a switch changed under the transaction that took answers in",
            ));
        }
        Ok(())
    })
}
