//! Publishes queued notices, each at least once; the notification service makes of repeats one.
//! Nothing here logs what a notice says.

use std::{convert::Infallible, time::Duration};

use contract::{Code, Problem};
use jiff::{SignedDuration, Timestamp};
use prost::Message as _;
use proto::notification::v1::{
    Notice, PublishNoticesRequest, notice_service_client::NoticeServiceClient,
};
use runtime::{Backoff, CancellationToken, Client};
use secrecy::ExposeSecret as _;
use store::Tx;
use tonic::Request;

use crate::{
    change::{Change, Stood, What},
    consent::{Standing, state::Mail},
    error::Error,
    notices::SEALED_FOR,
    service::Service,
    store::{
        changes::{self, Numbers},
        offers,
        outbox::{self, Waiting},
        provisionings,
    },
};

/// How long whoever has taken notices has for them before somebody else may.
const CLAIM: SignedDuration = SignedDuration::from_secs(30);
/// How long the notification service may take to answer; well below the claim.
const PATIENCE: Duration = Duration::from_secs(10);
/// A lost wake-up costs this much.
const POLL: Duration = Duration::from_secs(5);
/// Bounds of the pauses while nothing can be published.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// How long a row says that its notice was taken.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(7 * 24);

/// What came of one look at the outbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Published {
    /// Nothing was due.
    Nothing,
    /// Something was, and is done.
    Some,
}

/// Publishes until `stop`.
pub(crate) async fn run(
    service: Service,
    client: Client,
    stop: CancellationToken,
) -> Result<(), Infallible> {
    let mut queued = service.db.listen(outbox::TOPIC);
    let mut backoff = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
    while !stop.is_cancelled() {
        match publish(&service, &client).await {
            Ok(Published::Some) => backoff.reset(),
            Ok(Published::Nothing) => {
                backoff.reset();
                tokio::select! {
                    biased;
                    () = queued.changed_or(POLL) => {}
                    () = stop.cancelled() => {}
                }
            }
            Err(error) => {
                tracing::warn!(%error, "notices wait: they cannot be published");
                if backoff.next(&stop).await.is_err() {
                    break;
                }
            }
        }
    }
    Ok(())
}

/// Publishes what is due, at most one batch.
pub(crate) async fn publish(service: &Service, client: &Client) -> Result<Published, Error> {
    let now = service.now();
    let taken = store::write!(service.db, |tx| {
        outbox::forget(tx, now - REMEMBERED).await?;
        outbox::take(tx, now, now + CLAIM).await
    })?;
    if taken.is_empty() {
        return Ok(Published::Nothing);
    }
    let (mut notices, mut rows) = (Vec::new(), Vec::new());
    for row in &taken {
        match open(service, row) {
            Ok(notice) => {
                notices.push(notice);
                rows.push(row);
            }
            Err(why) => park(service, row, &why, now).await?,
        }
    }
    match send(client, notices.clone()).await {
        Ok(()) => finish(service, &rows, now).await?,
        // One of them is refused for good: find out which, so that the others go on.
        Err(problem) if problem.code() == Code::InvalidArgument => {
            for (row, notice) in rows.iter().zip(notices) {
                match send(client, vec![notice]).await {
                    Ok(()) => finish(service, &[row], now).await?,
                    Err(problem) if problem.code() == Code::InvalidArgument => {
                        park(service, row, problem.message(), now).await?;
                    }
                    Err(problem) => return put_off(service, &rows, problem).await,
                }
            }
        }
        Err(problem) => return put_off(service, &rows, problem).await,
    }
    Ok(Published::Some)
}

fn open(service: &Service, row: &Waiting) -> Result<Notice, String> {
    let sealed = service
        .seal
        .open(SEALED_FOR, &row.body)
        .map_err(|error| error.to_string())?;
    Notice::decode(sealed.expose_secret()).map_err(|error| error.to_string())
}

async fn send(client: &Client, notices: Vec<Notice>) -> Result<(), Problem> {
    if notices.is_empty() {
        return Ok(());
    }
    let mut request = Request::new(PublishNoticesRequest { notices });
    request.set_timeout(PATIENCE);
    NoticeServiceClient::new(client.clone())
        .publish_notices(request)
        .await?;
    Ok(())
}

async fn finish(service: &Service, rows: &[&Waiting], now: Timestamp) -> Result<(), Error> {
    store::write!(service.db, |tx| {
        let mut numbers = Numbers::default();
        for row in rows {
            outbox::done(tx, &row.notice, now).await?;
            handed_over(tx, &mut numbers, &row.notice, now).await?;
        }
        Ok(())
    })
}

/// Keeps for the record that a tenant was asked, if that is what the notice did.
async fn handed_over(
    tx: &mut Tx,
    numbers: &mut Numbers,
    notice: &str,
    now: Timestamp,
) -> Result<(), Error> {
    let Some(offer) = offers::of_notice(tx, notice).await? else {
        return Ok(());
    };
    let asked = provisionings::find(tx, &offer.name)
        .await?
        .filter(|row| row.consent.standing == Standing::PendingAcceptance);
    let Some(row) = asked else {
        return Ok(());
    };
    let stood = |mail| Stood {
        standing: row.consent.standing,
        mail,
        granted_at: row.granted_at,
    };
    let change = Change {
        name: offer.name,
        what: What::MailHandedOver,
        at: now,
        actor: "services/notification".to_owned(),
        reason: String::new(),
        stood: Some(stood(Mail::Waiting)),
        stands: stood(Mail::Settled),
        switch: offer.switch,
        request: None,
    };
    Ok(changes::insert(tx, numbers, &change).await?)
}

async fn park(service: &Service, row: &Waiting, why: &str, now: Timestamp) -> Result<(), Error> {
    tracing::error!(notice = %row.notice, tries = row.tries, why, "a notice is refused for good and put aside");
    Ok(store::write!(service.db, |tx| outbox::park(
        tx,
        &row.notice,
        now
    )
    .await)?)
}

/// Makes the rows due at once: the pauses are the caller's, so that all go out when they end.
async fn put_off(
    service: &Service,
    rows: &[&Waiting],
    problem: Problem,
) -> Result<Published, Error> {
    let now = service.now();
    store::write!(service.db, |tx| {
        for row in rows {
            outbox::later(tx, &row.notice, now).await?;
        }
        Ok::<_, Error>(())
    })?;
    Err(Error::Told(problem))
}
