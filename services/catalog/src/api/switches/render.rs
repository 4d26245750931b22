//! Switches and history as messages.

use contract::{ApplicationName, Etag, GatewayRef, Problem, VersionRef, duration, time};
use proto::catalog::v1 as wire;
use runtime::PublicKey;

use crate::{
    store::history::{Action, Entry},
    switch::{Kind, Phase, Progress, Switch, Tenants, receipt::Signed, record::Answered},
};

pub(crate) fn switch(switch: &Switch) -> wire::Switch {
    let version = |version: &contract::VersionName| {
        VersionRef {
            application: switch.name.application.clone(),
            version: version.clone(),
        }
        .to_string()
    };
    wire::Switch {
        name: switch.name.to_string(),
        kind: match switch.kind {
            Kind::Update => wire::SwitchKind::Update,
            Kind::Reactivate => wire::SwitchKind::Reactivate,
        }
        .into(),
        source_version: switch.source.as_ref().map(version).unwrap_or_default(),
        target_version: version(&switch.target),
        state: state(switch.state.phase()).into(),
        failure: switch.state.failure().map(|failure| wire::SwitchFailure {
            reason: failure.why.as_str().to_owned(),
            message: failure.message.clone(),
        }),
        generation: switch.commit.map_or(0, |commit| commit.generation.get()),
        reason: switch.reason.to_string(),
        requested_by: switch.requested_by.clone(),
        request_id: switch.request_id.to_string(),
        create_time: Some(time::write(switch.created_at)),
        commit_time: switch.commit.map(|commit| time::write(commit.at)),
        end_time: switch.state.ended_at().map(time::write),
        state_deadline: switch.state.until().map(time::write),
        steps: switch
            .record
            .steps
            .iter()
            .map(|(phase, began)| wire::SwitchStep {
                state: state(*phase).into(),
                start_time: Some(time::write(*began)),
            })
            .collect(),
        tenants: Some(tenants(&switch.record.tenants)),
        gateways: switch
            .record
            .gateways
            .iter()
            .map(|(name, progress)| gateway(GatewayRef::from(name.clone()).to_string(), progress))
            .collect(),
        etag: Etag::from(switch.revision).to_string(),
        drain_deadline: switch.record.drain_deadline.map(time::write),
        bake_deadline: switch.record.bake_deadline.map(time::write),
        switched_back_by: switch
            .record
            .switched_back_by
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default(),
        approved_by: switch.record.approved_by.clone().unwrap_or_default(),
    }
}

pub(super) fn receipt(signed: Signed) -> Result<wire::GetReceiptResponse, Problem> {
    let key = signed.public_key.parse::<PublicKey>();
    let key = key.map_err(|_| Problem::broken("a receipt has no public key"))?;
    Ok(wire::GetReceiptResponse {
        json: signed.json,
        signature: signed.signature,
        key_id: key.id(),
        public_key: signed.public_key,
    })
}

fn state(phase: Phase) -> wire::SwitchState {
    match phase {
        Phase::Provisioning => wire::SwitchState::Provisioning,
        Phase::Preparing => wire::SwitchState::Preparing,
        Phase::Fencing => wire::SwitchState::Fencing,
        Phase::ClosingConsent => wire::SwitchState::ClosingConsent,
        Phase::Holding => wire::SwitchState::Holding,
        Phase::Releasing => wire::SwitchState::Releasing,
        Phase::Draining => wire::SwitchState::Draining,
        Phase::Settling => wire::SwitchState::Settling,
        Phase::Succeeded => wire::SwitchState::Succeeded,
        Phase::Failed => wire::SwitchState::Failed,
        Phase::Cancelled => wire::SwitchState::Cancelled,
    }
}

fn tenants(tenants: &Tenants) -> wire::TenantProgress {
    wire::TenantProgress {
        total: tenants.total,
        moved: tenants.moved,
        mailed: tenants.mailed,
        denied: tenants.denied,
        failed: tenants.failed,
        failures: tenants
            .failures
            .iter()
            .map(|(tenant, message)| wire::TenantFailure {
                tenant: tenant.clone(),
                message: message.clone(),
            })
            .collect(),
    }
}

fn gateway(gateway: String, progress: &Progress) -> wire::GatewayProgress {
    let answer = match progress.answered {
        None => wire::GatewayAnswer::Unspecified,
        Some((Answered::Ready, _)) => wire::GatewayAnswer::Ready,
        Some((Answered::Fenced, _)) => wire::GatewayAnswer::Fenced,
        Some((Answered::NotReady, _)) => wire::GatewayAnswer::NotReady,
        Some((Answered::Held, _)) => wire::GatewayAnswer::Held,
        Some((Answered::Released, _)) => wire::GatewayAnswer::Released,
        Some((Answered::Drained, _)) => wire::GatewayAnswer::Drained,
    };
    wire::GatewayProgress {
        gateway,
        answer: answer.into(),
        message: progress.message.clone(),
        answer_time: progress.answered.map(|(_, at)| time::write(at)),
        held_requests: progress.held_requests,
        longest_hold: Some(duration::write(progress.longest_hold)),
        drained_requests: progress.drained_requests,
        cut_requests: progress.cut_requests,
        ready_time: progress.ready_at.map(time::write),
        held_time: progress.held_at.map(time::write),
        released_time: progress.released_at.map(time::write),
        drained_time: progress.drained_at.map(time::write),
        failed_requests: progress.failed_requests,
        closed_connections: progress.closed_connections,
        open_requests: progress.open_requests,
    }
}

pub(super) fn history(application: &ApplicationName, entry: Entry) -> wire::HistoryEntry {
    use wire::HistoryAction as Wire;
    let action = match entry.action {
        Action::Created => Wire::Created,
        Action::Changed => Wire::Changed,
        Action::RegisteredToTest => Wire::RegisteredToTest,
        Action::TestCancelled => Wire::TestCancelled,
        Action::SwitchConfirmed => Wire::SwitchConfirmed,
        Action::Activated => Wire::Activated,
        Action::Adopted => Wire::Adopted,
        Action::SwitchGivenUp => Wire::SwitchGivenUp,
        Action::DrainExtended => Wire::DrainExtended,
        Action::DrainCut => Wire::DrainCut,
    };
    let version = VersionRef {
        application: application.clone(),
        version: entry.version,
    };
    wire::HistoryEntry {
        time: Some(time::write(entry.act.at)),
        actor: entry.act.actor,
        action: action.into(),
        version: version.to_string(),
        switch: entry
            .switch
            .map(|switch| switch.to_string())
            .unwrap_or_default(),
        reason: entry.act.reason.to_string(),
        request_id: entry.act.request_id.to_string(),
        approved_by: entry.act.approved_by.unwrap_or_default(),
    }
}
