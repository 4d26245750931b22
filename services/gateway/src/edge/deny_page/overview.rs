//! The page of everything that a tenant has agreed to, behind any of its links: `?all` on the link's
//! own address, so that the token stands nowhere else. GET shows; POST withdraws from one version, by
//! the rules of every form here: a choice that nobody made beforehand, the word of that application
//! typed, once, and not at once.

use axum::{
    body::{Body, Bytes},
    http::{Response, StatusCode, header},
};
use contract::time;
use minijinja::{Value, context};
use proto::provisioning::v1 as wire;
use serde::{Deserialize, Serialize};

use super::{
    Failure, Visit,
    form::{self, FormError, from_another_site},
    lack::Lack,
    offer::for_people,
};
use crate::edge::page::{json, wants_json};

/// The query that asks for this page.
pub(in crate::edge) const QUERY: &str = "all";
/// The most characters of a field.
const FIELD_MAX: usize = 500;
const TYPED_CHARS_MAX: usize = 100;

/// Everything that a tenant has agreed to.
#[derive(Debug, Clone, Serialize)]
struct OverviewView {
    tenant: String,
    entries: Vec<EntryView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<String>,
}

/// One version of one application.
#[derive(Debug, Clone, Serialize)]
struct EntryView {
    provisioning: String,
    application: String,
    version: String,
    state: &'static str,
    in_use: bool,
    rests_on: &'static str,
    by: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<String>,
    /// Whether the tenant can withdraw.
    withdrawable: bool,
    #[serde(skip)]
    typed_word: String,
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
            Ok((view, form_token)) => self.render_overview(StatusCode::OK, &view, &form_token, ""),
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
                    return Ok(json(StatusCode::OK, &view));
                }
                Ok(self.see(&format!("?{QUERY}")))
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
            entries: response
                .entries
                .iter()
                .map(|entry| self.entry(entry))
                .collect(),
            until: response.expire_time.and_then(time::read).map(for_people),
        };
        Ok((view, response.form_token))
    }

    async fn overview_again(&self, lack: Lack) -> Result<Response<Body>, Failure> {
        let (view, form_token) = self.everything().await?;
        if wants_json(&self.headers) {
            let refusal = serde_json::json!({ "error": lack.reason(), "message": lack.note() });
            return Ok(json(lack.status(), &refusal));
        }
        Ok(self.render_overview(lack.status(), &view, &form_token, lack.note()))
    }

    fn render_overview(
        &self,
        status: StatusCode,
        view: &OverviewView,
        form_token: &str,
        note: &str,
    ) -> Response<Body> {
        if wants_json(&self.headers) {
            return json(status, view);
        }
        let entries: Vec<Value> = view.entries.iter().map(EntryView::value).collect();
        let withdrawable = view.entries.iter().any(|entry| entry.withdrawable);
        let values = context! {
            tenant => view.tenant.as_str(),
            entries,
            withdrawable,
            until => view.until.as_deref().unwrap_or_default(),
            form_token,
            note,
        };
        self.pages().page(status, "overview.html", values)
    }

    fn entry(&self, entry: &wire::ConsentEntry) -> EntryView {
        use wire::ProvisioningState as State;
        let state = match (entry.state(), entry.denial()) {
            (State::Requested | State::PendingAcceptance, _) => "asked, not answered yet",
            (State::Provisioning, _) => "agreed, not at every gateway yet",
            (State::Provisioned, _) => "agreed",
            (State::Denied, wire::OfferStatus::DeniedInForce) => "denied, in force",
            (State::Denied, wire::OfferStatus::DeniedTakingEffect) => {
                "denied, not at every gateway yet"
            }
            (State::Denied, _) => "denied, from the switch on",
            (State::Failed, _) => "not possible",
            (State::Deprovisioning | State::Removed, _) => "taken away",
            (State::Unspecified, _) => "unknown",
        };
        let rests_on = match entry.consent_basis() {
            wire::ConsentBasis::Unspecified => "",
            wire::ConsentBasis::Accepted => "your acceptance",
            wire::ConsentBasis::OnRecord => "your consent on record",
            wire::ConsentBasis::MovedWithNotice => "a switch that you were told of",
            wire::ConsentBasis::Moved => "a switch between versions without app credentials",
        };
        EntryView {
            provisioning: entry.provisioning.clone(),
            application: entry.application_display_name.clone(),
            version: entry.version.clone(),
            state,
            in_use: entry.in_use,
            rests_on,
            by: who(&entry.actor),
            since: entry.time.and_then(time::read).map(for_people),
            withdrawable: matches!(entry.state(), State::Provisioning | State::Provisioned),
            typed_word: entry.typed_word.clone(),
        }
    }
}

impl EntryView {
    fn value(&self) -> Value {
        context! {
            provisioning => self.provisioning.as_str(),
            application => self.application.as_str(),
            version => self.version.as_str(),
            state => self.state,
            in_use => self.in_use,
            rests_on => self.rests_on,
            by => self.by.as_str(),
            since => self.since.as_deref().unwrap_or_default(),
            withdrawable => self.withdrawable,
            typed_word => self.typed_word.as_str(),
        }
    }
}

/// Says to the tenant who caused something. Of the operator's people it is not said who.
fn who(actor: &str) -> String {
    match actor.strip_prefix("consent link") {
        Some(from) => format!("somebody with a link of our mails{from}"),
        None if actor.starts_with("tenants/") => "your administrator".to_owned(),
        None if actor.contains("/switches/") => "a switch of versions".to_owned(),
        None => "us, the operator".to_owned(),
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
            assert_eq!(who(actor), said);
        }
    }
}
