//! A provisioning that says what a test tells it to say, and keeps what it hears.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
};

use contract::{Problem, reason};
use futures::{StreamExt as _, stream, stream::BoxStream};
use proto::provisioning::v1 as wire;
use proto::provisioning::v1::{
    consent_service_server::{ConsentService, ConsentServiceServer},
    grant_service_server::{GrantService, GrantServiceServer},
};
use tokio::sync::mpsc;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::{Request, Response, Status, Streaming};

/// What stands in every form that is shown.
pub(crate) const FORM_TOKEN: &str = "form-token-1";

/// The timeline of all grants.
fn grants_timeline() -> String {
    contract::Timeline::new([7; 16]).to_string()
}

/// Clones are the same provisioning.
#[derive(Clone, Default)]
pub(crate) struct Provisioning(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    revision: u64,
    grants: BTreeMap<(String, String), wire::Grant>,
    streams: Vec<mpsc::UnboundedSender<Result<wire::FollowGrantsResponse, Status>>>,
    hellos: Vec<wire::GrantsHello>,
    applied: Vec<u64>,
    offers: BTreeMap<String, wire::Offer>,
    decisions: Vec<wire::DecideOfferRequest>,
    entries: Vec<wire::ConsentEntry>,
    withdrawals: Vec<wire::WithdrawConsentRequest>,
    refuse_with: Option<Problem>,
    looked_up: u32,
}

impl Provisioning {
    /// Returns its grants as a service.
    pub(crate) fn grants(&self) -> GrantServiceServer<Self> {
        GrantServiceServer::new(self.clone())
    }

    /// Returns its consent as a service.
    pub(crate) fn consent(&self) -> ConsentServiceServer<Self> {
        ConsentServiceServer::new(self.clone())
    }

    /// Lets a tenant into a version of `crm`, or denies it. Returns the revision.
    pub(crate) fn decide(&self, tenant: &str, version: &str, admitted: bool) -> u64 {
        let decision = if admitted {
            wire::grant::Decision::Admitted(wire::Admitted {})
        } else {
            wire::grant::Decision::Refused(wire::Refused {
                reason: wire::RefusalReason::Denied.into(),
            })
        };
        let grant = wire::Grant {
            tenant: tenant.to_owned(),
            application: "crm".to_owned(),
            version: version.to_owned(),
            decision: Some(decision),
        };
        let mut state = self.state();
        state.revision += 1;
        let key = (tenant.to_owned(), version.to_owned());
        state.grants.insert(key, grant.clone());
        let part = state.part(vec![grant], false);
        state
            .streams
            .retain(|stream| stream.send(Ok(part.clone())).is_ok());
        state.revision
    }

    /// Returns what gateways said at first, in order.
    pub(crate) fn hellos(&self) -> Vec<wire::GrantsHello> {
        self.state().hellos.clone()
    }

    /// Tells whether a gateway has acknowledged this revision.
    pub(crate) fn acknowledged(&self, revision: u64) -> bool {
        self.state().applied.contains(&revision)
    }

    /// Makes a link.
    pub(crate) fn offer(&self, token: &str, offer: wire::Offer) {
        self.state().offers.insert(token.to_owned(), offer);
    }

    /// Refuses all decisions, or takes them again.
    pub(crate) fn refuse_with(&self, problem: Option<Problem>) {
        self.state().refuse_with = problem;
    }

    /// Returns what was decided, in order.
    pub(crate) fn decisions(&self) -> Vec<wire::DecideOfferRequest> {
        self.state().decisions.clone()
    }

    /// Says what the tenant of every link has agreed to.
    pub(crate) fn agreed(&self, entries: Vec<wire::ConsentEntry>) {
        self.state().entries = entries;
    }

    /// Returns what was withdrawn, in order.
    pub(crate) fn withdrawals(&self) -> Vec<wire::WithdrawConsentRequest> {
        self.state().withdrawals.clone()
    }

    /// Returns how often a link was looked up.
    pub(crate) fn looked_up(&self) -> u32 {
        self.state().looked_up
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }
}

impl State {
    fn part(&self, grants: Vec<wire::Grant>, full: bool) -> wire::FollowGrantsResponse {
        wire::FollowGrantsResponse {
            timeline: grants_timeline(),
            revision: self.revision,
            grants,
            full,
            complete: true,
        }
    }
}

#[tonic::async_trait]
impl GrantService for Provisioning {
    type FollowGrantsStream = BoxStream<'static, Result<wire::FollowGrantsResponse, Status>>;

