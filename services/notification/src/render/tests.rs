use super::*;
use contract::Language;

use crate::look::{Logo, Look, Picture};
use crate::notice::Recipient;
use crate::samples::{
    self, TOKEN, application, contact, deny_offered, line, notice, tenant, to_tenant,
};

fn renderer() -> Renderer {
    samples::renderer(Language::English)
}

fn rendered(notice: &Notice) -> Option<Mail> {
    rendered_by(&renderer(), notice)
}

fn rendered_by(renderer: &Renderer, notice: &Notice) -> Option<Mail> {
    let letter = notice.placing().mail?;
    let name: DisplayName = line("Anna Example");
    let reader = Reader {
        name: matches!(notice.recipient, Recipient::Tenant { .. }).then_some(&name),
        unsubscribe: None,
    };
    Some(renderer.render(letter, notice, reader).unwrap())
}

/// Every mail as people get it. The word joiners that keep names from becoming links are shown.
#[test]
fn every_mail_reads_well() {
    for notice in samples::notices() {
        let Some(mail) = rendered(&notice) else {
            continue;
        };
        let name = format!(
            "{:?}-{}",
            notice.placing().mail.unwrap(),
            notice.cause.as_str()
        );
        let text = format!(
            "Subject: {}\n\n{}\n\n{}",
            mail.subject, mail.text, mail.html
        );
        insta::assert_snapshot!(name, text.replace('\u{2060}', "<U+2060>"));
    }
}

/// The German ones as text: the HTML is made of the same sentences.
#[test]
fn every_mail_reads_well_in_german() {
    let mut all = String::new();
    for notice in samples::notices() {
        if let Some(mail) = rendered_by(&samples::renderer(Language::German), &notice) {
            all += &format!("Subject: {}\n\n{}\n======\n\n", mail.subject, mail.text);
        }
    }
    insta::assert_snapshot!(all.replace('\u{2060}', "<U+2060>"));
}

#[test]
fn both_parts_of_a_mail_say_the_same() {
    for language in [Language::English, Language::German] {
        for notice in samples::notices() {
            let Some(mail) = rendered_by(&samples::renderer(language), &notice) else {
                continue;
            };
            let (_, body) = mail.html.split_once("<h1").unwrap();
            let (_, body) = body.split_once('>').unwrap();
            let mut seen = body.to_owned();
            while let Some((before, tag)) = seen.split_once('<') {
                let (_, after) = tag.split_once('>').unwrap();
                seen = format!("{before} {after}");
            }
            let plain: String = mail.text.split_whitespace().collect();
            for word in seen.split_whitespace() {
                let word = word.replace("&#39;", "'").replace("&quot;", "\"");
                assert!(plain.contains(&word), "{word:?} is not in {}", mail.text);
            }
        }
    }
}

#[test]
fn a_mail_shows_the_operators_colour_and_logo() {
    let look = Look {
        language: Language::English,
        colour: "#ffdd00".parse().unwrap(),
        logo: Some(Logo::Url("https://ops.example/logo.png?a&b".into())),
    };
    let edge: EdgeUrl = "https://edge.example.com".parse().unwrap();
    let offer = samples::notices()
        .into_iter()
        .find(|notice| notice.placing().mail == Some(Letter::AcceptOffered))
        .unwrap();
    let mail = Renderer::new(line("<Ops>"), edge.clone(), look.clone())
        .render(Letter::AcceptOffered, &offer, Reader::default())
        .unwrap();
    for part in [
        "border-top:4px solid #ffdd00",
        "background-color:#ffdd00;color:#000000",
        "<img src=\"https://ops.example/logo.png?a&amp;b\" alt=\"&lt;Ops&gt;\"",
    ] {
        assert!(mail.html.contains(part), "{part}: {}", mail.html);
    }
    assert_eq!(mail.picture, None);
    let picture = Picture {
        media_type: "image/png",
        bytes: vec![1],
    };
    let embedded = Look {
        logo: Some(Logo::Embedded(picture.clone())),
        ..look
    };
    let mail = Renderer::new(line("Ops"), edge, embedded)
        .render(Letter::AcceptOffered, &offer, Reader::default())
        .unwrap();
    assert!(mail.html.contains("<img src=\"cid:logo\""), "{}", mail.html);
    assert_eq!(mail.picture, Some(picture));
}

#[test]
fn who_may_unsubscribe_finds_the_link_in_both_parts() {
    let link = "https://edge.example.com/unsubscribe/s1.x";
    let reader = Reader {
        name: None,
        unsubscribe: Some(link),
    };
    let notices = samples::notices();
    let removed = notices.last().unwrap();
    let mail = renderer()
        .render(Letter::AccessRemoved, removed, reader)
        .unwrap();
    assert_eq!(mail.unsubscribe.as_deref(), Some(link));
    assert!(
        mail.text.ends_with(&format!(":\n{link}\n")),
        "{}",
        mail.text
    );
    assert!(
        mail.html.contains(&format!("href=\"{link}\"")),
        "{}",
        mail.html
    );
}

