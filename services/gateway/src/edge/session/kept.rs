//! What a session holds, and how long it lasts. Its cookies are sealed: a browser keeps them and reads
//! nothing in them.

use std::time::Duration;

use aws_lc_rs::rand;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::Timestamp;
use oidc::Tokens;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;

/// How long a session lasts at most.
pub(super) const LIFE_MAX: Duration = Duration::from_secs(12 * 60 * 60);
/// How long it lasts while nobody uses it.
pub(super) const IDLE_MAX: Duration = Duration::from_secs(30 * 60);
/// How old what a cookie says of the last use may get.
const USE_NOTED: Duration = Duration::from_secs(5 * 60);
/// How long before an access token ends another is had.
const AHEAD: Duration = Duration::from_secs(45);
/// How long an access token is taken to last whose issuer does not say.
const UNSAID: Duration = Duration::from_secs(5 * 60);

/// A session.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Kept {
    /// Tells it from all others.
    pub(super) id: String,
    /// What a page of the console must say to act in it.
    csrf: String,
    /// Who signed in, as the issuer names them.
    pub(super) person: String,
    began: Timestamp,
    used: Timestamp,
    access: String,
    access_ends: Timestamp,
    refresh: Option<String>,
}

/// How a session stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// It goes on as it is.
    Good,
    /// It goes on, with new tokens or a later last use.
    Due,
    /// It is over.
    Over,
}

impl Kept {
    /// Begins one, which shares nothing with any before.
    pub(super) fn begin(person: &str, tokens: &Tokens, now: Timestamp) -> Self {
        let mut kept = Self {
            id: draw(),
            csrf: draw(),
            person: person.to_owned(),
            began: now,
            used: now,
            access: String::new(),
            access_ends: now,
            refresh: None,
        };
        kept.take(tokens, now);
        kept
    }

    /// Goes on with new tokens, used now.
    pub(super) fn take(&mut self, tokens: &Tokens, now: Timestamp) {
        self.used = now;
        self.access = tokens.access.expose_secret().to_owned();
        self.access_ends = tokens.access_ends.unwrap_or_else(|| after(now, UNSAID));
        if let Some(refresh) = &tokens.refresh {
            self.refresh = Some(refresh.expose_secret().to_owned());
        }
    }

    /// Notes that it is used now.
    pub(super) fn used(&mut self, now: Timestamp) {
        self.used = now;
    }

    /// Tells how it stands.
    pub(super) fn standing(&self, now: Timestamp) -> Standing {
        let over = now >= after(self.began, LIFE_MAX)
            || now >= after(self.used, IDLE_MAX)
            || (self.refresh.is_none() && now >= self.access_ends);
        let soon = self.refresh.is_some() && after(now, AHEAD) >= self.access_ends;
        if over {
            Standing::Over
        } else if soon || now >= after(self.used, USE_NOTED) {
            Standing::Due
        } else {
            Standing::Good
        }
    }

    /// Tells whether its access token can still be shown.
    pub(super) fn has_access(&self, now: Timestamp) -> bool {
        now < self.access_ends
    }

    /// Returns when it began.
    pub(super) fn began(&self) -> Timestamp {
        self.began
    }

    /// Returns when it is over whatever happens.
    pub(super) fn ends(&self) -> Timestamp {
        after(self.began, LIFE_MAX)
    }

    /// Returns its access token.
    pub(super) fn access(&self) -> &str {
        &self.access
    }

    /// Returns what gets new tokens.
    pub(super) fn refresh(&self) -> Option<SecretString> {
        self.refresh.clone().map(SecretString::from)
    }

    /// Returns what a page must say to act in it.
    pub(super) fn csrf(&self) -> &str {
        &self.csrf
    }

    /// Tells whether a page says that.
    pub(super) fn is_said(&self, csrf: &str) -> bool {
        self.csrf.as_bytes().ct_eq(csrf.as_bytes()).into()
    }
}

fn after(time: Timestamp, duration: Duration) -> Timestamp {
    time.checked_add(duration).unwrap_or(Timestamp::MAX)
}

fn draw() -> String {
    let mut bytes = [0; 32];
    rand::fill(&mut bytes).expect("the system has random bytes");
    URL_SAFE_NO_PAD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now(minutes: u64) -> Timestamp {
        let began = Timestamp::from_second(1_800_000_000).unwrap();
        after(began, Duration::from_secs(60 * minutes))
    }

    fn tokens(minutes: u64, refresh: Option<&str>) -> Tokens {
        Tokens {
            access: "access".into(),
            access_ends: Some(now(minutes)),
            refresh: refresh.map(SecretString::from),
            id: None,
        }
    }

    #[test]
    fn a_session_ends_when_nobody_uses_it_and_at_the_latest_after_half_a_day() {
        let mut kept = Kept::begin("anna", &tokens(1000, Some("r")), now(0));
        assert_eq!(kept.standing(now(4)), Standing::Good);
        assert_eq!(kept.standing(now(5)), Standing::Due);
        assert_eq!(kept.standing(now(29)), Standing::Due);
        assert_eq!(kept.standing(now(30)), Standing::Over);
        for minutes in (20..720).step_by(20) {
            kept.used(now(minutes));
        }
        assert_eq!(kept.standing(now(719)), Standing::Due);
        assert_eq!(kept.standing(now(720)), Standing::Over);
    }

    #[test]
    fn tokens_are_renewed_before_they_end_and_without_any_to_renew_it_is_over() {
        let kept = Kept::begin("anna", &tokens(3, Some("r")), now(0));
        assert_eq!(kept.standing(now(2)), Standing::Good);
        assert_eq!(kept.standing(now(3)), Standing::Due);
        assert!(kept.has_access(now(2)) && !kept.has_access(now(3)));
        let kept = Kept::begin("anna", &tokens(3, None), now(0));
        assert_eq!(kept.standing(now(2)), Standing::Good);
        assert_eq!(kept.standing(now(3)), Standing::Over);
    }

    #[test]
    fn no_two_sessions_share_anything_and_each_knows_its_own_word() {
        let [one, other] = [0, 0].map(|_| Kept::begin("anna", &tokens(3, None), now(0)));
        assert!(one.id != other.id && one.csrf != other.csrf);
        assert!(one.is_said(one.csrf()));
        for wrong in ["", other.csrf(), &one.csrf()[1..]] {
            assert!(!one.is_said(wrong));
        }
    }
}
