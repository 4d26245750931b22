//! People by access tokens of the operator's own issuer. Services and gateways never come this way.

use std::time::Duration;

use clap::Args;
use contract::{Caller, Identity, Problem, reason};
use http::HeaderMap;
use oidc::{AccessRules, AccessToken, Issuer, IssuerUrl, Now, Refusal};
use serde_json::Value;

use super::{
    Proof, Proven, ROLE, SUBJECT, only,
    person::{Granted, NoRole, subject},
};
use crate::error::Error;

/// Whose access tokens are believed, and where in them roles and names are
#[derive(Debug, Clone, Args)]
pub struct TokensArgs {
    /// OpenID Connect issuer whose access tokens are taken, exactly as it names itself: https, checked
    /// by the system's authorities, or http on this machine.
    #[arg(
        long,
        env = "SWITCHOVER_OIDC_ISSUER",
        value_name = "URL",
        requires = "oidc_audience"
    )]
    pub oidc_issuer: Option<IssuerUrl>,
    /// What access tokens must be for: their `aud`.
    #[arg(
        long,
        env = "SWITCHOVER_OIDC_AUDIENCE",
        value_name = "AUDIENCE",
        requires = "oidc_issuer"
    )]
    pub oidc_audience: Option<String>,
    /// The claim that lists a person's roles: operator-admin, operator-viewer, tester,
    /// tenant-admin:NAME. Dots lead into objects, as in realm_access.roles.
    #[arg(
        long,
        env = "SWITCHOVER_OIDC_ROLES_CLAIM",
        value_name = "CLAIM",
        default_value = Self::ROLES
    )]
    pub oidc_roles_claim: String,
    /// The claim that names a person in receipts and logs.
    #[arg(
        long,
        env = "SWITCHOVER_OIDC_SUBJECT_CLAIM",
        value_name = "CLAIM",
        default_value = Self::SUBJECT
    )]
    pub oidc_subject_claim: String,
    /// Minutes for which an access token may be valid in all; longer ones are refused.
    #[arg(
        long,
        env = "SWITCHOVER_OIDC_LIFETIME_MAX_MINUTES",
        value_name = "MINUTES",
        default_value_t = Self::LIFETIME,
        value_parser = clap::value_parser!(u64).range(1..=1440)
    )]
    pub oidc_lifetime_max_minutes: u64,
}

impl TokensArgs {
    const ROLES: &str = "switchover_roles";
    const SUBJECT: &str = "sub";
    const LIFETIME: u64 = oidc::LIFETIME_MAX.as_secs() / 60;

    /// Returns whose tokens are believed, if any are. Asks the issuer nothing yet: it may come later.
    pub(crate) fn tokens(&self) -> Result<Option<Tokens>, Error> {
        let (issuer, audience) = match (&self.oidc_issuer, &self.oidc_audience) {
            (Some(issuer), Some(audience)) => (issuer, audience),
            (None, None) => return Ok(None),
            (Some(_), None) | (None, Some(_)) => {
                return Err(Error::Usage(
                    "--oidc-issuer and --oidc-audience belong together".to_owned(),
                ));
            }
        };
        let minutes = Duration::from_secs(self.oidc_lifetime_max_minutes * 60);
        Ok(Some(Tokens {
            issuer: Issuer::new(issuer.clone())
                .map_err(|error| Error::unavailable("TLS", error))?,
            rules: AccessRules::new(audience).lifetime_max(minutes),
            roles: self.oidc_roles_claim.clone(),
            subject: self.oidc_subject_claim.clone(),
        }))
    }
}

impl Default for TokensArgs {
    fn default() -> Self {
        Self {
            oidc_issuer: None,
            oidc_audience: None,
            oidc_roles_claim: Self::ROLES.to_owned(),
            oidc_subject_claim: Self::SUBJECT.to_owned(),
            oidc_lifetime_max_minutes: Self::LIFETIME,
        }
    }
}

/// Whose tokens are believed.
#[derive(Debug, Clone)]
pub struct Tokens {
    issuer: Issuer,
    rules: AccessRules,
    roles: String,
    subject: String,
}

impl Tokens {
    /// Tells who calls by a token.
    pub(super) async fn identify(
        &self,
        token: &str,
        headers: &HeaderMap,
        now: Now,
    ) -> Result<Proven, Problem> {
        let checked = self.issuer.access_token(token, &self.rules, now).await;
        let token = checked.map_err(|refusal| {
            let issuer = self.issuer.url();
            tracing::warn!(%issuer, why = refusal.name(), "an access token was refused");
            problem(refusal)
        })?;
        let person = subject(self.name(&token).ok_or_else(|| {
            tracing::warn!(claim = self.subject, "an access token names nobody");
            Problem::unauthenticated(
                reason::UNAUTHENTICATED,
                "The token does not name a person as it must here.",
            )
        })?);
        let granted = Granted::read(token.words(&self.roles));
        let (role, chosen) = (only(headers, ROLE), only(headers, SUBJECT));
        let identity = granted.identity(&person, role, chosen).map_err(|none| {
            tracing::warn!(%person, why = none.name(), "an access token grants no role");
            denied(&none)
        })?;
        let person = match &identity {
            Identity::TenantAdmin(_) => Some(person),
            Identity::OperatorAdmin(_)
            | Identity::OperatorViewer(_)
            | Identity::Tester(_)
            | Identity::Gateway(_)
            | Identity::Service(_) => None,
        };
        Ok(Proven {
            expires: Some(token.expires_at()),
            person,
            ..Proven::new(Caller::Known(identity), Proof::Token)
        })
    }

    /// Returns how the issuer names the person. An address that nobody has confirmed names nobody.
    fn name<'a>(&self, token: &'a AccessToken) -> Option<&'a str> {
        if self.subject == TokensArgs::SUBJECT {
            return Some(token.subject());
        }
        let unconfirmed = token.claim("email_verified") == Some(&Value::Bool(false));
        if self.subject == "email" && unconfirmed {
            return None;
        }
        let name = token.claim(&self.subject)?.as_str()?;
        Some(name).filter(|name| !name.is_empty())
    }
}

fn problem(refusal: Refusal) -> Problem {
    let message = format!("The access token is not believed: {refusal}.");
    match refusal {
        Refusal::NoKeys => {
            Problem::unavailable(reason::PEER_UNAVAILABLE, message).retry_after(oidc::COOLDOWN)
        }
        Refusal::Expired => Problem::unauthenticated(reason::UNAUTHENTICATED, message)
            .next("Sign in again, or renew the token."),
        _ => Problem::unauthenticated(reason::UNAUTHENTICATED, message),
    }
}

fn denied(none: &NoRole) -> Problem {
    Problem::permission_denied(reason::PERMISSION_DENIED, none)
}
