use contract::reason;

use super::*;
use crate::samples::{self, TOKEN};

fn time() -> Option<prost_types::Timestamp> {
    Some(contract::time::write(samples::now()))
}

fn subject() -> Option<wire::Subject> {
    Some(wire::Subject {
        application: "applications/crm".to_owned(),
        application_display_name: "CRM".to_owned(),
        tenant: "tenants/acme".to_owned(),
        tenant_display_name: "Acme Ltd".to_owned(),
    })
}

fn acme() -> Option<wire::notice::Recipient> {
    let anna = wire::MailAddress {
        email: "anna@acme.example".to_owned(),
        display_name: "Anna".to_owned(),
    };
    let tenant = wire::TenantRecipient {
        tenant: "tenants/acme".to_owned(),
        addresses: vec![anna],
    };
    Some(wire::notice::Recipient::Tenant(tenant))
}

fn deny() -> wire::DenyOffered {
    wire::DenyOffered {
        subject: subject(),
        source_version: "2".to_owned(),
        target_version: "3".to_owned(),
        token: TOKEN.to_owned(),
        expire_time: time(),
    }
}

fn valid() -> wire::Notice {
    wire::Notice {
        cause: "1".to_owned(),
        request_id: "request-1".to_owned(),
        time: time(),
        recipient: acme(),
        body: Some(wire::notice::Body::DenyOffered(deny())),
    }
}

fn wrong(notices: Vec<wire::Notice>) -> Vec<String> {
    let problem = parse(wire::PublishNoticesRequest { notices }).unwrap_err();
    assert!(problem.is(&reason::INVALID_FIELDS));
    assert!(!format!("{problem:?}").contains(TOKEN), "{problem:?}");
    problem
        .fields()
        .iter()
        .map(|field| field.field.clone())
        .collect()
}

#[test]
fn a_valid_notice_is_taken_and_names_stand_in_for_missing_display_names() {
    let mut plain = valid();
    let mut body = deny();
    let mut about = subject().unwrap();
    about.application_display_name.clear();
    about.tenant_display_name.clear();
    body.subject = Some(about);
    plain.body = Some(wire::notice::Body::DenyOffered(body));
    let notices = parse(wire::PublishNoticesRequest {
        notices: vec![valid(), plain],
    })
    .unwrap();
    let shown: Vec<_> = notices
        .iter()
        .map(|notice| notice.body.tenant().unwrap().display_name.as_str())
        .collect();
    assert_eq!(shown, ["Acme Ltd", "acme"]);
}

/// One wrong notice refuses the whole request, and everything that is wrong is named at once.
#[test]
fn everything_that_is_wrong_is_named_by_its_path() {
    let empty = wire::Notice::default();
    let of = |change: fn(&mut wire::Notice)| {
        let mut notice = valid();
        change(&mut notice);
        vec![valid(), notice]
    };
    fn body(notice: &mut wire::Notice, change: fn(&mut wire::DenyOffered)) {
        let mut deny = deny();
        change(&mut deny);
        notice.body = Some(wire::notice::Body::DenyOffered(deny));
    }
    fn address(notice: &mut wire::Notice, email: &str, name: &str) {
        let address = wire::MailAddress {
            email: email.to_owned(),
            display_name: name.to_owned(),
        };
        let tenant = wire::TenantRecipient {
            tenant: "tenants/acme".to_owned(),
            addresses: vec![address],
        };
        notice.recipient = Some(wire::notice::Recipient::Tenant(tenant));
    }
    let cases: [(Vec<wire::Notice>, &[&str]); 17] = [
        (
            vec![empty],
            &[
                "notices[0].cause",
                "notices[0].time",
                "notices[0].recipient",
                "notices[0].body",
            ],
        ),
        (of(|n| n.cause = "x".repeat(101)), &["notices[1].cause"]),
        (of(|n| n.cause = "a\nb".to_owned()), &["notices[1].cause"]),
        (
            of(|n| n.request_id = "x".repeat(65)),
            &["notices[1].request_id"],
        ),
        (
            of(|n| {
                n.time = Some(prost_types::Timestamp {
                    seconds: i64::MAX,
                    nanos: 0,
                })
            }),
            &["notices[1].time"],
        ),
        (
            of(|n| {
                n.time = Some(prost_types::Timestamp {
                    seconds: i64::MIN,
                    nanos: i32::MIN,
                })
            }),
            &["notices[1].time"],
        ),
        (
            of(|n| body(n, |b| b.token = "x".to_owned())),
            &["notices[1].deny_offered.token"],
        ),
        (
            of(|n| body(n, |b| b.expire_time = None)),
            &["notices[1].deny_offered.expire_time"],
        ),
        (
            of(|n| body(n, |b| b.source_version = "-".to_owned())),
            &["notices[1].deny_offered.source_version"],
        ),
        (
            of(|n| {
                body(n, |b| {
                    b.subject.as_mut().unwrap().application = "crm".to_owned()
                })
            }),
            &["notices[1].deny_offered.subject.application"],
        ),
        (
            of(|n| {
                body(n, |b| {
                    b.subject.as_mut().unwrap().application_display_name = "C\u{202e}RM".to_owned()
                })
            }),
            &["notices[1].deny_offered.subject.application_display_name"],
        ),
        (
            of(|n| {
                body(n, |b| {
                    b.subject.as_mut().unwrap().tenant = "tenants/beta".to_owned()
                })
            }),
            &["notices[1].tenant.tenant"],
        ),
        (
            of(|n| address(n, "anna@acme.example\r\nBcc: x@y.z", "")),
            &["notices[1].tenant.addresses[0].email"],
        ),
        (
            of(|n| address(n, "x@[127.0.0.1]", "")),
            &["notices[1].tenant.addresses[0].email"],
        ),
        (
            of(|n| address(n, "a@b.c", "Anna\r\nBcc: x@y.z")),
            &["notices[1].tenant.addresses[0].display_name"],
        ),
        (
            of(|n| address(n, "a@b.c", "Anna\0")),
            &["notices[1].tenant.addresses[0].display_name"],
        ),
        (
            of(|n| {
                n.recipient = Some(wire::notice::Recipient::Operator(
                    wire::OperatorRecipient {},
                ))
            }),
            &["notices[1].recipient"],
        ),
    ];
    for (notices, expected) in cases {
        assert_eq!(wrong(notices), expected);
    }
}

#[test]
fn requests_and_recipients_have_their_limits() {
    assert_eq!(wrong(vec![valid(); NOTICES_MAX + 1]), ["notices"]);
    let mut crowd = valid();
    let address = wire::MailAddress {
        email: "a@b.c".to_owned(),
        display_name: String::new(),
    };
    let tenant = wire::TenantRecipient {
        tenant: "tenants/acme".to_owned(),
        addresses: vec![address; ADDRESSES_MAX + 1],
    };
    crowd.recipient = Some(wire::notice::Recipient::Tenant(tenant));
    assert_eq!(wrong(vec![crowd]), ["notices[0].tenant.addresses"]);
}
