//! A gateway that follows the grants and says what it has applied when told to.

use super::*;

use grant_service_client::GrantServiceClient;
use proto::provisioning::v1::{follow_grants_request::Message, grant::Decision as GrantDecision};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;

pub(crate) struct Gateway {
    say: mpsc::Sender<FollowGrantsRequest>,
    heard: Streaming<FollowGrantsResponse>,
}

/// One complete set of grants.
#[derive(Debug, Clone)]
pub(crate) struct Set {
    pub(crate) timeline: String,
    pub(crate) revision: u64,
    pub(crate) full: bool,
    pub(crate) parts: usize,
    /// `admitted` or the reason of the refusal, by tenant and version.
    pub(crate) grants: BTreeMap<(String, String), String>,
}

impl Gateway {
    /// Connects as a gateway that has applied this.
    pub(crate) async fn connect(
        endpoint: &Endpoint,
        name: &str,
        timeline: &str,
        revision: u64,
    ) -> Result<Gateway, Problem> {
        Self::connect_as(endpoint, name, name, timeline, revision).await
    }

    /// Connects as gateway `caller` that says it is `name`.
    pub(crate) async fn connect_as(
        endpoint: &Endpoint,
        caller: &str,
        name: &str,
        timeline: &str,
        revision: u64,
    ) -> Result<Gateway, Problem> {
        let credentials =
            Credentials::claimed(Role::Gateway, &format!("gateways/{caller}")).unwrap();
        let client = connect_lazy(endpoint, &credentials).unwrap();
        let (say, said) = mpsc::channel(16);
        let hello = GrantsHello {
            gateway: format!("gateways/{name}"),
            timeline: timeline.to_owned(),
            revision,
        };
        let hello = FollowGrantsRequest {
            message: Some(Message::Hello(hello)),
        };
        say.send(hello).await.unwrap();
        let answer = GrantServiceClient::new(client)
            .follow_grants(ReceiverStream::new(said))
            .await?;
        let heard = answer.into_inner();
        Ok(Gateway { say, heard })
    }

    /// Returns the next complete set of grants.
    pub(crate) async fn next(&mut self) -> Result<Set, Problem> {
        let mut set: Option<Set> = None;
        loop {
            let part = tokio::time::timeout(PATIENCE, self.heard.message()).await;
            let Some(part) = part.expect("no grants came")? else {
                return Err(Problem::broken("the stream ended"));
            };
            let set = set.get_or_insert_with(|| Set {
                timeline: part.timeline.clone(),
                revision: part.revision,
                full: part.full,
                parts: 0,
                grants: BTreeMap::new(),
            });
            assert_eq!(
                (&set.timeline, set.revision, set.full),
                (&part.timeline, part.revision, part.full)
            );
            assert!(part.grants.len() <= 1000);
            set.parts += 1;
            for grant in part.grants {
                let decision = match grant.decision.unwrap() {
                    GrantDecision::Admitted(_) => "admitted".to_owned(),
                    GrantDecision::Refused(refused) => refused.reason().as_str_name().to_owned(),
                };
                set.grants.insert((grant.tenant, grant.version), decision);
            }
            if part.complete {
                return Ok(set.clone());
            }
        }
    }

    /// Says that a set is applied.
    pub(crate) async fn apply(&self, set: &Set) {
        let applied = GrantsApplied {
            timeline: set.timeline.clone(),
            revision: set.revision,
        };
        let message = FollowGrantsRequest {
            message: Some(Message::Applied(applied)),
        };
        self.say.send(message).await.unwrap();
    }

    /// Applies everything that comes until a set has this grant.
    pub(crate) async fn apply_until(&mut self, tenant: &str, version: &str, decision: &str) -> Set {
        loop {
            let set = self.next().await.unwrap();
            self.apply(&set).await;
            let key = (tenant.to_owned(), version.to_owned());
            if set.grants.get(&key).is_some_and(|found| found == decision) {
                return set;
            }
        }
    }
}
