//! A gateway as the catalog sees it: a real stream, and an answer to every turn at once. Nothing
//! is served behind it.

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Context as _, Result, bail};
use contract::Role;
use jiff::Timestamp;
use proto::catalog::v1::{
    Answer, Applied, Beat, Drained, FollowRequest, Held, Hello, Ready, Released, Route, answer,
    fleet_service_client::FleetServiceClient, follow_request, follow_response, route,
};
use runtime::{Client, Clock, Credentials, Endpoint, connect_lazy, serve::MESSAGE_BYTES_MAX};
use sha2::{Digest as _, Sha256};
use tokio::{sync::mpsc, time::MissedTickBehavior};
use tokio_stream::wrappers::ReceiverStream;

/// How often a gateway says that it is there.
const BEAT: Duration = Duration::from_secs(5);

/// What a simulated gateway saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Sight {
    /// It follows: every route is known.
    Synced,
    /// It has said that it holds, for this switch.
    Held(String, Timestamp),
    /// It was told that this switch is committed.
    Told(String, Timestamp),
    /// Its stream has ended, and why.
    Ended(String),
}

/// Follows the catalog as one gateway for as long as the stream lasts.
pub(super) async fn follow(catalog: Endpoint, number: u32, sights: mpsc::UnboundedSender<Sight>) {
    let why = match try_follow(&catalog, number, &sights).await {
        Ok(()) => "the catalog ended the stream".to_owned(),
        Err(fault) => format!("{fault:#}"),
    };
    // Nobody looks any more at the end of a measurement.
    drop(sights.send(Sight::Ended(why)));
}

struct Gateway {
    says: mpsc::Sender<FollowRequest>,
    sights: mpsc::UnboundedSender<Sight>,
    clock: Clock,
    /// The nonce of the last turn that was answered, and the hash of what is applied, by
    /// application.
    applied: BTreeMap<String, (String, [u8; 32])>,
}

async fn try_follow(
    catalog: &Endpoint,
    number: u32,
    sights: &mpsc::UnboundedSender<Sight>,
) -> Result<()> {
    let name = format!("gateways/simulated-{number}");
    let credentials = Credentials::claimed(Role::Gateway, &name)?;
    let client: Client = connect_lazy(catalog, &credentials)?;
    let mut client = FleetServiceClient::new(client).max_decoding_message_size(MESSAGE_BYTES_MAX);
    let (says, said) = mpsc::channel(64);
    let mut gateway = Gateway {
        says,
        sights: sights.clone(),
        clock: Clock::real(),
        applied: BTreeMap::new(),
    };
    let hello = Hello {
        gateway: name,
        boot: uuid::Uuid::new_v4().to_string(),
        software: "simulated".to_owned(),
        ..Default::default()
    };
    gateway.say(follow_request::Message::Hello(hello)).await?;
    let mut stream = client.follow(ReceiverStream::new(said)).await?.into_inner();
    let mut beat = tokio::time::interval(BEAT);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut sequence = 0;
    loop {
        tokio::select! {
            heard = stream.message() => match heard?.map(|response| response.message) {
                Some(Some(message)) => gateway.hear(message).await?,
                Some(None) => {}
                None => return Ok(()),
            },
            _ = beat.tick() => {
                sequence += 1;
                gateway.beat(sequence).await?;
            }
        }
    }
}

impl Gateway {
    async fn hear(&mut self, message: follow_response::Message) -> Result<()> {
        match message {
            follow_response::Message::Route(route) => self.apply(route).await,
            follow_response::Message::Removed(removed) => {
                self.applied.remove(&removed.application);
                Ok(())
            }
            follow_response::Message::Synced(_) => Ok(self.sights.send(Sight::Synced)?),
            follow_response::Message::Lease(_)
            | follow_response::Message::DrainOrder(_)
            | follow_response::Message::TrafficTaken(_) => Ok(()),
        }
    }

    /// Takes a route, and answers its turn unless that was done before.
    async fn apply(&mut self, route: Route) -> Result<()> {
        let now = self.clock.now();
        let (nonce, switch, answers) = match &route.turn {
            None => (String::new(), String::new(), Vec::new()),
            Some(route::Turn::Preparing(turn)) => (
                turn.nonce.clone(),
                turn.switch.clone(),
                vec![answer::Answer::Ready(Ready {})],
            ),
            Some(route::Turn::Holding(turn)) => (
                turn.nonce.clone(),
                turn.switch.clone(),
                vec![answer::Answer::Held(Held {})],
            ),
            Some(route::Turn::Releasing(turn)) => (
                turn.nonce.clone(),
                turn.switch.clone(),
                vec![
                    answer::Answer::Released(Released::default()),
                    answer::Answer::Drained(Drained::default()),
                ],
            ),
        };
        let hash: [u8; 32] = Sha256::digest(prost::Message::encode_to_vec(&route)).into();
        let before = self
            .applied
            .insert(route.application.clone(), (nonce.clone(), hash));
        let new = before.is_none_or(|(before, _)| before != nonce);
        for answer in answers.into_iter().filter(|_| new) {
            match &answer {
                answer::Answer::Held(_) => self.sights.send(Sight::Held(switch.clone(), now))?,
                answer::Answer::Released(_) => {
                    self.sights.send(Sight::Told(switch.clone(), now))?;
                }
                answer::Answer::Ready(_)
                | answer::Answer::NotReady(_)
                | answer::Answer::Drained(_)
                | answer::Answer::Draining(_) => {}
            }
            let answer = Answer {
                application: route.application.clone(),
                timeline: route.timeline.clone(),
                revision: route.revision,
                nonce: nonce.clone(),
                answer: Some(answer),
            };
            self.say(follow_request::Message::Answer(answer)).await?;
        }
        let applied = Applied {
            application: route.application,
            timeline: route.timeline,
            revision: route.revision,
            hash: hex(&hash),
        };
        self.say(follow_request::Message::Applied(applied)).await
    }

    async fn beat(&self, sequence: u64) -> Result<()> {
        let mut all = Sha256::new();
        for (_, hash) in self.applied.values() {
            all.update(hex(hash));
        }
        let beat = Beat {
            sequence,
            state_hash: hex(&all.finalize()),
            ready: true,
            ..Default::default()
        };
        self.say(follow_request::Message::Beat(beat)).await
    }

    async fn say(&self, message: follow_request::Message) -> Result<()> {
        let request = FollowRequest {
            message: Some(message),
        };
        self.says
            .send(request)
            .await
            .context("the catalog takes nothing more")
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Returns what ended a stream, as a fault.
pub(super) fn broken(why: &str) -> Result<()> {
    bail!("a simulated gateway's stream ended: {why}")
}
