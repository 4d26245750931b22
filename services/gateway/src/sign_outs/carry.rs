//! To the catalog, and from it: one task tells what has ended here until it is taken, another hears what
//! has ended anywhere. Each goes on for as long as users are served.

use std::time::Duration;

use jiff::Timestamp;
use proto::catalog::v1::{
    FollowSignOutsRequest, RecordSignOutsRequest, SignOut,
    sign_out_service_client::SignOutServiceClient,
};
use runtime::{Backoff, CancellationToken, Client, serve::MESSAGE_BYTES_MAX};

use super::{Ending, Mark, SignOuts};

/// The pauses between tries.
const PAUSE_FIRST: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(2);
/// How long a catalog may take to take something, or to open a stream.
const ANSWER_MAX: Duration = Duration::from_secs(5);
/// The most that the catalog takes at once.
const RECORDED_MAX: usize = 100;
/// The most that is heard before it is complete: ten times what is remembered.
const HEARD_MAX: usize = 1_000_000;

/// Tells the catalog, by each of its addresses in turn, until `stop`.
pub(crate) async fn carry(sign_outs: SignOuts, catalogs: Vec<Client>, stop: CancellationToken) {
    let mut changes = sign_outs.0.changes.subscribe();
    let mut backoff = Backoff::new(PAUSE_FIRST, PAUSE_MAX);
    let mut catalogs = catalogs.iter().cycle();
    let mut catalog = catalogs.next();
    let mut failed = false;
    while let Some(client) = catalog {
        changes.borrow_and_update();
        let some = sign_outs.lock().uncarried(RECORDED_MAX);
        if some.is_empty() {
            let changed = stop.run_until_cancelled(changes.changed()).await;
            match changed {
                Some(Ok(())) => continue,
                Some(Err(_)) | None => return,
            }
        }
        let recorded = record(client.clone(), &some);
        match stop.run_until_cancelled(recorded).await {
            None => return,
            Some(Ok(())) => {
                if failed {
                    tracing::info!("the catalog takes sign-outs again");
                }
                failed = false;
                backoff.reset();
                sign_outs.lock().take(&some, true);
                sign_outs.0.changes.send_replace(());
            }
            Some(Err(status)) => {
                let why = why(&status);
                if failed {
                    tracing::debug!(why, "the catalog does not take sign-outs");
                } else {
                    tracing::warn!(
                        why,
                        "the catalog does not take sign-outs: they hold at this gateway alone until it does"
                    );
                }
                failed = true;
                catalog = catalogs.next();
                if backoff.next(&stop).await.is_err() {
                    return;
                }
            }
        }
    }
}

async fn record(catalog: Client, some: &[Ending]) -> Result<(), tonic::Status> {
    let sign_outs = some.iter().map(|ending| SignOut {
        mark: ending.mark.to_bytes().to_vec().into(),
        end_time: Some(prost_types::Timestamp {
            seconds: ending.at,
            nanos: 0,
        }),
    });
    let mut request = tonic::Request::new(RecordSignOutsRequest {
        sign_outs: sign_outs.collect(),
    });
    request.set_timeout(ANSWER_MAX);
    let mut client = SignOutServiceClient::new(catalog);
    match tokio::time::timeout(ANSWER_MAX, client.record_sign_outs(request)).await {
        Ok(answer) => answer.map(drop),
        Err(_) => Err(tonic::Status::deadline_exceeded("no answer")),
    }
}

/// Follows the catalog, by each of its addresses in turn, until `stop`.
pub(crate) async fn follow(sign_outs: SignOuts, catalogs: Vec<Client>, stop: CancellationToken) {
    let mut backoff = Backoff::new(PAUSE_FIRST, PAUSE_MAX);
    // In memory alone: after a start everything is heard, which shows what the catalog has not taken.
    let mut position = String::new();
    let mut failed = false;
    for catalog in catalogs.into_iter().cycle() {
        let mut heard = false;
        let following = follow_one(catalog, &sign_outs, &mut position, &mut heard);
        let Some(status) = stop.run_until_cancelled(following).await else {
            return;
        };
        let why = why(&status);
        if heard {
            backoff.reset();
            failed = false;
        }
        if failed {
            tracing::debug!(why, "no stream of sign-outs");
        } else {
            tracing::info!(
                why,
                "what ends at other gateways is not heard until the catalog is followed again"
            );
        }
        failed = true;
        if backoff.next(&stop).await.is_err() {
            return;
        }
    }
}

/// Returns why it ended.
async fn follow_one(
    catalog: Client,
    sign_outs: &SignOuts,
    position: &mut String,
    heard: &mut bool,
) -> tonic::Status {
    match try_follow(catalog, sign_outs, position, heard).await {
        Ok(()) => tonic::Status::unavailable("the catalog ended the stream"),
        Err(status) => status,
    }
}

async fn try_follow(
    catalog: Client,
    sign_outs: &SignOuts,
    position: &mut String,
    heard: &mut bool,
) -> Result<(), tonic::Status> {
    let mut client =
        SignOutServiceClient::new(catalog).max_decoding_message_size(MESSAGE_BYTES_MAX);
    let opening = client.follow_sign_outs(FollowSignOutsRequest {
        position: position.clone(),
    });
    let opened = tokio::time::timeout(ANSWER_MAX, opening).await;
    let late = |_| tonic::Status::deadline_exceeded("the catalog does not open a stream");
    let mut stream = opened.map_err(late)??.into_inner();
    let mut told = Vec::new();
    while let Some(part) = stream.message().await? {
        *heard = true;
        told.extend(part.sign_outs.iter().filter_map(parse));
        if told.len() > HEARD_MAX {
            return Err(tonic::Status::resource_exhausted(
                "too many sign-outs are told",
            ));
        }
        // Together: what ends all sessions need not come first.
        if part.complete {
            sign_outs.told(std::mem::take(&mut told), part.full).await;
            *position = part.position;
        }
    }
    Ok(())
}

/// Reads what has ended; what is no mark says nothing to this release.
fn parse(told: &SignOut) -> Option<Ending> {
    let at: Timestamp = contract::time::read(told.end_time?)?;
    Some(Ending {
        mark: Mark::from_bytes(&told.mark)?,
        at: at.as_second(),
    })
}

fn why(status: &tonic::Status) -> String {
    contract::Problem::from(status).message().to_owned()
}
