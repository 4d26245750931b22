use contract::RequestId;
use http_body_util::BodyExt as _;

use super::*;

const ALL: [Why; 36] = [
    Why::BadHost,
    Why::BadRequest,
    Why::MethodRefused,
    Why::UriTooLong,
    Why::ExpectationRefused,
    Why::UnknownAddress,
    Why::NotYetAvailable,
    Why::Refused(RefusalReason::NotProvisioned),
    Why::Refused(RefusalReason::Denied),
    Why::Refused(RefusalReason::PendingAcceptance),
    Why::Refused(RefusalReason::Failed),
    Why::Refused(RefusalReason::Removed),
    Why::HeldTooLong,
    Why::TooManyHeld,
    Why::BadMinGeneration,
    Why::GenerationNotReached,
    Why::Fenced,
    Why::NothingInTest,
    Why::TokenNeeded,
    Why::TokenWrong,
    Why::TooManyTries,
    Why::PathRefused,
    Why::SignInNeeded,
    Why::RoleMissing,
    Why::ForeignRequest,
    Why::LoginNotSetUp,
    Why::SignInFailed,
    Why::OtherTenant,
    Why::ProviderAway,
    Why::NothingHere,
    Why::Loop,
    Why::RequestStalled,
    Why::UpstreamUnreachable,
    Why::UpstreamBrokeOff,
    Why::UpstreamTimeout,
    Why::Cut,
];

async fn render(why: Why, form: Form) -> (HeaderMap, String) {
    render_in(Language::English, why, form).await
}

async fn render_in(language: Language, why: Why, form: Form) -> (HeaderMap, String) {
    let reader = Reader {
        language,
        asked: None,
    };
    let pages = Pages::new(&"<b>the help desk</b>".parse().unwrap());
    let request_id: RequestId = "r-1".parse().unwrap();
    let refusal = Refusal {
        why,
        application: Some("Tom & \"Jerry\" <script>"),
        request_id: &request_id,
        role: None,
        sign_in: None,
        reader,
    };
    let response = pages.render(&refusal, form);
    assert_eq!(response.status(), why.status());
    let (head, body) = response.into_parts();
    let text = body.collect().await.unwrap().to_bytes();
    (head.headers, String::from_utf8(text.into()).unwrap())
}

#[tokio::test]
async fn every_refusal_has_its_page_its_json_and_its_line() {
    let mut reasons = std::collections::BTreeSet::new();
    for why in ALL {
        assert!(reasons.insert(why.reason()), "{} twice", why.reason());
        let (fields, page) = render(why, Form::Page).await;
        assert_eq!(fields["content-type"], "text/html; charset=utf-8");
        let said = texts::said(why, Language::English);
        assert!(page.contains(said.title), "{page}");
        assert!(!page.contains("<script"), "{page}");
        assert!(!page.contains("<b>"), "{page}");
        let (fields, json) = render(why, Form::Json).await;
        assert_eq!(fields["content-type"], "application/problem+json");
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(json["reason"], why.reason());
        assert_eq!(json["request_id"], "r-1");
        let (_, line) = render(why, Form::Line).await;
        assert_eq!(line.lines().count(), 1, "{line}");
        let asked = line.ends_with(" Questions? Ask <b>the help desk</b>.\n");
        let again = line.ends_with(&format!("{}\n", said.detail));
        assert!(asked || again, "{line}");
        assert_eq!(page.contains("<p>Questions? Ask "), asked, "{page}");
        assert_eq!(
            json["support"].as_str(),
            asked.then_some("<b>the help desk</b>")
        );
        for name in [
            "cache-control",
            "content-security-policy",
            "x-content-type-options",
        ] {
            assert!(fields.contains_key(name), "{name}");
        }
    }
}

#[tokio::test]
async fn people_read_refusals_in_their_language_and_programs_in_english() {
    for why in ALL {
        let (fields, page) = render_in(Language::German, why, Form::Page).await;
        let said = texts::said(why, Language::German);
        assert!(page.contains(said.title), "{page}");
        assert!(page.contains("<html lang=\"de\">"), "{page}");
        assert_eq!(fields["content-language"], "de");
        let vary: Vec<_> = fields.get_all("vary").iter().collect();
        assert_eq!(vary, ["accept", "accept-language"]);
        assert_ne!(said.title, texts::said(why, Language::English).title);
        for form in [Form::Json, Form::Line] {
            let (fields, english) = render(why, form).await;
            let (_, told) = render_in(Language::German, why, form).await;
            assert_eq!(told, english);
            assert!(!fields.contains_key("content-language"));
        }
    }
}

#[tokio::test]
async fn the_page_of_a_denial_says_in_german_what_to_do() {
    let why = Why::Refused(RefusalReason::Denied);
    let (_, page) = render_in(Language::German, why, Form::Page).await;
    let main = page.split_once("<main>").unwrap().1;
    insta::assert_snapshot!(main.split_once("</main>").unwrap().0);
}

#[tokio::test]
async fn the_page_of_a_denial_says_what_to_do() {
    let (fields, page) = render(Why::Refused(RefusalReason::Denied), Form::Page).await;
    let main = page.split_once("<main>").unwrap().1;
    insta::assert_snapshot!(main.split_once("</main>").unwrap().0, @r#"
    <p class="name">Tom &amp; &quot;Jerry&quot; &lt;script&gt;</p>
    <h1>Your organisation has denied this version</h1>
    <p id="detail">The application is now on a version that your organisation has denied, so it cannot be used. Your administrator can accept it at any time, with the link in the mail about it.</p>
    <p>Questions? Ask &lt;b&gt;the help desk&lt;&#x2f;b&gt;.</p>
    <footer>403 DENIED<br>Request r-1</footer>
    "#);
    // The policy admits exactly the style that is on the page.
    let style = page
        .split_once("<style>")
        .unwrap()
        .1
        .split_once("</style>")
        .unwrap()
        .0;
    let hash = BASE64_STANDARD.encode(Sha256::digest(style));
    let policy = fields["content-security-policy"].to_str().unwrap();
    assert!(policy.contains(&hash), "{policy}");
}

#[test]
fn browsers_get_pages_and_programs_json() {
    let check = |accept: Option<&'static str>, expected| {
        let mut fields = HeaderMap::new();
        if let Some(accept) = accept {
            fields.insert(header::ACCEPT, HeaderValue::from_static(accept));
        }
        assert_eq!(Form::wanted(&fields), expected, "{accept:?}");
    };
    check(None, Form::Json);
    check(Some("*/*"), Form::Json);
    check(
        Some("text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"),
        Form::Page,
    );
    check(Some("TEXT/HTML;q=0.3"), Form::Page);
    check(Some("application/json, text/html;q=0"), Form::Json);
    check(Some("text/plain"), Form::Line);
    check(Some("application/json, text/plain, */*"), Form::Json);
}

#[tokio::test]
async fn whoever_is_turned_away_for_a_while_hears_when_to_come_back() {
    let mut seen = 0;
    for why in ALL {
        let (fields, _) = render(why, Form::Json).await;
        if why.status() == StatusCode::SERVICE_UNAVAILABLE {
            let after: u64 = fields["retry-after"].to_str().unwrap().parse().unwrap();
            assert!(after > 0, "{why:?}");
            seen += 1;
        }
    }
    assert_eq!(seen, 8);
}
