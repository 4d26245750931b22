//! The sign-outs of the catalog that a test plays: kept in memory, told to all.

use std::sync::{Arc, Mutex, MutexGuard};

use futures::{StreamExt as _, stream, stream::BoxStream};
use proto::catalog::v1::{
    self as wire,
    sign_out_service_server::{SignOutService, SignOutServiceServer},
};
use tokio::sync::mpsc;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::{Request, Response, Status};

/// Clones are the same.
#[derive(Clone, Default)]
pub(crate) struct SignOuts(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    kept: Vec<wire::SignOut>,
    streams: Vec<mpsc::UnboundedSender<wire::FollowSignOutsResponse>>,
    /// Where those who followed went on.
    positions: Vec<String>,
}

impl SignOuts {
    pub(crate) fn service(&self) -> SignOutServiceServer<Self> {
        SignOutServiceServer::new(self.clone())
    }

    /// Returns what is kept, in order.
    pub(crate) fn kept(&self) -> Vec<wire::SignOut> {
        self.state().kept.clone()
    }

    /// Forgets everything, as a catalog on another database would.
    pub(crate) fn forget(&self) {
        self.state().kept.clear();
    }

    /// Keeps one, and tells all.
    pub(crate) fn tell(&self, sign_out: wire::SignOut) {
        let mut state = self.state();
        state.kept.push(sign_out.clone());
        let told = wire::FollowSignOutsResponse {
            sign_outs: vec![sign_out],
            position: state.kept.len().to_string(),
            full: false,
            complete: true,
        };
        state
            .streams
            .retain(|stream| stream.send(told.clone()).is_ok());
    }

    /// Breaks all streams.
    pub(crate) fn break_streams(&self) {
        self.state().streams.clear();
    }

    /// Returns where those who followed went on, in order.
    pub(crate) fn positions(&self) -> Vec<String> {
        self.state().positions.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }
}

#[tonic::async_trait]
impl SignOutService for SignOuts {
    async fn record_sign_outs(
        &self,
        request: Request<wire::RecordSignOutsRequest>,
    ) -> Result<Response<wire::RecordSignOutsResponse>, Status> {
        for sign_out in request.into_inner().sign_outs {
            if !self.state().kept.contains(&sign_out) {
                self.tell(sign_out);
            }
        }
        Ok(Response::new(wire::RecordSignOutsResponse {}))
    }

    type FollowSignOutsStream = BoxStream<'static, Result<wire::FollowSignOutsResponse, Status>>;

    async fn follow_sign_outs(
        &self,
        request: Request<wire::FollowSignOutsRequest>,
    ) -> Result<Response<Self::FollowSignOutsStream>, Status> {
        let mut state = self.state();
        let position = request.into_inner().position;
        let known = position.parse::<usize>().ok();
        let known = known.filter(|known| *known <= state.kept.len());
        state.positions.push(position);
        let (says, said) = mpsc::unbounded_channel();
        let kept = wire::FollowSignOutsResponse {
            sign_outs: state.kept[known.unwrap_or_default()..].to_vec(),
            position: state.kept.len().to_string(),
            full: known.is_none(),
            complete: true,
        };
        says.send(kept).unwrap();
        state.streams.push(says);
        let end = stream::once(async { Err(Status::unavailable("the test broke the stream")) });
        let stream = UnboundedReceiverStream::new(said).map(Ok).chain(end);
        Ok(Response::new(stream.boxed()))
    }
}
