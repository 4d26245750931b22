//! How testers show who they are: a token in a field, or in a cookie that a form has set.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use axum::extract::Query;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use tokio::time::Instant;

use super::{body::ResponseBody, fields, host::Scheme, login::cookie};

/// Where the form is sent to.
pub(super) const FORM_PATH: &str = "/.switchover/tester";
/// The cookie's name. The browser sends it to the test address only.
const COOKIE: &str = cookie::TESTER;
/// How long a browser keeps the cookie, in seconds: one working day.
const COOKIE_AGE: u32 = 12 * 60 * 60;
/// The most characters of a token.
const TOKEN_MAX: usize = 200;
/// The most bytes of the form.
const FORM_MAX: usize = 4096;

/// A token as it was shown: letters, digits, `-` and `_`.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Token(String);

impl Token {
    fn parse(text: &str) -> Option<Self> {
        let fits = (1..=TOKEN_MAX).contains(&text.len())
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
        fits.then(|| Self(text.to_owned()))
    }

    pub(super) fn sha256(&self) -> [u8; 32] {
        Sha256::digest(&self.0).into()
    }
}

/// Returns the token that came with a request, in its field or its cookie.
pub(super) fn shown(fields: &HeaderMap) -> Option<Token> {
    let in_field = fields
        .get(fields::TESTER_TOKEN)
        .and_then(|value| value.to_str().ok());
    let in_cookie = || cookie::named(fields, COOKIE).next();
    in_field.or_else(in_cookie).and_then(Token::parse)
}

/// Reads the form; `None` if it is not the form as the page sends it.
pub(super) async fn read_form(body: Incoming) -> Option<Token> {
    #[derive(Deserialize)]
    struct Form {
        token: String,
    }
    let form = Limited::new(body, FORM_MAX)
        .collect()
        .await
        .ok()?
        .to_bytes();
    let form = std::str::from_utf8(&form).ok()?;
    // A form's body is written as a query is (WHATWG URL, section 5).
    let Query(Form { token }) = Query::try_from_uri(&format!("/?{form}").parse().ok()?).ok()?;
    Token::parse(token.trim())
}

/// Sends the browser on, with the token as its cookie.
pub(super) fn let_in(token: &Token, scheme: Scheme) -> Response<ResponseBody> {
    let secure = match scheme {
        Scheme::Http => "",
        Scheme::Https => "; Secure",
    };
    let cookie = format!(
        "{COOKIE}={}; Path=/; Max-Age={COOKIE_AGE}; HttpOnly; SameSite=Strict{secure}",
        token.0
    );
    let mut response = Response::new(ResponseBody::own(""));
    *response.status_mut() = StatusCode::SEE_OTHER;
    let fields = response.headers_mut();
    fields.insert(header::LOCATION, HeaderValue::from_static("/"));
    fields.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        fields.insert(header::SET_COOKIE, cookie);
    }
    response
}

/// Wrong tokens by the address that they came from. An address that has tried too often is not
/// listened to for a while, whatever it shows.
#[derive(Debug, Default)]
pub(super) struct Tries(Mutex<HashMap<IpAddr, (Instant, u32)>>);

impl Tries {
    /// Wrong tokens within one window.
    const MAX: u32 = 20;
    /// How long they are remembered.
    const WINDOW: Duration = Duration::from_secs(60);
    /// The most addresses that are remembered; of more, the oldest is forgotten.
    const ADDRESSES_MAX: usize = 1000;

    /// Tells whether an address has tried too often at `now`.
    pub(super) fn exhausted(&self, address: IpAddr, now: Instant) -> bool {
        let tries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tries.get(&address).is_some_and(|(since, wrong)| {
            *wrong >= Self::MAX && now.saturating_duration_since(*since) < Self::WINDOW
        })
    }

    /// Notes a wrong token at `now`.
    pub(super) fn wrong(&self, address: IpAddr, now: Instant) {
        let mut tries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if tries.len() >= Self::ADDRESSES_MAX && !tries.contains_key(&address) {
            let oldest = tries.iter().min_by_key(|(_, (since, _))| *since);
            if let Some(oldest) = oldest.map(|(address, _)| *address) {
                tries.remove(&oldest);
            }
        }
        let (since, wrong) = tries.entry(address).or_insert((now, 0));
        if now.saturating_duration_since(*since) >= Self::WINDOW {
            (*since, *wrong) = (now, 0);
        }
        *wrong += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cookie(lines: &[&'static str]) -> HeaderMap {
        let mut fields = HeaderMap::new();
        for line in lines {
            fields.append(header::COOKIE, HeaderValue::from_static(line));
        }
        fields
    }

    #[test]
    fn the_testers_cookie_is_read_among_others() {
        let fields = cookie(&["a=1; switchover-tester=t0k_en; b=2", "c=3"]);
        assert!(shown(&fields) == Some(Token("t0k_en".to_owned())));
        assert!(shown(&cookie(&["switchover-tester2=x"])).is_none());
    }

    #[test]
    fn a_token_that_no_token_looks_like_is_none() {
        for odd in ["", "a b", "a;b", "tökén", &"a".repeat(201)] {
            assert!(Token::parse(odd).is_none(), "{odd}");
        }
    }

    #[test]
    fn an_address_that_tries_too_often_waits_and_others_do_not() {
        let tries = Tries::default();
        let start = Instant::now();
        let address = |last: u8| IpAddr::from([10, 0, 0, last]);
        for _ in 0..Tries::MAX {
            assert!(!tries.exhausted(address(1), start));
            tries.wrong(address(1), start);
        }
        assert!(tries.exhausted(address(1), start));
        assert!(!tries.exhausted(address(2), start));
        let later = start + Tries::WINDOW;
        assert!(!tries.exhausted(address(1), later));
        tries.wrong(address(1), later);
        assert!(!tries.exhausted(address(1), later));
    }

    #[test]
    fn no_more_addresses_are_remembered_than_may_be() {
        let tries = Tries::default();
        let start = Instant::now();
        for number in 0..3 * u32::try_from(Tries::ADDRESSES_MAX).unwrap() {
            tries.wrong(IpAddr::from(number.to_be_bytes()), start);
        }
        assert_eq!(tries.0.lock().unwrap().len(), Tries::ADDRESSES_MAX);
    }
}
