//! OpenID Connect: an issuer's keys as they rotate, access tokens and ID tokens that are believed only
//! after every check of RFC 8725 and RFC 9068, and the sign-in of people by the authorization-code
//! flow with PKCE. Counts time that it is given; knows no server, contract or database.
//!
//! ```no_run
//! # async fn example(now: oidc::Now) -> Result<(), Box<dyn std::error::Error>> {
//! let issuer = oidc::Issuer::new("https://id.example.com/realms/shop".parse()?)?;
//! let rules = oidc::AccessRules::new("https://switchover.example.com");
//! let token = issuer.access_token("eyJ…", &rules, now).await?;
//! assert!(!token.subject().is_empty());
//! # Ok(()) }
//! ```

mod access;
mod claims;
mod id;
mod issuer;
mod jwk;
mod jws;
mod logout;
mod metadata;
mod object;
mod place;
mod refusal;
mod sign_in;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod web;

use std::time::Duration;

use jiff::Timestamp;

pub use access::{AccessRules, AccessToken, LIFETIME_MAX};
pub use claims::LEEWAY;
pub use id::IdToken;
pub use issuer::{COOLDOWN, Issuer, KEPT};
pub use jwk::Algorithm;
pub use jws::TOKEN_BYTES_MAX;
pub use logout::LogoutToken;
pub use place::{IssuerUrl, PlaceError};
pub use refusal::Refusal;
pub use sign_in::{Attempt, Callback, Client, ClientKey, SignInError, Tokens};
pub use web::{NoRoots, Unreachable, WebError};

/// What time it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// By the wall clock, which tokens go by.
    pub time: Timestamp,
    /// By a clock that only ever grows, which the age of keys goes by.
    pub instant: Duration,
}

#[cfg(test)]
mod tests;
