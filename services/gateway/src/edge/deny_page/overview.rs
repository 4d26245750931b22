//! The page of everything that a tenant has agreed to, behind any of its links: `?all` on the link's
//! own address, so that the token stands nowhere else. GET shows; POST withdraws from one version, by
//! the rules of every form here: a choice that nobody made beforehand, the word of that application
//! typed, once, and not at once.

use axum::{
    body::{Body, Bytes},
    http::{Response, StatusCode, header},
};
use contract::{Language, time};
use minijinja::{Value, context, value::Serde};
use proto::provisioning::v1 as wire;
use serde::Deserialize;

use super::{
    Failure, Visit,
    form::{self, FormError, from_another_site},
    lack::Lack,
    lacking,
};
use crate::edge::{
    page::{json, wants_json},
    texts::{self, Moment},
};

/// The query that asks for this page.
pub(in crate::edge) const QUERY: &str = "all";
/// The most characters of a field.
const FIELD_MAX: usize = 500;
const TYPED_CHARS_MAX: usize = 100;

/// Everything that a tenant has agreed to.
#[derive(Debug, Clone)]
pub(in crate::edge) struct OverviewView {
    pub(in crate::edge) tenant: String,
    pub(in crate::edge) entries: Vec<EntryView>,
    pub(in crate::edge) until: Option<Moment>,
}

/// One version of one application.
#[derive(Debug, Clone)]
pub(in crate::edge) struct EntryView {
    provisioning: String,
    pub(in crate::edge) application: String,
    pub(in crate::edge) version: String,
    pub(in crate::edge) standing: Standing,
    pub(in crate::edge) in_use: bool,
    /// On what the tenant's use of the version rests, if it does.
    pub(in crate::edge) rests_on: Option<Basis>,
    pub(in crate::edge) by: Actor,
    pub(in crate::edge) since: Option<Moment>,
    /// Whether the tenant can withdraw.
    withdrawable: bool,
    typed_word: String,
}

/// Where a tenant stands with a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::edge) enum Standing {
    /// Nobody has answered.
    Asked,
    /// It has agreed, and not every gateway lets its users in yet.
    Agreeing,
    /// It has agreed.
    Agreed,
    /// It has denied, and every gateway refuses.
    DeniedInForce,
    /// It has denied, and not every gateway refuses yet.
    DeniedTakingEffect,
    /// It has denied, and that counts from the switch on.
    DeniedRecorded,
    /// It could not be provisioned.
    Failed,
    /// It has it no more.
    TakenAway,
    /// Nothing that is known here.
    Unknown,
}

/// On what a tenant's use of a version rests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::edge) enum Basis {
    /// Its acceptance.
    Accepted,
    /// Its consent, which the operator has in writing.
    OnRecord,
    /// A switch that it was told of.
    MovedWithNotice,
    /// A switch between versions that need no notice.
    Moved,
}

/// Who caused something, as far as a tenant is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::edge) enum Actor {
    /// Somebody with a link of a mail; from which address, if that is known.
    Link(Option<String>),
    /// The tenant's administrator.
    Tenant,
    /// A switch.
    Switch,
    /// One of the operator's people.
    Operator,
}

#[derive(Deserialize)]
struct Withdrawal {
    provisioning: Option<String>,
    form_token: String,
    #[serde(default)]
    typed: String,
}

impl Visit {
    /// Shows everything that the tenant has agreed to.
    pub(in crate::edge) async fn overview(self) -> Response<Body> {
        match self.within(self.everything()).await {
            Ok((view, form_token)) => {
                self.render_overview(StatusCode::OK, &view, &form_token, None)
            }
            Err(failure) => self.refuse(&failure),
        }
    }

    /// Withdraws from a version, or shows the page again and says what is missing.
    pub(in crate::edge) async fn withdraw(self, body: Bytes) -> Response<Body> {
        match self.within(self.withdraw_by(body)).await {
            Ok(response) => response,
            Err(failure) => self.refuse(&failure),
        }
    }

    async fn withdraw_by(&self, body: Bytes) -> Result<Response<Body>, Failure> {
        self.admit()?;
        if from_another_site(&self.headers, &self.edge.origin) {
            return Err(Failure::CrossSite);
        }
        let kind = self.headers.get(header::CONTENT_TYPE);
        let sent: Withdrawal = form::read(kind, body).await.map_err(Failure::Form)?;
        let long = sent.form_token.len() > FIELD_MAX
            || sent.typed.chars().count() > TYPED_CHARS_MAX
            || sent
                .provisioning
                .as_ref()
                .is_some_and(|name| name.len() > FIELD_MAX);
        if long || sent.form_token.is_empty() {
            return Err(Failure::Form(FormError::Unreadable));
        }
        let Some(provisioning) = sent.provisioning else {
            return self.overview_again(Lack::Choice).await;
        };
        let request = wire::WithdrawConsentRequest {
            token: self.token.clone(),
            form_token: sent.form_token,
            provisioning,
            typed: sent.typed,
            origin: Some(self.origin()),
        };
        let withdrawn = self
            .call(async { self.edge.consent.clone().withdraw_consent(request).await })
            .await;
        match withdrawn {
            Ok(response) => {
                let denial = response.entry.unwrap_or_default().denial();
                tracing::info!(?denial, reference = %self.reference, "a tenant withdrew");
                if wants_json(&self.headers) {
                    let (view, _) = self.everything().await?;
                    return Ok(json(StatusCode::OK, &view.for_programs()));
                }
                Ok(self.see(QUERY))
            }
            Err(Failure::Peer(problem)) if Lack::of(&problem).is_some() => {
                let lack = Lack::of(&problem).unwrap_or(Lack::FreshPage);
                self.overview_again(lack).await
            }
            Err(failure) => Err(failure),
        }
    }

