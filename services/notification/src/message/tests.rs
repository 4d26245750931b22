use contract::{Language, TimedId as _};

use super::*;
use crate::{
    look::{Logo, Look},
    notice::Body,
    render::{Letter, Reader, Renderer},
    samples,
};

fn id() -> DeliveryId {
    DeliveryId::new(samples::now().as_microsecond(), [7; 10])
}

fn from() -> MailFrom {
    "Example Ops <ops@example.com>".parse().unwrap()
}

fn mail(subject: &str, text: &str) -> Mail {
    Mail {
        subject: subject.to_owned(),
        text: text.to_owned(),
        html: format!("<p>{text}</p>"),
        language: Language::English,
        picture: None,
        unsubscribe: None,
    }
}

fn written(to: &Mailbox, mail: &Mail) -> String {
    String::from_utf8(write(id(), &from(), to, mail, samples::now()).unwrap()).unwrap()
}

/// The header fields, unfolded.
fn headers(message: &str) -> Vec<String> {
    let (head, _) = message.split_once("\r\n\r\n").unwrap();
    head.replace("\r\n ", " ")
        .split("\r\n")
        .map(str::to_owned)
        .collect()
}

#[test]
fn a_mail_looks_the_same_whenever_it_is_written() {
    let to = samples::contact("anna@acme.example", Some("Anna Größe, \"Ops\""));
    let mail = mail("“CRM” moves to version 3", "Grüße\nLine two");
    let first = written(&to, &mail);
    assert_eq!(first, written(&to, &mail));
    insta::assert_snapshot!(first.replace("\r\n", "\n"));
}

#[test]
fn every_line_ends_and_fits_as_smtp_wants() {
    let to = samples::contact("anna@acme.example", None);
    let long = format!(
        "{}\n.\n..\nlone\rreturn\n\n.\r\nMAIL FROM:<x@y.z>\n",
        "word ".repeat(400)
    );
    let message = written(&to, &mail("x", &long));
    assert!(message.is_ascii());
    assert!(!message.replace("\r\n", "").contains(['\r', '\n']));
    assert!(message.split("\r\n").all(|line| line.len() <= 998));
}

#[test]
fn nothing_in_a_subject_becomes_a_header() {
    let to = samples::contact("anna@acme.example", None);
    let usual = headers(&written(&to, &mail("x", "y"))).len();
    for subject in [
        "x\r\nBcc: evil@evil.example",
        "x\nBcc: e@e.e",
        "x\rBcc: e@e.e",
        "x\r\n\r\n<h1>body",
        "x\0y",
        "x\u{2028}Bcc: e@e.e",
    ] {
        match write(id(), &from(), &to, &mail(subject, "y"), samples::now()) {
            Ok(bytes) => {
                let found = headers(&String::from_utf8(bytes).unwrap());
                assert_eq!(found.len(), usual, "{subject:?}: {found:?}");
                assert!(
                    !found.iter().any(|header| header.starts_with("Bcc")),
                    "{found:?}"
                );
            }
            Err(error) => assert_eq!(error, Unwritable::Content, "{subject:?}"),
        }
    }
}

#[test]
fn names_that_would_break_a_header_cannot_be_made() {
    for c in ('\0'..='\u{1f}').chain(['\u{7f}', '\u{85}', '\u{2028}', '\u{202e}', '\u{200b}']) {
        let name = format!("Anna{c}Bcc: evil@evil.example");
        assert!(name.parse::<crate::notice::DisplayName>().is_err(), "{c:?}");
    }
}

#[test]
fn a_panic_of_the_library_is_an_error_of_that_mail_alone() {
    for name in ["a\r\nBcc: x@y.z", "a\nb", "a\0b"] {
        let made = without_panic(|| {
            let address: Address = "anna@acme.example".parse().unwrap();
            let message = Message::builder()
                .from("ops@example.com".parse().unwrap())
                .to(LettreMailbox::new(Some(name.to_owned()), address))
                .body("x".to_owned())
                .map(|message| message.formatted());
            String::from_utf8(message.unwrap()).unwrap()
        });
        match made {
            Err(error) => assert_eq!(error, Unwritable::Content),
            Ok(message) => assert!(
                !headers(&message)
                    .iter()
                    .any(|header| header.starts_with("Bcc")),
                "{message}"
            ),
        }
    }
    assert_eq!(
        without_panic(|| -> () { panic!("oh no") }),
        Err(Unwritable::Content)
    );
}

