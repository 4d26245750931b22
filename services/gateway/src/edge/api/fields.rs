//! Which fields of a call go on. The gateway's own word is not among them, and a caller's own only where
//! services may take it.

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use runtime::{
    Clock,
    caller::{PASSED_ON, ROLE, SUBJECT},
    request,
};

/// What goes on as it came.
const PASSED: [HeaderName; 5] = [
    header::AUTHORIZATION,
    header::CONTENT_TYPE,
    header::TE,
    header::USER_AGENT,
    HeaderName::from_static(request::HEADER),
];
/// More of that, by the names of protocols.
const NAMED: [&str; 5] = [
    "grpc-accept-encoding",
    "grpc-encoding",
    "grpc-timeout",
    "traceparent",
    "tracestate",
];

/// Returns the fields with which a call goes on.
pub(super) fn passed(headers: &HeaderMap, believed: bool, clock: &Clock) -> HeaderMap {
    let named = NAMED.into_iter().map(HeaderName::from_static);
    let mut passed: HeaderMap = PASSED
        .into_iter()
        .chain(named)
        .filter_map(|name| Some((name.clone(), headers.get(&name)?.clone())))
        .collect();
    if !passed.contains_key(request::HEADER)
        && let Ok(id) = HeaderValue::from_str(request::new_id(clock).as_str())
    {
        passed.insert(request::HEADER, id);
    }
    // Whoever proves who they are may choose among their roles by the same fields.
    if believed || headers.contains_key(header::AUTHORIZATION) {
        for name in [ROLE, SUBJECT] {
            if let Some(value) = headers.get(name) {
                passed.insert(name, value.clone());
            }
        }
    }
    if !believed {
        // A service that believes whoever is on its machine must not believe this.
        passed.insert(PASSED_ON, HeaderValue::from_static("1"));
    }
    passed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call() -> HeaderMap {
        let fields = [
            ("authorization", "Bearer x"),
            ("content-type", "application/grpc"),
            ("te", "trailers"),
            ("grpc-timeout", "1S"),
            ("x-request-id", "r-1"),
            ("traceparent", "00-1-2-01"),
            ("x-switchover-role", "operator-admin"),
            ("x-switchover-subject", "people/anna"),
            ("cookie", "a=b"),
            ("x-forwarded-for", "192.0.2.1"),
            ("origin", "https://edge.example"),
            ("x-own", "1"),
        ];
        fields
            .map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()))
            .into_iter()
            .collect()
    }

    fn names(headers: &HeaderMap) -> Vec<&str> {
        let mut names: Vec<&str> = headers.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn a_callers_word_on_who_it_is_goes_on_only_where_it_may_be_taken() {
        let clock = Clock::real();
        let believed = passed(&call(), true, &clock);
        assert_eq!(believed["x-switchover-role"], "operator-admin");
        assert_eq!(believed["x-switchover-subject"], "people/anna");
        assert!(!believed.contains_key(PASSED_ON));
        let mut call = call();
        let proves = passed(&call, false, &clock);
        assert_eq!(proves[PASSED_ON], "1");
        assert_eq!(proves["x-switchover-role"], "operator-admin");
        call.remove("authorization");
        let stranger = passed(&call, false, &clock);
        assert_eq!(stranger[PASSED_ON], "1");
        assert!(!stranger.contains_key("x-switchover-role"));
        assert!(!stranger.contains_key("x-switchover-subject"));
    }

    #[test]
    fn only_what_is_meant_for_services_goes_on() {
        let expected = [
            "authorization",
            "content-type",
            "grpc-timeout",
            "te",
            "traceparent",
            "x-request-id",
            "x-switchover-passed-on",
            "x-switchover-role",
            "x-switchover-subject",
        ];
        assert_eq!(names(&passed(&call(), false, &Clock::real())), expected);
    }

    #[test]
    fn a_call_without_an_id_gets_one() {
        let passed = passed(&HeaderMap::new(), true, &Clock::real());
        assert_eq!(passed[request::HEADER].len(), 36);
    }
}