    /// Asks provisioning what the tenant has agreed to.
    async fn everything(&self) -> Result<(OverviewView, String), Failure> {
        self.admit()?;
        let request = wire::GetOverviewRequest {
            token: self.token.clone(),
        };
        let response = self
            .call(async { self.edge.consent.clone().get_overview(request).await })
            .await?;
        let view = OverviewView {
            tenant: response.tenant_display_name.clone(),
            entries: response.entries.iter().map(EntryView::of).collect(),
            until: response.expire_time.and_then(time::read).map(Moment),
        };
        Ok((view, response.form_token))
    }

    async fn overview_again(&self, lack: Lack) -> Result<Response<Body>, Failure> {
        let (view, form_token) = self.everything().await?;
        if wants_json(&self.headers) {
            return Ok(lacking(lack));
        }
        Ok(self.render_overview(lack.status(), &view, &form_token, Some(lack)))
    }

    fn render_overview(
        &self,
        status: StatusCode,
        view: &OverviewView,
        form_token: &str,
        lack: Option<Lack>,
    ) -> Response<Body> {
        if wants_json(&self.headers) {
            return json(status, &view.for_programs());
        }
        let said = self.texts().overview(view, self.pages().who());
        let entries = view.entries.iter().zip(&said.entries);
        let withdrawable: Vec<Value> = entries
            .filter(|(entry, _)| entry.withdrawable)
            .map(|(entry, said)| {
                context! {
                    provisioning => entry.provisioning.as_str(),
                    heading => said.heading.as_str(),
                    typed_word => entry.typed_word.as_str(),
                }
            })
            .collect();
        let values = context! {
            said => Value::from(Serde(&said)),
            withdrawable,
            form_token,
            note => lack.map(|lack| self.texts().lack(lack)),
        };
        self.pages()
            .page(status, self.reading, "overview.html", values)
    }
}

impl OverviewView {
    fn for_programs(&self) -> serde_json::Value {
        let entries: Vec<_> = self.entries.iter().map(EntryView::for_programs).collect();
        let mut told = serde_json::json!({ "tenant": self.tenant, "entries": entries });
        if let Some(until) = self.until {
            told["until"] = serde_json::json!(until);
        }
        told
    }
}

impl EntryView {
    fn of(entry: &wire::ConsentEntry) -> Self {
        use wire::ProvisioningState as State;
        let standing = match (entry.state(), entry.denial()) {
            (State::Requested | State::PendingAcceptance, _) => Standing::Asked,
            (State::Provisioning, _) => Standing::Agreeing,
            (State::Provisioned, _) => Standing::Agreed,
            (State::Denied, wire::OfferStatus::DeniedInForce) => Standing::DeniedInForce,
            (State::Denied, wire::OfferStatus::DeniedTakingEffect) => Standing::DeniedTakingEffect,
            (State::Denied, _) => Standing::DeniedRecorded,
            (State::Failed, _) => Standing::Failed,
            (State::Deprovisioning | State::Removed, _) => Standing::TakenAway,
            (State::Unspecified, _) => Standing::Unknown,
        };
        let rests_on = match entry.consent_basis() {
            wire::ConsentBasis::Unspecified => None,
            wire::ConsentBasis::Accepted => Some(Basis::Accepted),
            wire::ConsentBasis::OnRecord => Some(Basis::OnRecord),
            wire::ConsentBasis::MovedWithNotice => Some(Basis::MovedWithNotice),
            wire::ConsentBasis::Moved => Some(Basis::Moved),
        };
        Self {
            provisioning: entry.provisioning.clone(),
            application: entry.application_display_name.clone(),
            version: entry.version.clone(),
            standing,
            in_use: entry.in_use,
            rests_on,
            by: Actor::of(&entry.actor),
            since: entry.time.and_then(time::read).map(Moment),
            withdrawable: matches!(entry.state(), State::Provisioning | State::Provisioned),
            typed_word: entry.typed_word.clone(),
        }
    }

    /// Programs are not told the word to type.
    fn for_programs(&self) -> serde_json::Value {
        let texts = texts::of(Language::English);
        let mut told = serde_json::json!({
            "provisioning": self.provisioning,
            "application": self.application,
            "version": self.version,
            "state": texts.standing(self.standing),
            "in_use": self.in_use,
            "rests_on": self.rests_on.map_or("", |basis| texts.basis(basis)),
            "by": texts.actor(&self.by),
            "withdrawable": self.withdrawable,
        });
        if let Some(since) = self.since {
            told["since"] = serde_json::json!(since);
        }
        told
    }
}

impl Actor {
    fn of(actor: &str) -> Self {
        match actor.strip_prefix("consent link") {
            Some(from) => Self::Link(from.strip_prefix(", from ").map(str::to_owned)),
            None if actor.starts_with("tenants/") => Self::Tenant,
            None if actor.contains("/switches/") => Self::Switch,
            None => Self::Operator,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_reads_who_it_was_and_nothing_of_the_operators_people() {
        for (actor, said) in [
            (
                "consent link, from 192.0.2.7",
                "somebody with a link of our mails, from 192.0.2.7",
            ),
            ("tenants/acme", "your administrator"),
            ("applications/crm/switches/1", "a switch of versions"),
            ("people/anna", "us, the operator"),
            ("", "us, the operator"),
        ] {
            let texts = texts::of(Language::English);
            assert_eq!(texts.actor(&Actor::of(actor)), said);
        }
    }
}
