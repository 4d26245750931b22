//! Routes in, answers and beats out.

use std::sync::Arc;

use proto::catalog::v1::{
    FollowRequest, FollowResponse, Hello, fleet_service_client::FleetServiceClient, follow_request,
    follow_response,
};
use runtime::{Backoff, CancellationToken, Client, serve::MESSAGE_BYTES_MAX};
use tokio::sync::{mpsc, oneshot};
use tokio_stream::wrappers::ReceiverStream;

use super::{
    End, OPEN_MAX, PAUSE_FIRST, PAUSE_MAX, SAYS_MAX, Says,
    beat::{Beats, Source},
    reports::Reports,
    why,
};
use crate::{apps::Moment, control::Message};

/// What the link to the catalog tells the control loop.
pub(in crate::control) enum CatalogNews {
    /// A stream is about to be opened: what does this gateway know?
    Connecting(oneshot::Sender<Hello>),
    /// A stream is open.
    Up(Says<FollowRequest>),
    /// It broke, or could not be opened, and why.
    Down(String),
    /// The catalog said something.
    Told(Box<FollowResponse>),
    /// It renewed leases, for a beat that was sent after this moment.
    Lease(Moment),
}

/// Follows the catalog, by each of its addresses in turn, until `stop`, and reports what users were
/// answered where it wants to know.
pub(in crate::control) async fn follow(
    catalogs: Vec<Client>,
    source: Source,
    reports: Arc<Reports>,
    news: mpsc::Sender<Message>,
    stop: CancellationToken,
) {
    // Seconds are closed while there is no stream, too.
    tokio::select! {
        biased;
        () = follow_each(&catalogs, &source, &reports, &news, &stop) => {}
        () = reports.count(&stop) => {}
    }
}

async fn follow_each(
    catalogs: &[Client],
    source: &Source,
    reports: &Reports,
    news: &mpsc::Sender<Message>,
    stop: &CancellationToken,
) {
    let mut backoff = Backoff::new(PAUSE_FIRST, PAUSE_MAX);
    for catalog in catalogs.iter().cycle() {
        let ended = tokio::select! {
            biased;
            () = stop.cancelled() => return,
            ended = follow_one(catalog.clone(), source, reports, news, &mut backoff) => ended,
        };
        let why = match ended {
            End::Broken(why) => why,
            End::LoopEnded => return,
        };
        tracing::debug!(why, "no stream to the catalog");
        if news
            .send(Message::Catalog(CatalogNews::Down(why)))
            .await
            .is_err()
            || backoff.next(stop).await.is_err()
        {
            return;
        }
    }
}

async fn follow_one(
    catalog: Client,
    source: &Source,
    reports: &Reports,
    news: &mpsc::Sender<Message>,
    backoff: &mut Backoff,
) -> End {
    let followed = try_follow(catalog, source, reports, news, backoff).await;
    reports.end_stream();
    match followed {
        Ok(()) => End::Broken("the catalog ended the stream".to_owned()),
        Err(end) => end,
    }
}

async fn try_follow(
    catalog: Client,
    source: &Source,
    reports: &Reports,
    news: &mpsc::Sender<Message>,
    backoff: &mut Backoff,
) -> Result<(), End> {
    let tell = |told| news.send(Message::Catalog(told));
    let (reply, hello) = oneshot::channel();
    tell(CatalogNews::Connecting(reply)).await?;
    let hello = hello.await?;

    let (says, said) = Says::channel();
    let first = FollowRequest {
        message: Some(follow_request::Message::Hello(hello)),
    };
    says.messages.send(first).await?;
    let mut client = FleetServiceClient::new(catalog).max_decoding_message_size(MESSAGE_BYTES_MAX);
    let opening = client.follow(ReceiverStream::new(said));
    let mut stream = tokio::time::timeout(OPEN_MAX, opening)
        .await
        .map_err(|_| End::Broken("the catalog does not open a stream".to_owned()))?
        .map_err(|status| End::Broken(why(&status)))?
        .into_inner();
    tell(CatalogNews::Up(says.clone())).await?;

    let mut beats = Beats::new(source.clone());
    reports.begin_stream();
    // What was heard and the control loop has not taken yet: beats go on meanwhile.
    let mut heard = None;
    loop {
        tokio::select! {
            biased;
            due = beats.due() => match due {
                Some(true) => {
                    if says.messages.try_send(beats.next_beat()).is_err() {
                        return Err(End::Broken("the catalog takes nothing more".to_owned()));
                    }
                }
                Some(false) => {}
                None => return Err(End::LoopEnded),
            },
            place = news.reserve(), if heard.is_some() => {
                let place = place.map_err(|_| End::LoopEnded)?;
                if let Some(told) = heard.take() {
                    place.send(Message::Catalog(told));
                }
            }
            response = stream.message(), if heard.is_none() => match response {
                Ok(Some(response)) => {
                    backoff.reset();
                    reports.hear(&response);
                    heard = understood(response, &mut beats);
                }
                Ok(None) => return Ok(()),
                Err(status) => return Err(End::Broken(why(&status))),
            },
            // Last, and only while there is room: what a switch waits for goes first.
            report = reports.next(), if says.messages.capacity() > SAYS_MAX / 2 => {
                if says.messages.try_send(report).is_err() {
                    return Err(End::Broken("the catalog takes nothing more".to_owned()));
                }
            }
            () = says.broken.cancelled() => {
                return Err(End::Broken("the catalog takes nothing more".to_owned()));
            }
        }
    }
}

/// Makes news of what the catalog said. A lease says only which beat it is for; only here is known
/// when that was sent.
fn understood(response: FollowResponse, beats: &mut Beats) -> Option<CatalogNews> {
    match response.message {
        Some(follow_response::Message::Lease(lease)) => {
            beats.granted(lease.sequence).map(CatalogNews::Lease)
        }
        Some(follow_response::Message::TrafficTaken(_)) => None,
        Some(
            follow_response::Message::Route(_)
            | follow_response::Message::Removed(_)
            | follow_response::Message::Synced(_)
            | follow_response::Message::DrainOrder(_),
        )
        | None => Some(CatalogNews::Told(Box::new(response))),
    }
}
