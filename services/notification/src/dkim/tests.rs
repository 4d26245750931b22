use super::*;

const RSA: &str = include_str!("tests/rsa.pem");
pub(super) const ED25519: &str = include_str!("tests/ed25519.pem");

const MAIL: &[u8] = b"From: \"Example Ops\" <ops@example.com>\r\n\
    To: Anna\r\n <anna@acme.example>\r\n\
    Subject: Hello\r\n\
    Message-ID: <1@example.com>\r\n\
    X-Other: not signed\r\n\
    \r\n\
    Hello  Anna, \r\n\
    \r\n\
    it is done.\r\n\
    \r\n";

fn key(selector: &str, pem: &str) -> Key {
    Key::from_pem(selector.parse().unwrap(), pem).unwrap()
}

fn signed(mail: &[u8]) -> String {
    let keys = vec![key("r1", RSA), key("e1", ED25519)];
    let signed = Signer::new("Example.COM", keys).sign(mail.to_vec());
    String::from_utf8(signed).unwrap()
}

/// Returns the value of each `b=` that is not `bh=`, without white space.
fn signatures(mail: &str) -> Vec<String> {
    let (head, _) = mail.split_once("\r\n\r\n").unwrap();
    canonical::fields(head.as_bytes())
        .iter()
        .filter(|field| field.is("dkim-signature"))
        .map(|field| {
            let text = field.relaxed();
            let (_, value) = text.split_once("; b=").unwrap();
            value.replace(' ', "")
        })
        .collect()
}

/// What `tests/it/signing.rs` has another implementation check is this, byte for byte.
#[test]
fn signatures_are_the_same_whenever_they_are_made() {
    let text = signed(MAIL);
    assert!(text.ends_with(std::str::from_utf8(MAIL).unwrap()));
    assert_eq!(text, signed(MAIL));
    insta::assert_snapshot!(text.replace("\r\n", "\n"));
}

#[test]
fn lines_of_a_signature_are_short() {
    assert!(signed(MAIL).split("\r\n").all(|line| line.len() <= 998));
    assert!(signed(MAIL).split("\r\n").all(|line| line.len() <= 100));
}

#[test]
fn whoever_changes_what_is_covered_breaks_every_signature() {
    let text = std::str::from_utf8(MAIL).unwrap();
    let usual = signatures(&signed(MAIL));
    assert_eq!(usual.len(), 2);
    for (from, to) in [
        ("ops@", "oops@"),
        ("anna@", "bob@"),
        ("Subject: Hello", "Subject: Hallo"),
        ("<1@", "<2@"),
        ("it is done", "it is not done"),
        (
            "\r\n\r\nHello",
            "\r\nList-Unsubscribe: <https://evil.example>\r\n\r\nHello",
        ),
    ] {
        let changed = text.replacen(from, to, 1);
        assert_ne!(changed, text, "{from}");
        let others = signatures(&signed(changed.as_bytes()));
        assert!(usual.iter().all(|one| !others.contains(one)), "{from}");
    }
    for (from, to) in [
        ("X-Other: not signed", "X-Other: nor this"),
        ("Anna\r\n <", "Anna <"),
        ("Hello  Anna, \r\n", "Hello Anna,\r\n"),
    ] {
        let changed = text.replacen(from, to, 1);
        assert_ne!(changed, text, "{from}");
        assert_eq!(signatures(&signed(changed.as_bytes())), usual, "{from}");
    }
}

#[test]
fn nobody_can_add_a_second_sender_or_subject() {
    for field in ["from", "to", "subject"] {
        let text = signed(MAIL).replace("\r\n ", "").replace(' ', "");
        let (_, names) = text.split_once(";h=").unwrap();
        let (names, _) = names.split_once(';').unwrap();
        let count = names.split(':').filter(|name| *name == field).count();
        assert_eq!(count, 2, "{field}: {names}");
    }
}

#[test]
fn records_say_the_public_key_and_nothing_of_the_private_one() {
    let record = key("R1", RSA).record("Example.com");
    assert_eq!(record.name, "r1._domainkey.example.com");
    assert!(
        record.text.starts_with("v=DKIM1; k=rsa; p=MIIBIjAN"),
        "{}",
        record.text
    );
    let record = key("e1", ED25519).record("example.com");
    let (_, public) = record.text.split_once("k=ed25519; p=").unwrap();
    assert_eq!(STANDARD.decode(public).unwrap().len(), 32);
    for pem in [RSA, ED25519] {
        let shown = format!("{:?}", key("s", pem));
        assert!(shown.starts_with("Key(s, "), "{shown}");
    }
}

#[test]
fn without_a_key_a_mail_stays_as_it_is() {
    assert_eq!(Signer::new("example.com", vec![]).sign(MAIL.to_vec()), MAIL);
}
