//! A notification that knows what a test tells it, and keeps what it hears.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
};

use contract::{Code, Problem, reason};
use proto::notification::v1 as wire;
use proto::notification::v1::subscription_service_server::{
    SubscriptionService, SubscriptionServiceServer,
};
use tonic::{Request, Response, Status};

/// Clones are the same notification.
#[derive(Clone, Default)]
pub(crate) struct Notification(Arc<Mutex<BTreeMap<String, wire::Unsubscription>>>);

impl Notification {
    /// Returns it as a service.
    pub(crate) fn service(&self) -> SubscriptionServiceServer<Self> {
        SubscriptionServiceServer::new(self.clone())
    }

    /// Knows the token of a mail about switches.
    pub(crate) fn link(&self, token: &str, address: &str) {
        let about = wire::Unsubscription {
            inbox: "operator/inbox".to_owned(),
            category: wire::Category::Switches.into(),
            address: address.to_owned(),
            unsubscribed: false,
        };
        self.links().insert(token.to_owned(), about);
    }

    /// Tells whether the reader of the mail with this token wants no more.
    pub(crate) fn is_unsubscribed(&self, token: &str) -> bool {
        self.links()[token].unsubscribed
    }

    fn links(&self) -> MutexGuard<'_, BTreeMap<String, wire::Unsubscription>> {
        self.0.lock().unwrap()
    }

    fn find(&self, token: &str, done: bool) -> Result<wire::Unsubscription, Status> {
        let mut links = self.links();
        let Some(found) = links.get_mut(token) else {
            let problem = Problem::new(Code::NotFound, reason::TOKEN_INVALID, "not one of ours");
            return Err(problem.into());
        };
        found.unsubscribed |= done;
        Ok(found.clone())
    }
}

#[tonic::async_trait]
impl SubscriptionService for Notification {
    async fn list_subscriptions(
        &self,
        _: Request<wire::ListSubscriptionsRequest>,
    ) -> Result<Response<wire::ListSubscriptionsResponse>, Status> {
        Err(Status::unimplemented("no gateway asks"))
    }

    async fn set_subscription(
        &self,
        _: Request<wire::SetSubscriptionRequest>,
    ) -> Result<Response<wire::SetSubscriptionResponse>, Status> {
        Err(Status::unimplemented("no gateway asks"))
    }

    async fn get_unsubscription(
        &self,
        request: Request<wire::GetUnsubscriptionRequest>,
    ) -> Result<Response<wire::GetUnsubscriptionResponse>, Status> {
        let unsubscription = self.find(&request.into_inner().token, false)?;
        Ok(Response::new(wire::GetUnsubscriptionResponse {
            unsubscription: Some(unsubscription),
        }))
    }

    async fn unsubscribe(
        &self,
        request: Request<wire::UnsubscribeRequest>,
    ) -> Result<Response<wire::UnsubscribeResponse>, Status> {
        let unsubscription = self.find(&request.into_inner().token, true)?;
        Ok(Response::new(wire::UnsubscribeResponse {
            unsubscription: Some(unsubscription),
        }))
    }
}