#[test]
fn a_mail_that_is_too_large_is_refused() {
    let to = samples::contact("anna@acme.example", None);
    let huge = mail("x", &"word ".repeat(MAIL_BYTES_MAX / 5));
    let error = write(id(), &from(), &to, &huge, samples::now()).unwrap_err();
    assert!(matches!(error, Unwritable::TooLarge(_)), "{error}");
}

#[test]
fn mails_answer_no_machine_and_carry_no_list_headers() {
    let to = samples::contact("anna@acme.example", None);
    let found = headers(&written(&to, &mail("x", "y")));
    assert!(
        found.contains(&"Auto-Submitted: auto-generated".to_owned()),
        "{found:?}"
    );
    assert!(
        found.contains(&format!("Message-ID: <{}@example.com>", id())),
        "{found:?}"
    );
    assert!(
        !found.iter().any(|header| header.starts_with("List-")),
        "{found:?}"
    );
}

#[test]
fn who_may_unsubscribe_can_do_so_with_one_click_and_no_link_breaks_out_of_its_field() {
    let to = samples::contact("anna@acme.example", None);
    let link = format!("https://edge.example.com/unsubscribe/{}", "a".repeat(600));
    let mail = Mail {
        unsubscribe: Some(link.clone()),
        ..mail("x", "y")
    };
    let found = headers(&written(&to, &mail));
    for wanted in [
        format!("List-Unsubscribe: <{link}>"),
        "List-Unsubscribe-Post: List-Unsubscribe=One-Click".to_owned(),
    ] {
        assert!(found.contains(&wanted), "{wanted}: {found:?}");
    }
}

#[test]
fn a_logo_goes_with_the_html_that_shows_it() {
    let to = samples::contact("anna@acme.example", None);
    let picture = Picture {
        media_type: "image/png",
        bytes: b"\x89PNG\r\n\x1a\nx".to_vec(),
    };
    let mail = Mail {
        picture: Some(picture),
        language: Language::German,
        ..mail("x", "y")
    };
    let message = written(&to, &mail);
    assert!(message.contains("Content-Language: de\r\n"), "{message}");
    assert!(message.contains("Content-ID: <logo>\r\n"), "{message}");
    assert!(message.contains("Content-Type: image/png\r\n"), "{message}");
    assert_eq!(message, written(&to, &mail));
}

#[test]
fn the_longest_texts_fit_beside_the_largest_logo() {
    let shown = "\u{1f600}".repeat(100);
    let body = Body::AccessRemoved {
        application: samples::application(&shown),
        tenant: samples::tenant(&shown),
        message: "\u{1f600}".repeat(2000).parse().unwrap(),
    };
    let notice = samples::notice("1", samples::to_tenant(), body);
    let picture = Picture {
        media_type: "image/png",
        bytes: vec![7; Picture::MAX],
    };
    let look = Look {
        logo: Some(Logo::Embedded(picture)),
        ..Look::default()
    };
    let edge = "https://edge.example.com".parse().unwrap();
    let name = samples::line(&shown);
    let link = format!("https://edge.example.com/unsubscribe/{}", "a".repeat(900));
    let reader = Reader {
        name: Some(&name),
        unsubscribe: Some(&link),
    };
    let mail = Renderer::new(samples::line(&shown), edge, look)
        .render(Letter::AccessRemoved, &notice, reader)
        .unwrap();
    let to = samples::contact("anna@acme.example", Some(&shown));
    let written = write(id(), &from(), &to, &mail, samples::now()).unwrap();
    assert!(written.len() > 64 * 1024, "{} bytes", written.len());
    assert!(written.split(|b| *b == b'\n').all(|line| line.len() <= 998));
}

#[test]
fn every_address_that_is_taken_can_be_written() {
    for address in [
        "ops@localhost",
        "A.b+tag@x.y",
        "o'hara@xn--bcher-kva.example",
        "#!$%&'*+-/=?^_`{|}~@e.example",
        "1@2.e3",
    ] {
        assert!(envelope(&from().address, address).is_ok(), "{address}");
    }
    assert_eq!(
        envelope(&from().address, "a\r\nb@c.d"),
        Err(Unwritable::Address("recipient"))
    );
}
