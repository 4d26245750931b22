//! Sign-outs: gateways tell them, and hear them.

use std::{pin::Pin, sync::Arc};

use contract::{Checked, Fault, Problem, Violations, time};
use futures::{Stream, stream};
use proto::catalog::v1 as wire;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use crate::{
    Catalog,
    sign_outs::{self, Follower, Mark, SignOut, Told},
};

/// The most that are recorded at once.
const RECORDED_MAX: usize = 100;

/// The service.
pub(super) struct SignOuts(pub(super) Arc<Catalog>);

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl wire::sign_out_service_server::SignOutService for SignOuts {
    async fn record_sign_outs(
        &self,
        request: Request<wire::RecordSignOutsRequest>,
    ) -> Answer<wire::RecordSignOutsResponse> {
        let told = request.into_inner().sign_outs;
        let mut v = Violations::new();
        let told = v.each("sign_outs", told, 1..=RECORDED_MAX, |v, told| {
            parse(v, &told)
        });
        let told = v.all(told)?;
        let recorded = sign_outs::record(&self.0.db, &self.0.clock, &told).await;
        recorded.map_err(Problem::from)?;
        Ok(Response::new(wire::RecordSignOutsResponse {}))
    }

    type FollowSignOutsStream =
        Pin<Box<dyn Stream<Item = Result<wire::FollowSignOutsResponse, Status>> + Send>>;

    async fn follow_sign_outs(
        &self,
        request: Request<wire::FollowSignOutsRequest>,
    ) -> Answer<Self::FollowSignOutsStream> {
        let mut v = Violations::new();
        let position = v.optional::<Uuid>("position", &request.get_ref().position);
        let position = v.all(position)?;
        let follower = Follower::new(self.0.db.clone(), self.0.clock.clone(), position);
        Ok(Response::new(Box::pin(stream::try_unfold(
            follower,
            |mut follower| async {
                let told = follower.next().await.map_err(Problem::from)?;
                Ok(Some((render(told), follower)))
            },
        ))))
    }
}

fn parse(v: &mut Violations, told: &wire::SignOut) -> Checked<SignOut> {
    let mark = match Mark::try_from(&told.mark[..]) {
        Ok(mark) => Checked::right(mark),
        Err(error) => v.wrong("mark", Fault::Malformed, error),
    };
    let ended_at = time::field(v, "end_time", told.end_time);
    v.join((mark, ended_at))
        .map(|(mark, ended_at)| SignOut { mark, ended_at })
}

fn render(told: Told) -> wire::FollowSignOutsResponse {
    let sign_outs = told.sign_outs.into_iter().map(|it| wire::SignOut {
        mark: it.mark.as_bytes().to_vec().into(),
        end_time: Some(time::write(it.ended_at)),
    });
    wire::FollowSignOutsResponse {
        sign_outs: sign_outs.collect(),
        position: told.position.map(|it| it.to_string()).unwrap_or_default(),
        full: told.full,
        complete: told.complete,
    }
}
