//! What gateways must know of tenants: the whole, or what has changed since they last heard, then
//! each change. Whatever part of a set is lost, the set is not applied.

use std::{convert::Infallible, time::Duration};

use contract::{GatewayName, Nonce, Problem, Revision, Timeline, reason};
use futures::{Stream, StreamExt as _};
use proto::provisioning::v1::{
    self as wire, Admitted, FollowGrantsRequest, FollowGrantsResponse, RefusalReason, Refused,
    follow_grants_request::Message,
};
use store::Tx;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use crate::{
    consent::Standing,
    error::Error,
    service::Service,
    store::{
        grants::{self, Grant, Head},
        positions::{self, Position},
    },
};

/// Grants in one part.
const PART: usize = 1000;
/// Parts that wait for a slow gateway; then this side waits.
const PARTS_WAITING: usize = 4;
/// A lost wake-up costs this much.
const POLL: Duration = Duration::from_secs(2);

/// Where a stream starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Start {
    /// With everything.
    Full,
    /// With what has changed since.
    After(Position),
}

/// Notes what a gateway has and decides where its stream starts.
///
/// A gateway of another timeline gets everything; one that is ahead on this timeline is refused: a
/// restored database has forgotten denials that it knows.
pub(crate) async fn greet(
    service: &Service,
    gateway: &GatewayName,
    stream: Nonce,
    has: Option<Position>,
) -> Result<Start, Error> {
    let now = service.now();
    store::write!(service.db, |tx| {
        let head = grants::head(tx).await?;
        let nothing = Position {
            timeline: head.timeline,
            revision: Revision::ZERO,
        };
        let start = match has {
            Some(has) if has.timeline != head.timeline => Start::Full,
            Some(has) if has.revision > head.revision => {
                return Err(Error::MovedBackwards {
                    ahead: has.revision.get(),
                    here: head.revision.get(),
                });
            }
            Some(has) => Start::After(has),
            None => Start::Full,
        };
        positions::begin(tx, gateway, stream, has.unwrap_or(nothing), now).await?;
        Ok(start)
    })
}

/// Streams grants to a gateway and notes what it says that it has applied, until either ends.
pub(crate) fn follow(
    service: Service,
    gateway: GatewayName,
    stream: Nonce,
    start: Start,
    said: impl Stream<Item = Result<FollowGrantsRequest, Status>> + Send + Unpin + 'static,
) -> impl Stream<Item = Result<FollowGrantsResponse, Status>> + Send + 'static {
    let (parts, waiting) = mpsc::channel(PARTS_WAITING);
    let work = async move {
        tokio::select! {
            biased;
            ended = tell(&service, start, parts) => ended.map(|never| match never {}),
            ended = hear(&service, &gateway, stream, said) => ended,
        }
    };
    let failure = futures::stream::once(work)
        .filter_map(async |ended| ended.err().map(|error| Err(Status::from(error))));
    futures::stream::select(ReceiverStream::new(waiting).map(Ok), failure)
}

async fn tell(
    service: &Service,
    start: Start,
    parts: mpsc::Sender<FollowGrantsResponse>,
) -> Result<Infallible, Error> {
    let mut changes = service.db.listen(grants::TOPIC);
    let mut sent = match start {
        Start::Full => None,
        Start::After(position) => Some(position),
    };
    let mut greeted = false;
    loop {
        let (head, full, changed) = store::read!(service.db, |tx| news(tx, sent).await)?;
        let now = Position {
            timeline: head.timeline,
            revision: head.revision,
        };
        if !greeted || sent != Some(now) {
            for part in split(head, full, &changed) {
                if parts.send(part).await.is_err() {
                    // The call is over; so is this.
                    return std::future::pending().await;
                }
            }
            (greeted, sent) = (true, Some(now));
        }
        changes.changed_or(POLL).await;
    }
}

/// Returns the head, and all grants or those that have changed since what was sent.
async fn news(tx: &mut Tx, sent: Option<Position>) -> Result<(Head, bool, Vec<Grant>), Error> {
    let head = grants::head(tx).await?;
    let since = sent
        .filter(|sent| sent.timeline == head.timeline)
        .map(|sent| sent.revision);
    let changed = match since {
        Some(revision) if revision >= head.revision => Vec::new(),
        Some(revision) => grants::changed_since(tx, revision).await?,
        None => grants::changed_since(tx, Revision::ZERO).await?,
    };
    Ok((head, since.is_none(), changed))
}

/// Cuts a set of grants into parts; there is always one, and the last one completes the set.
fn split(head: Head, full: bool, changed: &[Grant]) -> Vec<FollowGrantsResponse> {
    let chunks = changed
        .chunks(PART)
        .map(|chunk| chunk.iter().map(render).collect());
    let mut parts: Vec<Vec<wire::Grant>> = chunks.collect();
    if parts.is_empty() {
        parts.push(Vec::new());
    }
    let last = parts.len() - 1;
    let parts = parts
        .into_iter()
        .enumerate()
        .map(|(number, grants)| FollowGrantsResponse {
            timeline: head.timeline.to_string(),
            revision: head.revision.get(),
            grants,
            full,
            complete: number == last,
        });
    parts.collect()
}

fn render(grant: &Grant) -> wire::Grant {
    use wire::grant::Decision;
    let refused = |reason: RefusalReason| {
        Decision::Refused(Refused {
            reason: reason.into(),
        })
    };
    let decision = match grant.standing {
        Standing::Provisioned(_) => Decision::Admitted(Admitted {}),
        Standing::PendingAcceptance => refused(RefusalReason::PendingAcceptance),
        Standing::Denied => refused(RefusalReason::Denied),
        Standing::Failed(_) => refused(RefusalReason::Failed),
        Standing::Removed(_) => refused(RefusalReason::Removed),
    };
    wire::Grant {
        tenant: grant.tenant.to_string(),
        application: grant.application.to_string(),
        version: grant.version.to_string(),
        decision: Some(decision),
    }
}

async fn hear(
    service: &Service,
    gateway: &GatewayName,
    stream: Nonce,
    mut said: impl Stream<Item = Result<FollowGrantsRequest, Status>> + Unpin,
) -> Result<(), Error> {
    while let Some(message) = said.next().await {
        let message = message.map_err(Problem::from)?.message;
        let Some(Message::Applied(applied)) = message else {
            return Err(unexpected(
                "Only the first message says hello; those after it say what is applied.",
            ));
        };
        let timeline: Timeline = applied.timeline.parse().map_err(unexpected)?;
        let revision = Revision::try_from(applied.revision).map_err(unexpected)?;
        let position = Position { timeline, revision };
        let now = service.now();
        if !store::write!(service.db, |tx| {
            let head = grants::head(tx).await?;
            if timeline != head.timeline || revision > head.revision {
                return Err(unexpected("These grants were never sent."));
            }
            Ok(positions::advance(tx, gateway, stream, position, now).await?)
        })? {
            return Err(Error::Told(Problem::aborted(
                reason::CANCELLED,
                "A later stream speaks for this gateway.",
            )));
        }
    }
    Ok(())
}

fn unexpected(why: impl std::fmt::Display) -> Error {
    Error::Told(Problem::invalid_argument(reason::INVALID_FIELDS, why))
}
