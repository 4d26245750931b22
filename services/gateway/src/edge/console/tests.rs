use axum::http::HeaderName;

use super::*;

fn asked(fields: &[(&str, &str)]) -> HeaderMap {
    let fields = fields.iter().map(|(name, value)| {
        let name: HeaderName = name.parse().unwrap();
        (name, value.parse().unwrap())
    });
    fields.collect()
}

fn built(text: &'static str, digest: u8) -> (Cow<'static, [u8]>, [u8; 32]) {
    (Cow::Borrowed(text.as_bytes()), [digest; 32])
}

fn field<'a>(response: &'a Response<Body>, name: &str) -> &'a str {
    response
        .headers()
        .get(name)
        .map_or("", |value| value.to_str().unwrap())
}

#[test]
fn a_name_that_changes_with_its_content_is_kept_for_ever_and_no_other() {
    for name in ["assets/index-Bq51JjLS.js", "assets/index-Dcw3_B-a.css"] {
        assert!(is_named_for_content(name), "{name}");
    }
    for name in [
        "index.html",
        "assets/look.js",
        "assets/mark.svg",
        "assets/a-overview.js",
        "assets/index-Bq51JjL.js",
        "-Bq51Jj",
        "",
    ] {
        assert!(!is_named_for_content(name), "{name}");
    }
}

#[test]
fn a_file_that_has_not_changed_is_not_sent_again() {
    let first = answer("assets/look.js", Coding::Gzip, built("x", 7), &asked(&[]));
    assert_eq!(first.status(), 200);
    assert_eq!(field(&first, "content-encoding"), "gzip");
    assert_eq!(field(&first, "cache-control"), "no-cache");
    assert_eq!(
        field(&first, "content-type"),
        "text/javascript; charset=utf-8"
    );
    let tag = field(&first, "etag");
    for known in [tag, &format!("W/{tag}"), &format!("\"other\", {tag}")] {
        let fields = asked(&[("if-none-match", known)]);
        let again = answer("assets/look.js", Coding::Gzip, built("x", 7), &fields);
        assert_eq!(again.status(), 304, "{known}");
        assert_eq!(field(&again, "etag"), tag);
        let changed = answer("assets/look.js", Coding::Gzip, built("y", 8), &fields);
        assert_eq!(changed.status(), 200, "{known}");
    }
}

#[test]
fn whoever_asks_gets_what_it_can_read() {
    for (accepted, expected) in [
        ("gzip, deflate, br, zstd", [true, true, true]),
        ("gzip;q=0.8", [false, true, true]),
        ("br;q=0, gzip", [false, true, true]),
        ("identity", [false, false, true]),
        ("", [false, false, true]),
    ] {
        let headers = asked(&[("accept-encoding", accepted)]);
        let taken = Coding::ALL.map(|coding| coding.is_taken(&headers));
        assert_eq!(taken, expected, "{accepted}");
    }
}

#[test]
fn only_who_takes_a_page_gets_one_for_a_path() {
    let browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
    for (accept, expected) in [
        (browser, true),
        ("application/json, text/html", false),
        ("*/*", false),
        ("image/avif,image/webp,*/*", false),
        ("application/json", false),
    ] {
        assert_eq!(
            takes_page(&asked(&[("accept", accept)])),
            expected,
            "{accept}"
        );
    }
    assert!(!takes_page(&asked(&[])));
}

#[test]
fn no_path_leads_out_of_the_files() {
    for path in [
        "/assets/../../Cargo.toml",
        "/assets/..%2f..%2fCargo.toml",
        "/index.html",
        "/Cargo.toml",
        "assets/look.js",
        "//assets/look.js",
        "/assets/",
        "/assets/look.js.br",
    ] {
        assert!(asset(path, &asked(&[])).is_none(), "{path}");
    }
}

#[test]
fn the_policy_lets_the_page_load_its_own_files_alone() {
    assert!(!POLICY.contains("unsafe"));
    assert!(!POLICY.contains("http"));
    for word in [
        "default-src 'none'",
        "object-src 'none'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    ] {
        assert!(POLICY.contains(word), "{word}");
    }
}