    async fn follow_grants(
        &self,
        request: Request<Streaming<wire::FollowGrantsRequest>>,
    ) -> Result<Response<Self::FollowGrantsStream>, Status> {
        let mut heard = request.into_inner();
        let hello = heard.message().await?.and_then(|request| request.message);
        let Some(wire::follow_grants_request::Message::Hello(hello)) = hello else {
            return Err(Status::invalid_argument("no hello"));
        };
        let (says, said) = mpsc::unbounded_channel();
        let mut state = self.state();
        if hello.revision < state.revision || hello.timeline.is_empty() {
            // In two parts, as a large set would come.
            let all: Vec<wire::Grant> = state.grants.values().cloned().collect();
            let mut first = state.part(all, true);
            first.complete = false;
            says.send(Ok(first)).unwrap();
            says.send(Ok(state.part(Vec::new(), true))).unwrap();
        }
        state.hellos.push(hello);
        state.streams.push(says);
        let provisioning = self.clone();
        let hearing = heard.map(move |request| {
            request.map(|request| {
                if let Some(wire::follow_grants_request::Message::Applied(applied)) =
                    request.message
                {
                    assert_eq!(applied.timeline, grants_timeline());
                    provisioning.state().applied.push(applied.revision);
                }
                None
            })
        });
        let saying = UnboundedReceiverStream::new(said).map(|said| said.map(Some));
        let both =
            stream::select(hearing, saying).filter_map(|item| std::future::ready(item.transpose()));
        Ok(Response::new(both.boxed()))
    }
}

#[tonic::async_trait]
impl ConsentService for Provisioning {
    async fn get_offer(
        &self,
        request: Request<wire::GetOfferRequest>,
    ) -> Result<Response<wire::GetOfferResponse>, Status> {
        let request = request.into_inner();
        assert!(
            request.gesture,
            "every page of this release demands the word"
        );
        let mut state = self.state();
        state.looked_up += 1;
        let offer = state.offers.get(&request.token);
        let offer = offer.cloned().ok_or_else(invalid)?;
        Ok(Response::new(wire::GetOfferResponse {
            offer: Some(offer),
            form_token: FORM_TOKEN.to_owned(),
        }))
    }

    async fn decide_offer(
        &self,
        request: Request<wire::DecideOfferRequest>,
    ) -> Result<Response<wire::DecideOfferResponse>, Status> {
        let request = request.into_inner();
        let mut state = self.state();
        if let Some(problem) = &state.refuse_with {
            return Err(problem.clone().into());
        }
        let decision = request.decision();
        let offer = state.offers.get_mut(&request.token).ok_or_else(invalid)?;
        offer.set_status(match decision {
            wire::Decision::Deny => wire::OfferStatus::DeniedRecorded,
            wire::Decision::Accept | wire::Decision::Unspecified => wire::OfferStatus::Accepted,
        });
        let offer = offer.clone();
        state.decisions.push(request);
        Ok(Response::new(wire::DecideOfferResponse {
            offer: Some(offer),
        }))
    }

    async fn get_overview(
        &self,
        request: Request<wire::GetOverviewRequest>,
    ) -> Result<Response<wire::GetOverviewResponse>, Status> {
        let mut state = self.state();
        state.looked_up += 1;
        if !state.offers.contains_key(&request.get_ref().token) {
            return Err(invalid());
        }
        Ok(Response::new(wire::GetOverviewResponse {
            tenant_display_name: "Acme <Corp>".to_owned(),
            entries: state.entries.clone(),
            form_token: FORM_TOKEN.to_owned(),
            expire_time: Some(prost_types::Timestamp {
                seconds: 1_900_000_000,
                nanos: 0,
            }),
        }))
    }

    async fn withdraw_consent(
        &self,
        request: Request<wire::WithdrawConsentRequest>,
    ) -> Result<Response<wire::WithdrawConsentResponse>, Status> {
        let request = request.into_inner();
        let mut state = self.state();
        if let Some(problem) = &state.refuse_with {
            return Err(problem.clone().into());
        }
        let entry = state
            .entries
            .iter_mut()
            .find(|entry| entry.provisioning == request.provisioning);
        let entry = entry.map(|entry| {
            entry.state = wire::ProvisioningState::Denied.into();
            entry.denial = wire::OfferStatus::DeniedInForce.into();
            entry.clone()
        });
        state.withdrawals.push(request);
        Ok(Response::new(wire::WithdrawConsentResponse { entry }))
    }

    async fn list_offer_visits(
        &self,
        _: Request<wire::ListOfferVisitsRequest>,
    ) -> Result<Response<wire::ListOfferVisitsResponse>, Status> {
        Err(Status::unimplemented("no gateway asks"))
    }

    async fn decide_provisioning(
        &self,
        _: Request<wire::DecideProvisioningRequest>,
    ) -> Result<Response<wire::DecideProvisioningResponse>, Status> {
        Err(Status::unimplemented("no gateway asks"))
    }

    async fn ask_again(
        &self,
        _: Request<wire::AskAgainRequest>,
    ) -> Result<Response<wire::AskAgainResponse>, Status> {
        Err(Status::unimplemented("no gateway asks"))
    }
}

fn invalid() -> Status {
    Problem::new(
        contract::Code::NotFound,
        reason::TOKEN_INVALID,
        "There is no such link.",
    )
    .into()
}
