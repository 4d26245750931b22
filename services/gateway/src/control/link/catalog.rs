//! Routes in, answers and beats out.

use proto::catalog::v1::{
    FollowRequest, FollowResponse, Hello, fleet_service_client::FleetServiceClient, follow_request,
    follow_response,
};
use runtime::{Backoff, CancellationToken, Client, serve::MESSAGE_BYTES_MAX};
use tokio::sync::{mpsc, oneshot};
use tokio_stream::wrappers::ReceiverStream;

use super::{
    End, OPEN_MAX, PAUSE_FIRST, PAUSE_MAX, Says,
    beat::{Beats, Source},
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

/// Follows the catalog, by each of its addresses in turn, until `stop`.
pub(in crate::control) async fn follow(
    catalogs: Vec<Client>,
    source: Source,
    news: mpsc::Sender<Message>,
    stop: CancellationToken,
) {
    let mut backoff = Backoff::new(PAUSE_FIRST, PAUSE_MAX);
    for catalog in catalogs.iter().cycle() {
        let ended = tokio::select! {
            biased;
            () = stop.cancelled() => return,
            ended = follow_one(catalog.clone(), &source, &news, &mut backoff) => ended,
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
            || backoff.next(&stop).await.is_err()
        {
            return;
        }
    }
}

async fn follow_one(
    catalog: Client,
    source: &Source,
    news: &mpsc::Sender<Message>,
    backoff: &mut Backoff,
) -> End {
    match try_follow(catalog, source, news, backoff).await {
        Ok(()) => End::Broken("the catalog ended the stream".to_owned()),
        Err(end) => end,
    }
}

async fn try_follow(
    catalog: Client,
    source: &Source,
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
                    heard = understood(response, &mut beats);
                }
                Ok(None) => return Ok(()),
                Err(status) => return Err(End::Broken(why(&status))),
            },
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
        Some(
            follow_response::Message::Route(_)
            | follow_response::Message::Removed(_)
            | follow_response::Message::Synced(_)
            | follow_response::Message::DrainOrder(_),
        )
        | None => Some(CatalogNews::Told(Box::new(response))),
    }
}
