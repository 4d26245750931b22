//! Proposals as people read them.

use proto::catalog::v1::{Proposal, ProposalKind, ProposalState};

use super::{
    View,
    paper::{Paper, Word, bad, busy, dim, good, nothing, or_nothing, strong},
    words::{dim_time, id, part, time},
};

/// A page of proposals.
pub fn proposals(proposals: &[Proposal], view: &View) -> String {
    let rows = proposals.iter().map(|proposal| {
        vec![
            strong(short(proposal)),
            what(proposal).into(),
            state(proposal),
            proposal.proposed_by.as_str().into(),
            or_nothing(&proposal.reason),
            dim_time(proposal.create_time, view),
        ]
    });
    Paper::new(view)
        .table(
            &["PROPOSAL", "WHAT", "STATE", "BY", "WHY", "SINCE"],
            rows.collect(),
            "Nothing was proposed.",
        )
        .finish()
}

/// One proposal, and what to do with it.
pub fn proposal(proposal: &Proposal, view: &View) -> String {
    let decided = match proposal.decided_by.as_str() {
        "" => nothing(),
        by => by.into(),
    };
    let paper = Paper::new(view)
        .line([strong(short(proposal)), what(proposal).into()])
        .facts([
            ("state", state(proposal)),
            ("proposed by", proposal.proposed_by.as_str().into()),
            ("why", or_nothing(&proposal.reason)),
            ("since", time(proposal.create_time, view)),
            ("until", time(proposal.expire_time, view)),
            ("decided by", decided),
            ("their reason", or_nothing(&proposal.decision_reason)),
            ("switch", or_nothing(id(&proposal.switch))),
            ("request", dim(&proposal.request_id)),
        ]);
    let short = short(proposal);
    match proposal.state() {
        ProposalState::Open => paper
            .line([dim(
                "Nothing has happened yet: somebody else is to approve it.",
            )])
            .next(&format!("switchover proposals approve {short}"))
            .finish(),
        ProposalState::Approved if !proposal.switch.is_empty() => paper
            .next(&format!("switchover switches watch {}", proposal.switch))
            .finish(),
        _ => paper.finish(),
    }
}

fn short(proposal: &Proposal) -> String {
    let application = part(&proposal.name, "applications");
    format!("{application}/{}", id(&proposal.name))
}

fn what(proposal: &Proposal) -> String {
    let version = id(&proposal.version);
    match proposal.kind() {
        ProposalKind::Update => format!("switch to {version}"),
        ProposalKind::Reactivate => format!("switch back to {version}"),
        ProposalKind::ApprovalOff => "no second person any more".to_owned(),
        ProposalKind::Unspecified => "unknown to this release".to_owned(),
    }
}

fn state(proposal: &Proposal) -> Word {
    match proposal.state() {
        ProposalState::Open => busy("waits for a second person"),
        ProposalState::Approved => good("approved"),
        ProposalState::Rejected => bad("rejected"),
        ProposalState::Withdrawn => "taken back".into(),
        ProposalState::Expired => "expired".into(),
        ProposalState::Void => "void: the application has changed".into(),
        ProposalState::Unspecified => dim("unknown to this release"),
    }
}
