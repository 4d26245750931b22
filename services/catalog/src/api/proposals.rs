//! Proposals: what waits for a second person.

use std::sync::Arc;

use contract::{
    ApplicationRef, Checked, OrAll, Page, PageSize, Problem, ProposalName, Prose, Violations, time,
};
use proto::catalog::v1 as wire;
use tonic::{Request, Response, Status};

use super::parse::act;
use crate::{
    Catalog,
    application::Act,
    error::Error,
    proposal::{self, Proposal, What, decide, step::State},
    registration,
    store::proposals::{self, Key},
    switch::Kind,
};

/// The service.
pub(super) struct Proposals(pub(super) Arc<Catalog>);

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl wire::proposal_service_server::ProposalService for Proposals {
    async fn get_proposal(
        &self,
        request: Request<wire::GetProposalRequest>,
    ) -> Answer<wire::GetProposalResponse> {
        let mut v = Violations::new();
        let name = v.parse::<ProposalName>("name", &request.get_ref().name);
        let name = v.all(name)?;
        let now = self.0.clock.now();
        let read = ::store::read!(self.0.db, |tx| proposal::find(tx, &name, now).await);
        let (_, found) = read.map_err(Problem::from)?;
        Ok(Response::new(wire::GetProposalResponse {
            proposal: Some(render(&found)),
        }))
    }

    async fn list_proposals(
        &self,
        request: Request<wire::ListProposalsRequest>,
    ) -> Answer<wire::ListProposalsResponse> {
        let request = request.into_inner();
        let mut v = Violations::new();
        let parent = v.parse::<OrAll<ApplicationRef>>("parent", &request.parent);
        let filter = [
            "proposals",
            request.parent.as_str(),
            if request.open_only { "open" } else { "" },
        ];
        let page: Checked<Page<Key>> = Page::read(
            &mut v,
            request.page_size,
            &request.page_token,
            &filter,
            PageSize::USUAL,
        );
        let (parent, page) = v.all((parent, page))?;
        let parent = parent.one().map(|parent| parent.application);
        let now = self.0.clock.now();
        let open_at = request.open_only.then_some(now);
        let read = ::store::read!(self.0.db, |tx| {
            if let Some(parent) = &parent {
                registration::application(tx, parent).await?;
            }
            let (before, limit) = (page.after(), page.limit());
            Ok::<_, Error>(proposals::list(tx, parent.as_ref(), open_at, before, limit).await?)
        });
        let mut rows = read.map_err(Problem::from)?;
        let next_page_token = page.finish(&mut rows, |(row, _)| proposals::key(row));
        let proposals = rows
            .into_iter()
            .map(|(row, revision)| render(&row.standing_at(now, revision)));
        Ok(Response::new(wire::ListProposalsResponse {
            proposals: proposals.collect(),
            next_page_token,
        }))
    }

    async fn approve_proposal(
        &self,
        request: Request<wire::ApproveProposalRequest>,
    ) -> Answer<wire::ApproveProposalResponse> {
        let message = request.get_ref();
        let (name, act) = self.act(&request, &message.name, &message.reason)?;
        let approved = decide::approve(&self.0, &name, &act)
            .await
            .map_err(Problem::from)?;
        Ok(Response::new(wire::ApproveProposalResponse {
            proposal: Some(render(&approved)),
        }))
    }

    async fn reject_proposal(
        &self,
        request: Request<wire::RejectProposalRequest>,
    ) -> Answer<wire::RejectProposalResponse> {
        let message = request.get_ref();
        let (name, act) = self.act(&request, &message.name, &message.reason)?;
        let rejected = decide::reject(&self.0, &name, &act)
            .await
            .map_err(Problem::from)?;
        Ok(Response::new(wire::RejectProposalResponse {
            proposal: Some(render(&rejected)),
        }))
    }
}

impl Proposals {
    fn act<T>(
        &self,
        request: &Request<T>,
        name: &str,
        reason: &str,
    ) -> Result<(ProposalName, Act), Problem> {
        let mut v = Violations::new();
        let name = v.parse::<ProposalName>("name", name);
        let reason = v.parse::<Prose<500>>("reason", reason);
        let (name, reason) = v.all((name, reason))?;
        Ok((name, act(&self.0.clock, request, None, reason)))
    }
}

/// Renders a proposal as it stands.
pub(crate) fn render(proposal: &Proposal) -> wire::Proposal {
    let (kind, version) = match &proposal.what {
        What::Switch { kind, version } => (
            match kind {
                Kind::Update => wire::ProposalKind::Update,
                Kind::Reactivate => wire::ProposalKind::Reactivate,
            },
            version.to_string(),
        ),
        What::ApprovalOff => (wire::ProposalKind::ApprovalOff, String::new()),
    };
    let state = match proposal.state {
        State::Open => wire::ProposalState::Open,
        State::Approved => wire::ProposalState::Approved,
        State::Rejected => wire::ProposalState::Rejected,
        State::Withdrawn => wire::ProposalState::Withdrawn,
        State::Expired => wire::ProposalState::Expired,
        State::Void => wire::ProposalState::Void,
    };
    let decision = proposal.decision.as_ref();
    wire::Proposal {
        name: proposal.name.to_string(),
        kind: kind.into(),
        version,
        state: state.into(),
        proposed_by: proposal.proposed_by.clone(),
        reason: proposal.reason.to_string(),
        request_id: proposal.request_id.to_string(),
        create_time: Some(time::write(proposal.created_at)),
        expire_time: Some(time::write(proposal.expires_at)),
        decided_by: decision.map_or_else(String::new, |decision| decision.by.clone()),
        decision_reason: decision.map_or_else(String::new, |decision| decision.reason.to_string()),
        decide_time: decision.map(|decision| time::write(decision.at)),
        switch: proposal
            .switch
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default(),
    }
}
