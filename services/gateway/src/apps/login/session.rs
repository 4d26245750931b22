//! Who has signed in, as their browser keeps it: sealed, for one host, for half a day at most.

use std::time::Duration;

use aws_lc_rs::rand;
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD as BASE64};
use jiff::Timestamp;
use runtime::Seal;
use secrecy::ExposeSecret as _;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;

/// The cookie that holds it.
pub(in crate::apps) const COOKIE: &str = "__Host-switchover-login";
/// How long a session lasts at most.
pub(in crate::apps) const LIFETIME: Duration = Duration::from_secs(12 * 60 * 60);
/// How long it lasts after the last request that it was shown with.
pub(in crate::apps) const IDLE: Duration = Duration::from_secs(30 * 60);
/// How often it is written anew at most, so that it is known when it was last shown.
const RENEWED: Duration = Duration::from_secs(60);
/// How far gateways' clocks may be apart.
const SLACK: Duration = Duration::from_secs(60);
/// The most bytes of a cookie's value: browsers take 4096 with name and attributes.
const COOKIE_MAX: usize = 3900;

/// Somebody who has signed in at one application of one tenant.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::apps) struct Session {
    /// No other session's.
    pub(in crate::apps) id: String,
    /// Who it is, as the identity provider names them.
    pub(in crate::apps) subject: String,
    /// Whose user; at a test address the operator's.
    pub(in crate::apps) tenant: String,
    /// What they may be.
    pub(in crate::apps) roles: Vec<String>,
    /// The identity provider's own name for the sign-in, if it gave one.
    pub(in crate::apps) provider_session: Option<String>,
    /// What a program that runs in their browser shows with what changes something.
    pub(in crate::apps) csrf: String,
    /// When they signed in, in seconds since 1970.
    began: i64,
    /// When the session was last written.
    seen: i64,
}

/// Who a session is for.
pub(in crate::apps) struct Who {
    pub(in crate::apps) subject: String,
    pub(in crate::apps) tenant: String,
    pub(in crate::apps) roles: Vec<String>,
    pub(in crate::apps) provider_session: Option<String>,
}

/// Draws 128 random bits, as text.
pub(in crate::apps) fn draw() -> String {
    let mut bytes = [0; 16];
    rand::fill(&mut bytes).expect("the system has random bytes");
    BASE64.encode(bytes)
}

impl Session {
    /// Begins one.
    pub(in crate::apps) fn begin(who: Who, now: Timestamp) -> Self {
        Self {
            id: draw(),
            subject: who.subject,
            tenant: who.tenant,
            roles: who.roles,
            provider_session: who.provider_session,
            csrf: draw(),
            began: now.as_second(),
            seen: now.as_second(),
        }
    }

    /// Returns when it began.
    pub(in crate::apps) fn began(&self) -> Timestamp {
        Timestamp::from_second(self.began).unwrap_or(Timestamp::MIN)
    }

    /// Returns when it ends, however much it is used.
    pub(in crate::apps) fn ends(&self) -> Timestamp {
        self.began()
            .saturating_add(LIFETIME)
            .unwrap_or(Timestamp::MIN)
    }

    /// Returns when it ends if it is not used from now on.
    pub(in crate::apps) fn expires(&self, now: Timestamp) -> Timestamp {
        let idle = now.saturating_add(IDLE).unwrap_or(now);
        self.ends().min(idle)
    }

    /// Tells whether it lasts at `now`.
    pub(in crate::apps) fn lasts(&self, now: Timestamp) -> bool {
        let second = |span: Duration| i64::try_from(span.as_secs()).unwrap_or(i64::MAX);
        let now = now.as_second();
        self.began <= now + second(SLACK)
            && self.seen <= now + second(SLACK)
            && now < self.began + second(LIFETIME)
            && now < self.seen + second(IDLE)
    }

    /// Returns it as seen at `now`, if it is time to write that down.
    pub(in crate::apps) fn renewed(&self, now: Timestamp) -> Option<Self> {
        let due = now.as_second() - self.seen >= i64::try_from(RENEWED.as_secs()).ok()?;
        due.then(|| Self {
            seen: now.as_second(),
            ..self.clone()
        })
    }

    /// Tells, in constant time, whether this is the word against forged requests.
    pub(in crate::apps) fn has_csrf(&self, shown: &[u8]) -> bool {
        self.csrf.as_bytes().ct_eq(shown).into()
    }

