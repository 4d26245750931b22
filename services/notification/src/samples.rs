//! One notice of each kind for each audience: what is previewed, and what tests look at.

use contract::{Line, TenantId};
use jiff::Timestamp;

use crate::notice::{Application, Body, Called, Counts, Mailbox, Notice, Recipient, Tenant};

/// The token in the samples.
pub(crate) const TOKEN: &str = "dG9rZW4tdG9rZW4tdG9rZW4tdG9rZW4tdG9rZW4tdG9";
/// The tenant's contact in the samples.
pub(crate) const CONTACT: &str = "anna@acme.example";

const RIGHT: &str = "samples are what is taken";
const SWITCH: &str = "applications/crm/switches/0193a1b2-c3d4-7e5f-8a6b-7c8d9e0f1a2b";

pub(crate) fn now() -> Timestamp {
    "2026-11-23T20:00:00Z".parse().expect(RIGHT)
}

pub(crate) fn line<const MAX: usize>(text: &str) -> Line<MAX> {
    text.parse().expect(RIGHT)
}

pub(crate) fn application(display_name: &str) -> Application {
    Called {
        name: "crm".parse().expect(RIGHT),
        display_name: line(display_name),
    }
}

pub(crate) fn tenant(display_name: &str) -> Tenant {
    Called {
        name: "acme".parse().expect(RIGHT),
        display_name: line(display_name),
    }
}

pub(crate) fn contact(address: &str, display_name: Option<&str>) -> Mailbox {
    Mailbox {
        address: address.parse().expect(RIGHT),
        display_name: display_name.map(line),
    }
}

pub(crate) fn to_tenant() -> Recipient {
    let tenant: TenantId = "acme".parse().expect(RIGHT);
    Recipient::Tenant {
        tenant,
        addresses: vec![contact(CONTACT, Some("Anna Example"))],
    }
}

fn waiting(version: Option<contract::VersionName>, message: &str) -> Body {
    Body::ProposalWaiting {
        application: application("CRM"),
        proposal: "applications/crm/proposals/3".parse().expect(RIGHT),
        version,
        proposer: line("people/anna"),
        message: message.parse().expect(RIGHT),
        expires: "2026-11-24T20:00:00Z".parse().expect(RIGHT),
    }
}

pub(crate) fn notice(cause: &str, recipient: Recipient, body: Body) -> Notice {
    let request_id = Some("request-1".parse().expect(RIGHT));
    Notice::new(
        cause.parse().expect(RIGHT),
        request_id,
        now(),
        recipient,
        body,
    )
    .expect(RIGHT)
}

pub(crate) fn deny_offered(cause: &str, application_shown: &str, recipient: Recipient) -> Notice {
    let body = Body::DenyOffered {
        application: application(application_shown),
        tenant: tenant("Acme Ltd"),
        source: "2".parse().expect(RIGHT),
        target: "3".parse().expect(RIGHT),
        token: TOKEN.parse().expect(RIGHT),
        expires: "2026-12-07T20:00:00Z".parse().expect(RIGHT),
    };
    notice(cause, recipient, body)
}

pub(crate) fn notices() -> Vec<Notice> {
    let crm = || application("CRM");
    let acme = || tenant("Acme Ltd");
    let version = || "3".parse().expect(RIGHT);
    let denied = |counts| Body::VersionDenied {
        application: crm(),
        tenant: acme(),
        version: version(),
        actor: Some(line("the link mailed to Anna Example")),
        counts,
    };
    let accepted = || Body::VersionAccepted {
        application: crm(),
        tenant: acme(),
        version: version(),
        actor: None,
    };
    let succeeded = |source, denied_tenants| Body::SwitchSucceeded {
        application: crm(),
        switch: SWITCH.parse().expect(RIGHT),
        source,
        target: version(),
        denied_tenants,
    };
    let removed = |message: &str| Body::AccessRemoved {
        application: crm(),
        tenant: acme(),
        message: message.parse().expect(RIGHT),
    };
    let mut all = vec![deny_offered("1", "CRM", to_tenant())];
    for (recipient, body) in [
        (
            to_tenant(),
            Body::AcceptOffered {
                application: crm(),
                tenant: acme(),
                target: version(),
                token: TOKEN.parse().expect(RIGHT),
                expires: "2026-12-07T20:00:00Z".parse().expect(RIGHT),
            },
        ),
        (Recipient::Operator, denied(Counts::FromCommit)),
        (Recipient::Operator, denied(Counts::Now)),
        (to_tenant(), denied(Counts::FromCommit)),
        (to_tenant(), denied(Counts::Now)),
        (Recipient::Operator, accepted()),
        (to_tenant(), accepted()),
        (
            Recipient::Operator,
            succeeded(Some("2".parse().expect(RIGHT)), 2),
        ),
        (
            Recipient::Operator,
            succeeded(Some("2".parse().expect(RIGHT)), 1),
        ),
        (Recipient::Operator, succeeded(None, 0)),
        (
            Recipient::Operator,
            Body::SwitchGivenUp {
                application: crm(),
                switch: SWITCH.parse().expect(RIGHT),
                target: version(),
                message: "Gateway g-2 did not answer within 2 s."
                    .parse()
                    .expect(RIGHT),
            },
        ),
        (
            Recipient::Operator,
            Body::VersionInTest {
                application: crm(),
                version: version(),
                test_address: line("http://crm-ops.test.example.com:8080"),
            },
        ),
        (
            Recipient::Operator,
            waiting(Some("2".parse().expect(RIGHT)), "The new invoices."),
        ),
        (Recipient::Operator, waiting(None, "")),
        (
            Recipient::Operator,
            Body::CatalogInRecovery {
                message: "gateways/g-2 knows more of applications/crm than the catalog."
                    .parse()
                    .expect(RIGHT),
            },
        ),
        (
            to_tenant(),
            removed("The contract ended.\nWrite to us if that is wrong."),
        ),
        (to_tenant(), removed("")),
    ] {
        let cause = (all.len() + 1).to_string();
        all.push(notice(&cause, recipient, body));
    }
    all
}

/// Renders as the operator of the samples does.
#[cfg(test)]
pub(crate) fn renderer(language: contract::Language) -> crate::render::Renderer {
    let edge = "https://edge.example.com:8081".parse().expect(RIGHT);
    let look = crate::look::Look {
        language,
        ..crate::look::Look::default()
    };
    crate::render::Renderer::new(line("Example Ops"), edge, look)
}