#[test]
fn the_deny_mail_has_its_link_in_both_parts_and_no_other() {
    let mail = rendered(&deny_offered("1", "CRM", to_tenant())).unwrap();
    let link = format!("https://edge.example.com:8081/consent/{TOKEN}?lang=en");
    assert_eq!(mail.text.matches("http").count(), 1);
    assert!(
        mail.text.lines().any(|text| text == link),
        "on a line of its own:\n{}",
        mail.text
    );
    assert_eq!(mail.html.matches("http").count(), 1);
    assert_eq!(mail.html.matches("href=").count(), 1);
    assert!(
        mail.html.contains(&format!("href=\"{link}\"")),
        "{}",
        mail.html
    );
    assert!(!mail.subject.contains(TOKEN));
}

#[test]
fn html_loads_nothing_and_says_its_language() {
    for notice in samples::notices() {
        let Some(mail) = rendered(&notice) else {
            continue;
        };
        for load in [
            "src=", "url(", "@import", "<link", "<script", "<img", "<form",
        ] {
            assert!(!mail.html.contains(load), "{load}: {}", mail.html);
        }
        assert!(mail.html.contains("<html lang=\"en\">"));
        assert_eq!(mail.html.matches("<h1").count(), 1);
    }
}

#[test]
fn mails_without_a_consent_link_have_no_link_at_all() {
    for notice in samples::notices() {
        let Some(mail) = rendered(&notice) else {
            continue;
        };
        if !matches!(
            notice.placing().mail,
            Some(Letter::DenyOffered | Letter::AcceptOffered)
        ) {
            assert!(
                !mail.text.contains("http") && !mail.html.contains("href="),
                "{mail:?}"
            );
        }
    }
}

#[test]
fn hostile_names_stay_text_in_html_and_become_links_nowhere() {
    for hostile in [
        "<script>alert(1)</script>",
        "\"><a href=\"https://evil.example/\">x</a>",
        "<img src=x onerror=alert(1)>",
        "{{ link }}",
        "{% include 'x' %}",
        "https://evil.example/consent/x",
        "www.evil.example",
        "evil.example",
        "anna@evil.example",
        "&lt;b&gt;",
        "' onmouseover='x",
        "</title><style>*{display:none}</style>",
    ] {
        let body = Body::DenyOffered {
            application: application(hostile),
            tenant: tenant(hostile),
            source: "2".parse().unwrap(),
            target: "3".parse().unwrap(),
            token: TOKEN.parse().unwrap(),
            expires: samples::now(),
        };
        let notice = notice("1", to_tenant(), body);
        let reader: DisplayName = line(hostile);
        let edge = "https://edge.example.com".parse().unwrap();
        let reader = Reader {
            name: Some(&reader),
            unsubscribe: None,
        };
        let mail = Renderer::new(line(hostile), edge, Look::default())
            .render(Letter::DenyOffered, &notice, reader)
            .unwrap();
        let plain = rendered(&deny_offered("1", "CRM", to_tenant())).unwrap();
        for tag in [
            "<a ", "<script", "<img", "<style", "</title>", "<h1", "<h2", "<p",
        ] {
            assert_eq!(
                mail.html.matches(tag).count(),
                plain.html.matches(tag).count(),
                "{tag} {hostile}: {}",
                mail.html
            );
        }
        for part in [&mail.text, &mail.html] {
            for link in ["evil.example", "www.", "https://evil", "@evil"] {
                assert!(!part.contains(link), "{link} {hostile}: {part}");
            }
        }
        assert_eq!(mail.html.matches(TOKEN).count(), 1);
    }
}

#[test]
fn subjects_are_one_line() {
    for notice in samples::notices() {
        let Some(mail) = rendered(&notice) else {
            continue;
        };
        assert!(!mail.subject.contains(['\n', '\r']) && !mail.subject.is_empty());
    }
}

#[test]
fn a_template_that_wants_what_is_not_there_is_an_error_that_shows_no_value() {
    let notice = samples::deny_offered("1", "Secret Name", to_tenant());
    // The letter of another kind wants values that this notice does not have.
    let error = renderer()
        .render(Letter::SwitchSucceeded, &notice, Reader::default())
        .unwrap_err();
    assert!(
        !format!("{error} {error:?}").contains("Secret"),
        "{error:?}"
    );
}

#[test]
fn a_reader_without_a_name_is_greeted_all_the_same() {
    let notice = samples::deny_offered(
        "1",
        "CRM",
        Recipient::Tenant {
            tenant: "acme".parse().unwrap(),
            addresses: vec![contact("anna@acme.example", None)],
        },
    );
    let mail = renderer()
        .render(Letter::DenyOffered, &notice, Reader::default())
        .unwrap();
    assert!(mail.text.contains("\n\nHello,\n"), "{}", mail.text);
}
