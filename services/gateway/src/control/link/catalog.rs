//! Routes in, answers and beats out.

use std::time::Duration;

use proto::catalog::v1::{
    Beat, FollowRequest, FollowResponse, Hello, fleet_service_client::FleetServiceClient,
    follow_request,
};
use runtime::{Backoff, CancellationToken, Client, serve::MESSAGE_BYTES_MAX};
use tokio::{
    sync::{mpsc, oneshot},
    time::MissedTickBehavior,
};
use tokio_stream::wrappers::ReceiverStream;

use super::{End, OPEN_MAX, PAUSE_FIRST, PAUSE_MAX, Says, why};
use crate::control::Message;

/// How often a gateway says that it is there.
const BEAT: Duration = Duration::from_secs(5);

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
}

/// Follows the catalog, by each of its addresses in turn, until `stop`.
pub(in crate::control) async fn follow(
    catalogs: Vec<Client>,
    news: mpsc::Sender<Message>,
    stop: CancellationToken,
) {
    let mut backoff = Backoff::new(PAUSE_FIRST, PAUSE_MAX);
    for catalog in catalogs.iter().cycle() {
        let ended = tokio::select! {
            biased;
            () = stop.cancelled() => return,
            ended = follow_one(catalog.clone(), &news, &mut backoff) => ended,
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

async fn follow_one(catalog: Client, news: &mpsc::Sender<Message>, backoff: &mut Backoff) -> End {
    match try_follow(catalog, news, backoff).await {
        Ok(()) => End::Broken("the catalog ended the stream".to_owned()),
        Err(end) => end,
    }
}

async fn try_follow(
    catalog: Client,
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

    let mut beat = tokio::time::interval(BEAT);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            _ = beat.tick() => {
                let beat = FollowRequest {
                    message: Some(follow_request::Message::Beat(Beat::default())),
                };
                if says.messages.try_send(beat).is_err() {
                    return Err(End::Broken("the catalog takes nothing more".to_owned()));
                }
            }
            heard = stream.message() => match heard {
                Ok(Some(response)) => {
                    backoff.reset();
                    tell(CatalogNews::Told(Box::new(response))).await?;
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