    /// Seals it for the browser, for use at one host; none if it is too large for a cookie.
    pub(in crate::apps) fn seal(&self, seal: &Seal, host: &str) -> Option<String> {
        let plain = serde_json::to_vec(self).expect("texts and numbers only");
        if plain.len() > COOKIE_MAX {
            return None;
        }
        let sealed = seal.seal(&purpose(host), &plain);
        (sealed.len() <= COOKIE_MAX).then_some(sealed)
    }

    /// Opens what was sealed for this host.
    pub(in crate::apps) fn open(seal: &Seal, host: &str, sealed: &str) -> Option<Self> {
        let plain = seal.open(&purpose(host), sealed).ok()?;
        serde_json::from_slice(plain.expose_secret()).ok()
    }
}

fn purpose(host: &str) -> String {
    format!("login session at {host}")
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Session({} at {})", self.subject, self.tenant)
    }
}

#[cfg(test)]
pub(in crate::apps) mod tests {
    use super::*;

    pub(in crate::apps) fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    /// A session of `u-1` of tenant `hall`, begun at 0 s.
    pub(in crate::apps) fn session(roles: &[&str]) -> Session {
        let who = Who {
            subject: "u-1".to_owned(),
            tenant: "hall".to_owned(),
            roles: roles.iter().map(|role| (*role).to_owned()).collect(),
            provider_session: Some("p-1".to_owned()),
        };
        Session::begin(who, at(0))
    }

    const HOUR: i64 = 60 * 60;

    #[test]
    fn a_session_ends_half_an_hour_after_its_last_use_and_after_half_a_day_anyway() {
        let first = session(&[]);
        assert!(first.lasts(at(0)) && first.lasts(at(HOUR / 2 - 1)));
        assert!(!first.lasts(at(HOUR / 2)));
        assert!(first.lasts(at(-60)), "another gateway's clock is behind");
        assert!(!first.lasts(at(-61)));
        let mut used = first;
        for second in (0..12 * HOUR).step_by(1200) {
            assert!(used.lasts(at(second)), "{second}");
            used = used.renewed(at(second)).unwrap_or(used);
        }
        assert!(used.lasts(at(12 * HOUR - 1)));
        assert!(!used.lasts(at(12 * HOUR)));
        assert_eq!(used.ends(), at(12 * HOUR));
        assert_eq!(used.expires(at(12 * HOUR - 5)), at(12 * HOUR));
        assert_eq!(used.expires(at(HOUR)), at(HOUR + HOUR / 2));
    }

    #[test]
    fn a_session_is_written_anew_once_a_minute_at_most() {
        let first = session(&["clerk"]);
        assert_eq!(first.renewed(at(59)), None);
        let second = first.renewed(at(60)).unwrap();
        assert_eq!((&second.id, &second.csrf), (&first.id, &first.csrf));
        assert_eq!(second.began(), first.began());
        assert_eq!(second.renewed(at(119)), None);
    }

    #[test]
    fn a_session_opens_at_its_own_host_with_its_own_key_and_unchanged() {
        let (seal, other) = (Seal::for_tests(), Seal::for_tests());
        let session = session(&["clerk"]);
        let sealed = session.seal(&seal, "hall-shop-acme.example.com").unwrap();
        let open = |seal, host, text: &str| Session::open(seal, host, text);
        assert_eq!(
            open(&seal, "hall-shop-acme.example.com", &sealed),
            Some(session)
        );
        assert_eq!(open(&seal, "east-shop-acme.example.com", &sealed), None);
        assert_eq!(open(&other, "hall-shop-acme.example.com", &sealed), None);
        let mut changed = sealed.clone();
        let last = changed.pop().unwrap();
        changed.push(if last == 'A' { 'B' } else { 'A' });
        assert_eq!(open(&seal, "hall-shop-acme.example.com", &changed), None);
        let another = seal.seal("login answer at hall-shop-acme.example.com", b"{}");
        assert_eq!(open(&seal, "hall-shop-acme.example.com", &another), None);
        for none in ["", "x", "s1.a.b"] {
            assert_eq!(open(&seal, "hall-shop-acme.example.com", none), None);
        }
    }

    #[test]
    fn a_session_that_no_browser_would_keep_is_none() {
        let many: Vec<String> = (0..100).map(|n| format!("{n:050}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert_eq!(session(&many).seal(&Seal::for_tests(), "h"), None);
    }

    #[test]
    fn the_word_against_forgery_is_this_sessions() {
        let (one, two) = (session(&[]), session(&[]));
        assert!(one.has_csrf(one.csrf.as_bytes()));
        assert!(!one.has_csrf(two.csrf.as_bytes()));
        assert!(!one.has_csrf(b""));
        assert_ne!(one.id, two.id);
    }
}
