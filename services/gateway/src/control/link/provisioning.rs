//! Grants in, what is applied and durable out.

use std::time::Duration;

use contract::{GatewayName, GatewayRef};
use proto::provisioning::v1::{
    FollowGrantsRequest, GrantsHello, follow_grants_request,
    grant_service_client::GrantServiceClient,
};
use runtime::{Backoff, CancellationToken, Client, serve::MESSAGE_BYTES_MAX};
use tokio::{
    sync::{mpsc, oneshot},
    time::Instant,
};
use tokio_stream::wrappers::ReceiverStream;

use super::{End, OPEN_MAX, PAUSE_FIRST, PAUSE_MAX, Says, why};
use crate::control::{
    Message,
    grants::{Collector, GrantSet, GrantsError, GrantsPosition},
};

/// A reconnect takes less; who is away for longer is cut off, and a switch need not wait.
const CUT_OFF_AFTER: Duration = Duration::from_secs(3);

/// What the link to provisioning tells the control loop.
pub(in crate::control) enum GrantsNews {
    /// A stream is about to be opened: what does this gateway have for good?
    Connecting(oneshot::Sender<Option<GrantsPosition>>),
    /// A stream is open.
    Up(Says<FollowGrantsRequest>),
    /// It broke, or could not be opened, and why.
    Down(String),
    /// It has been away for long.
    CutOff,
    /// A set of grants is complete: take it, or say why not.
    Told(GrantSet, oneshot::Sender<Result<(), GrantsError>>),
}

/// Follows provisioning until `stop`.
pub(in crate::control) async fn follow(
    provisioning: Client,
    gateway: GatewayName,
    news: mpsc::Sender<Message>,
    stop: CancellationToken,
) {
    let link = Link {
        client: GrantServiceClient::new(provisioning).max_decoding_message_size(MESSAGE_BYTES_MAX),
        gateway: GatewayRef::from(gateway).to_string(),
        news,
    };
    let mut backoff = Backoff::new(PAUSE_FIRST, PAUSE_MAX);
    let mut away: Option<Instant> = None;
    loop {
        let mut up = false;
        let ended = tokio::select! {
            biased;
            () = stop.cancelled() => return,
            ended = link.follow_once(&mut backoff, &mut up) => ended,
        };
        let why = match ended {
            Ok(()) => "provisioning ended the stream".to_owned(),
            Err(End::Broken(why)) => why,
            Err(End::LoopEnded) => return,
        };
        tracing::debug!(why, "no stream to provisioning");
        let since = match away {
            Some(since) if !up => since,
            Some(_) | None => Instant::now(),
        };
        away = Some(since);
        let told = link.tell(GrantsNews::Down(why)).await;
        let told = match told {
            Ok(()) if since.elapsed() >= CUT_OFF_AFTER => link.tell(GrantsNews::CutOff).await,
            told => told,
        };
        if told.is_err() || backoff.next(&stop).await.is_err() {
            return;
        }
    }
}

struct Link {
    client: GrantServiceClient<Client>,
    gateway: String,
    news: mpsc::Sender<Message>,
}

impl Link {
    async fn tell(&self, news: GrantsNews) -> Result<(), End> {
        Ok(self.news.send(Message::Grants(news)).await?)
    }

    async fn follow_once(&self, backoff: &mut Backoff, up: &mut bool) -> Result<(), End> {
        let (reply, known) = oneshot::channel();
        self.tell(GrantsNews::Connecting(reply)).await?;
        let known = known.await?;

        let (says, said) = Says::channel();
        let hello = GrantsHello {
            gateway: self.gateway.clone(),
            timeline: known
                .map(|known| known.timeline.to_string())
                .unwrap_or_default(),
            revision: known.map_or(0, |known| known.revision.get()),
        };
        says.messages
            .send(FollowGrantsRequest {
                message: Some(follow_grants_request::Message::Hello(hello)),
            })
            .await?;
        let mut client = self.client.clone();
        let opening = client.follow_grants(ReceiverStream::new(said));
        let mut stream = tokio::time::timeout(OPEN_MAX, opening)
            .await
            .map_err(|_| End::Broken("provisioning does not open a stream".to_owned()))?
            .map_err(|status| End::Broken(why(&status)))?
            .into_inner();
        // Who knows nothing yet follows only from the first complete set on.
        let mut founded = known.is_some();
        if founded {
            *up = true;
            self.tell(GrantsNews::Up(says.clone())).await?;
        }
        let mut collector = Collector::default();
        loop {
            let part = tokio::select! {
                biased;
                part = stream.message() => part.map_err(|status| End::Broken(why(&status)))?,
                () = says.broken.cancelled() => {
                    return Err(End::Broken("provisioning takes nothing more".to_owned()));
                }
            };
            let Some(part) = part else { return Ok(()) };
            backoff.reset();
            let set = match collector.take(&part) {
                Ok(None) => continue,
                Ok(Some(set)) => set,
                Err(error) => return Err(refused(&error)),
            };
            let (reply, taken) = oneshot::channel();
            self.tell(GrantsNews::Told(set, reply)).await?;
            if let Err(error) = taken.await? {
                return Err(refused(&error));
            }
            if !founded {
                founded = true;
                *up = true;
                self.tell(GrantsNews::Up(says.clone())).await?;
            }
        }
    }
}

fn refused(error: &GrantsError) -> End {
    tracing::error!(
        %error,
        "provisioning's word is not taken, what is known stays; if it is right, stop this gateway and empty its state folder"
    );
    End::Broken(error.to_string())
}
