//! Cookies of the gateway's own: read from among the others, kept from versions, and never set by one.
//!
//! All are `Secure`, also where users reach applications over plain HTTP: browsers take such cookies for
//! `localhost` and names below it, and a sign-in over plain HTTP anywhere else has nothing to protect.

use http::{HeaderMap, HeaderValue, header};

/// What the gateway's cookies are called, in lower case, up to the first letter in which they differ.
/// Browsers take a name with this prefix from the very host that it is for, and from no other.
const OURS: [&str; 2] = ["__host-switchover-", "__secure-switchover-"];
/// The tester's cookie.
pub(in crate::apps) const TESTER: &str = "switchover-tester";

/// Returns every cookie that came with a request, as `name=value`.
pub(in crate::apps) fn all(fields: &HeaderMap) -> impl Iterator<Item = &str> {
    fields
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .map(str::trim)
        .filter(|cookie| !cookie.is_empty())
}

/// Returns the values of the cookies with this name.
pub(in crate::apps) fn named<'f>(
    fields: &'f HeaderMap,
    name: &'f str,
) -> impl Iterator<Item = &'f str> {
    all(fields)
        .filter_map(|cookie| cookie.split_once('='))
        .filter(move |(given, _)| *given == name)
        .map(|(_, value)| value)
}

/// Tells whether a cookie is the gateway's. A cookie without a name may look like one with a name to
/// whoever reads it.
fn is_ours(cookie: &str) -> bool {
    let name = cookie.trim_start_matches(|c: char| c == '=' || c.is_ascii_whitespace());
    let name = name.split(['=', ';']).next().unwrap_or_default().trim();
    let name = name.to_ascii_lowercase();
    name == TESTER || OURS.iter().any(|ours| name.starts_with(ours))
}

/// Takes the gateway's cookies out of the others, so that no version sees them.
pub(in crate::apps) fn strip(fields: &mut HeaderMap) {
    if !all(fields).any(is_ours) {
        return;
    }
    let others: Vec<_> = all(fields).filter(|cookie| !is_ours(cookie)).collect();
    let others = HeaderValue::from_str(&others.join("; ")).ok();
    fields.remove(header::COOKIE);
    if let Some(others) = others.filter(|others| !others.is_empty()) {
        fields.insert(header::COOKIE, others);
    }
}

/// Takes away what a version says that only the gateway may: cookies with a name of ours.
pub(in crate::apps) fn keep_others_from_setting(fields: &mut HeaderMap) {
    let ours = |value: &HeaderValue| is_ours(&String::from_utf8_lossy(value.as_bytes()));
    if !fields.get_all(header::SET_COOKIE).iter().any(ours) {
        return;
    }
    let all = fields.get_all(header::SET_COOKIE).iter();
    let others: Vec<HeaderValue> = all.filter(|value| !ours(value)).cloned().collect();
    fields.remove(header::SET_COOKIE);
    for other in others {
        fields.append(header::SET_COOKIE, other);
    }
}

/// Writes a cookie for one host, below a path of it (`/` for a name with `__Host-`), kept for so many
/// seconds.
///
/// `SameSite` is `Lax`: with `Strict` a browser that comes from the identity provider, or by a link in a
/// mail, would not show that it is signed in.
pub(in crate::apps) fn set(name: &str, value: &str, path: &str, seconds: i64) -> HeaderValue {
    let text = format!(
        "{name}={value}; Path={path}; Max-Age={}; Secure; HttpOnly; SameSite=Lax",
        seconds.max(0)
    );
    let mut value = HeaderValue::from_str(&text).expect("names are ours, values base64 and dots");
    value.set_sensitive(true);
    value
}

/// Has the browser forget a cookie.
pub(in crate::apps) fn forget(name: &str, path: &str) -> HeaderValue {
    set(name, "", path, 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(name: &header::HeaderName, lines: &[&'static str]) -> HeaderMap {
        let mut fields = HeaderMap::new();
        for line in lines {
            fields.append(name, HeaderValue::from_static(line));
        }
        fields
    }

    #[test]
    fn the_gateways_cookies_are_taken_away_from_the_others() {
        let mut some = fields(
            &header::COOKIE,
            &[
                "a=1; switchover-tester=t0k_en; b=2",
                "__Host-switchover-login=x; c=3; __HOST-Switchover-Login=y; =__Host-switchover-login=z",
            ],
        );
        let logins: Vec<_> = named(&some, "__Host-switchover-login").collect();
        assert_eq!(logins, ["x"]);
        strip(&mut some);
        assert_eq!(some.get_all(header::COOKIE).iter().count(), 1);
        assert_eq!(some[header::COOKIE], "a=1; b=2; c=3");
        let mut alone = fields(&header::COOKIE, &["switchover-tester=x"]);
        strip(&mut alone);
        assert!(!alone.contains_key(header::COOKIE));
        let mut others = fields(&header::COOKIE, &["switchover-tester2=x", "b"]);
        strip(&mut others);
        assert_eq!(others.get_all(header::COOKIE).iter().count(), 2);
    }

    #[test]
    fn a_version_sets_its_own_cookies_and_none_of_the_gateways() {
        let mut some = fields(
            &header::SET_COOKIE,
            &[
                "mine=1; Path=/",
                "__Host-switchover-login=forged; Path=/; Secure",
                " __host-SWITCHOVER-login=forged; Path=/; Secure",
                "=__Host-switchover-login=forged",
                "switchover-tester=forged",
                "other=__Host-switchover-login",
            ],
        );
        keep_others_from_setting(&mut some);
        let left: Vec<_> = some.get_all(header::SET_COOKIE).iter().collect();
        assert_eq!(left, ["mine=1; Path=/", "other=__Host-switchover-login"]);
    }

    #[test]
    fn cookies_of_the_gateway_are_for_one_host_and_no_script() {
        let cookie = set("__Host-switchover-login", "s1.a.b", "/", 60);
        assert_eq!(
            cookie,
            "__Host-switchover-login=s1.a.b; Path=/; Max-Age=60; Secure; HttpOnly; SameSite=Lax"
        );
        assert!(cookie.is_sensitive());
    }
}
