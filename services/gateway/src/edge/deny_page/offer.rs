//! An offer as people and programs read it.

use axum::http::StatusCode;
use contract::time;
use jiff::Timestamp;
use proto::provisioning::v1 as wire;
use serde::Serialize;

use crate::edge::texts::Moment;

/// Gateways that are named before it is only said how many more there are.
const GATEWAYS_NAMED_MAX: usize = 5;

/// An offer as it is shown.
#[derive(Debug, Clone, Serialize)]
pub(in crate::edge) struct OfferView {
    pub(in crate::edge) application: String,
    pub(in crate::edge) tenant: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(in crate::edge) source_version: String,
    pub(in crate::edge) target_version: String,
    pub(in crate::edge) kind: Kind,
    pub(in crate::edge) status: Status,
    /// Whether the tenant may decide, or decide otherwise.
    pub(in crate::edge) open_to_decisions: bool,
    /// Whether what holds is a denial.
    pub(in crate::edge) denied: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::edge) decided: Option<Moment>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::edge) until: Option<Moment>,
    pub(in crate::edge) gateways_refusing: usize,
    pub(in crate::edge) gateways: usize,
    /// Gateways that do not refuse yet: the first of them, and how many more.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(in crate::edge) gateways_outstanding: Vec<String>,
    #[serde(skip)]
    pub(in crate::edge) gateways_unnamed: usize,
    /// What a person types to decide; programs are not told.
    #[serde(skip)]
    pub(in crate::edge) typed_word: String,
    /// How many people the tenant has; 0 if nobody has said.
    #[serde(skip)]
    pub(in crate::edge) users: i64,
}

/// What the tenant is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::edge) enum Kind {
    /// To accept.
    Accept,
    /// It is moved along, and may deny.
    Deny,
}

/// Where an offer stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::edge) enum Status {
    /// Nobody has decided.
    Open,
    /// Users are let in.
    Accepted,
    /// It counts from the switch on.
    DeniedRecorded,
    /// Not every gateway refuses yet.
    DeniedTakingEffect,
    /// Every gateway refuses.
    DeniedInForce,
    /// The time to decide is over.
    Expired,
    /// There is nothing to decide.
    Void,
}

impl Status {
    fn of(status: wire::OfferStatus) -> Option<Self> {
        match status {
            wire::OfferStatus::Unspecified => None,
            wire::OfferStatus::Open => Some(Self::Open),
            wire::OfferStatus::Accepted => Some(Self::Accepted),
            wire::OfferStatus::DeniedRecorded => Some(Self::DeniedRecorded),
            wire::OfferStatus::DeniedTakingEffect => Some(Self::DeniedTakingEffect),
            wire::OfferStatus::DeniedInForce => Some(Self::DeniedInForce),
            wire::OfferStatus::Expired => Some(Self::Expired),
            wire::OfferStatus::Void => Some(Self::Void),
        }
    }

    fn denied(self) -> bool {
        match self {
            Self::DeniedRecorded | Self::DeniedTakingEffect | Self::DeniedInForce => true,
            Self::Open | Self::Accepted | Self::Expired | Self::Void => false,
        }
    }
}

impl OfferView {
    /// Reads an offer; none if it says nothing that could be shown.
    pub(super) fn of(offer: &wire::Offer, now: Timestamp) -> Option<Self> {
        let status = Status::of(offer.status())?;
        let until = offer.expire_time.and_then(time::read);
        let works = until.is_none_or(|until| now < until);
        let gateways = usize::try_from(offer.fleet_size).unwrap_or_default();
        Some(Self {
            application: offer.application_display_name.clone(),
            tenant: offer.tenant_display_name.clone(),
            source_version: offer.source_version.clone(),
            target_version: offer.target_version.clone(),
            kind: match offer.kind() {
                wire::OfferKind::Accept => Kind::Accept,
                wire::OfferKind::Deny | wire::OfferKind::Unspecified => Kind::Deny,
            },
            status,
            open_to_decisions: works && !matches!(status, Status::Expired | Status::Void),
            denied: status.denied(),
            decided: offer.decision_time.and_then(time::read).map(Moment),
            until: until.map(Moment),
            gateways_refusing: gateways.saturating_sub(offer.outstanding_gateways.len()),
            gateways,
            gateways_outstanding: offer
                .outstanding_gateways
                .iter()
                .take(GATEWAYS_NAMED_MAX)
                .map(|name| name.strip_prefix("gateways/").unwrap_or(name).to_owned())
                .collect(),
            gateways_unnamed: offer
                .outstanding_gateways
                .len()
                .saturating_sub(GATEWAYS_NAMED_MAX),
            typed_word: offer.typed_word.clone(),
            users: offer.tenant_users,
        })
    }

    /// Returns what a GET answers with.
    pub(super) fn http_status(&self) -> StatusCode {
        match self.status {
            Status::Expired | Status::Void => StatusCode::GONE,
            Status::Open
            | Status::Accepted
            | Status::DeniedRecorded
            | Status::DeniedTakingEffect
            | Status::DeniedInForce => StatusCode::OK,
        }
    }
}
