//! Gateways follow the grants.

use std::{pin::Pin, time::Duration};

use contract::{GatewayRef, Nonce, Problem, Revision, Timeline, Violations, reason};
use futures::Stream;
use proto::provisioning::v1::{
    FollowGrantsRequest, FollowGrantsResponse, GrantsHello, follow_grants_request::Message,
    grant_service_server::GrantService,
};
use tonic::{Request, Response, Status, Streaming};

use super::{Api, caller};
use crate::{grants, store::positions::Position};

/// How long a gateway may take to say hello.
const HELLO: Duration = Duration::from_secs(10);

#[tonic::async_trait]
impl GrantService for Api {
    type FollowGrantsStream =
        Pin<Box<dyn Stream<Item = Result<FollowGrantsResponse, Status>> + Send>>;

    async fn follow_grants(
        &self,
        request: Request<Streaming<FollowGrantsRequest>>,
    ) -> Result<Response<Self::FollowGrantsStream>, Status> {
        let caller = caller(&request);
        let mut said = request.into_inner();
        let first = tokio::time::timeout(HELLO, said.message())
            .await
            .map_err(|_| late())??;
        let Some(Message::Hello(hello)) = first.and_then(|first| first.message) else {
            return Err(Problem::invalid_argument(
                reason::INVALID_FIELDS,
                "The first message must say hello.",
            )
            .into());
        };
        let (gateway, has) = read_hello(&hello)?;
        caller.may_touch(&gateway)?;
        let stream = Nonce::new(self.service.clock.random());
        let start = grants::greet(&self.service, &gateway.gateway, stream, has).await?;
        let follow = grants::follow(self.service.clone(), gateway.gateway, stream, start, said);
        Ok(Response::new(Box::pin(follow)))
    }
}

fn read_hello(hello: &GrantsHello) -> Result<(GatewayRef, Option<Position>), Problem> {
    let mut v = Violations::new();
    let gateway = v.parse::<GatewayRef>("hello.gateway", &hello.gateway);
    let timeline = v.optional::<Timeline>("hello.timeline", &hello.timeline);
    let revision = v.convert::<Revision, u64>("hello.revision", hello.revision);
    let (gateway, timeline, revision) = v.all((gateway, timeline, revision))?;
    Ok((
        gateway,
        timeline.map(|timeline| Position { timeline, revision }),
    ))
}

fn late() -> Status {
    Problem::deadline_exceeded(reason::DEADLINE_EXCEEDED, "No hello came.").into()
}
