//! Takes notices. A request is checked whole before any of it is done: what is wrong with one notice
//! refuses them all, by the field's path.

use contract::{
    ApplicationRef, Checked, Fault, Line, Problem, ProposalName, Prose, SwitchName, TenantRef,
    VersionName, Violations, time,
};
use proto::notification::v1 as wire;
use tonic::{Request, Response, Status};

use super::refuse;
use crate::{
    error::Error,
    notice::{
        ADDRESSES_MAX, Actor, Application, Body, Called, Counts, Mailbox, Notice, Recipient, Tenant,
    },
    publish::Publisher,
};

/// The most notices of one request.
const NOTICES_MAX: usize = 500;

/// Serves `NoticeService`.
pub(crate) struct Notices {
    /// Makes events and deliveries of them.
    pub(crate) publisher: Publisher,
}

#[tonic::async_trait]
impl wire::notice_service_server::NoticeService for Notices {
    async fn publish_notices(
        &self,
        request: Request<wire::PublishNoticesRequest>,
    ) -> Result<Response<wire::PublishNoticesResponse>, Status> {
        let notices = parse(request.into_inner()).map_err(refuse)?;
        let created = self
            .publisher
            .publish(&notices)
            .await
            .map_err(Error::from)?;
        Ok(Response::new(wire::PublishNoticesResponse { created }))
    }
}

fn parse(request: wire::PublishNoticesRequest) -> Result<Vec<Notice>, Problem> {
    let mut v = Violations::new();
    let notices = v.each("notices", request.notices, 0..=NOTICES_MAX, notice);
    v.all(notices)
}

fn notice(v: &mut Violations, notice: wire::Notice) -> Checked<Notice> {
    let cause = v.parse("cause", &notice.cause);
    let request_id = v.optional("request_id", &notice.request_id);
    let time = time::field(v, "time", notice.time);
    let recipient = match notice.recipient {
        None => v.wrong("recipient", Fault::Missing, "is needed"),
        Some(wire::notice::Recipient::Operator(wire::OperatorRecipient {})) => {
            Checked::right(Recipient::Operator)
        }
        Some(wire::notice::Recipient::Tenant(tenant)) => {
            v.within("tenant", |v| to_tenant(v, tenant))
        }
    };
    let body = match notice.body {
        None => v.wrong("body", Fault::Missing, "is needed"),
        Some(content) => body(v, content),
    };
    let all = v.join((cause, request_id, time, recipient, body));
    let Some((cause, request_id, time, recipient, body)) = all.value().cloned() else {
        return all.map(|_| unreachable!("there is no value"));
    };
    if let (Recipient::Tenant { tenant, .. }, Some(about)) = (&recipient, body.tenant()) {
        let own = about.name == *tenant;
        v.check(
            own,
            "tenant.tenant",
            Fault::Conflicting,
            "is another tenant than the one it is about",
        );
    }
    match Notice::new(cause, request_id, time, recipient, body) {
        Ok(notice) => Checked::right(notice),
        Err(error) => v.wrong("recipient", Fault::Refused, error),
    }
}

fn to_tenant(v: &mut Violations, recipient: wire::TenantRecipient) -> Checked<Recipient> {
    let tenant = v.parse::<TenantRef>("tenant", &recipient.tenant);
    let addresses = v.each(
        "addresses",
        recipient.addresses,
        0..=ADDRESSES_MAX,
        |v, address| {
            let email = v.parse("email", &address.email);
            let display_name = v.optional("display_name", &address.display_name);
            v.join((email, display_name))
                .map(|(address, display_name)| Mailbox {
                    address,
                    display_name,
                })
        },
    );
    v.join((tenant, addresses))
        .map(|(TenantRef { tenant }, addresses)| Recipient::Tenant { tenant, addresses })
}

fn body(v: &mut Violations, body: wire::notice::Body) -> Checked<Body> {
    use wire::notice::Body as Wire;
    match body {
        Wire::DenyOffered(m) => v.within("deny_offered", |v| {
            let (application, tenant) = of_tenant(v, m.subject);
            let source = v.parse::<VersionName>("source_version", &m.source_version);
            let target = v.parse::<VersionName>("target_version", &m.target_version);
            let token = v.parse("token", &m.token);
            let expires = time::field(v, "expire_time", m.expire_time);
            v.join((application, tenant, source, target, token, expires))
                .map(
                    |(application, tenant, source, target, token, expires)| Body::DenyOffered {
                        application,
                        tenant,
                        source,
                        target,
                        token,
                        expires,
                    },
                )
        }),
        Wire::AcceptOffered(m) => v.within("accept_offered", |v| {
            let (application, tenant) = of_tenant(v, m.subject);
            let target = v.parse::<VersionName>("target_version", &m.target_version);
            let token = v.parse("token", &m.token);
            let expires = time::field(v, "expire_time", m.expire_time);
            v.join((application, tenant, target, token, expires)).map(
                |(application, tenant, target, token, expires)| Body::AcceptOffered {
                    application,
                    tenant,
                    target,
                    token,
                    expires,
                },
            )
        }),
        Wire::VersionDenied(m) => v.within("version_denied", |v| {
            let (application, tenant) = of_tenant(v, m.subject);
            let version = v.parse::<VersionName>("version", &m.version);
            let actor = v.optional("actor", &m.actor);
            let counts = if m.in_force {
                Counts::Now
            } else {
                Counts::FromCommit
            };
            v.join((application, tenant, version, actor)).map(
                |(application, tenant, version, actor)| Body::VersionDenied {
                    application,
                    tenant,
                    version,
                    actor,
                    counts,
                },
            )
        }),
        Wire::VersionAccepted(m) => v.within("version_accepted", |v| {
            let (application, tenant) = of_tenant(v, m.subject);
            let version = v.parse::<VersionName>("version", &m.version);
            let actor = v.optional("actor", &m.actor);
            v.join((application, tenant, version, actor)).map(
                |(application, tenant, version, actor)| Body::VersionAccepted {
                    application,
                    tenant,
                    version,
                    actor,
                },
            )
        }),
        Wire::SwitchSucceeded(m) => v.within("switch_succeeded", |v| {
            let application = of_application(v, m.subject);
            let switch = v.parse::<SwitchName>("switch", &m.switch);
            let source = v.optional::<VersionName>("source_version", &m.source_version);
            let target = v.parse::<VersionName>("target_version", &m.target_version);
            let denied = v.convert::<u32, _>("denied_tenants", m.denied_tenants);
            v.join((application, switch, source, target, denied)).map(
                |(application, switch, source, target, denied_tenants)| Body::SwitchSucceeded {
                    application,
                    switch,
                    source,
                    target,
                    denied_tenants,
                },
            )
        }),
        Wire::SwitchGivenUp(m) => v.within("switch_given_up", |v| {
            let application = of_application(v, m.subject);
            let switch = v.parse::<SwitchName>("switch", &m.switch);
            let target = v.parse::<VersionName>("target_version", &m.target_version);
            let message = v.parse::<Prose<2000>>("message", &m.message);
            v.join((application, switch, target, message)).map(
                |(application, switch, target, message)| Body::SwitchGivenUp {
                    application,
                    switch,
                    target,
                    message,
                },
            )
        }),
        Wire::VersionInTest(m) => v.within("version_in_test", |v| {
            let application = of_application(v, m.subject);
            let version = v.parse::<VersionName>("version", &m.version);
            let test_address = v.parse::<Line<300>>("test_address", &m.test_address);
            v.join((application, version, test_address)).map(
                |(application, version, test_address)| Body::VersionInTest {
                    application,
                    version,
                    test_address,
                },
            )
        }),
        Wire::ProposalWaiting(m) => v.within("proposal_waiting", |v| {
            let application = of_application(v, m.subject);
            let proposal = v.parse::<ProposalName>("proposal", &m.proposal);
            let version = v.optional::<VersionName>("version", &m.version);
            let proposer = v.parse::<Actor>("proposed_by", &m.proposed_by);
            let message = v.parse::<Prose<2000>>("reason", &m.reason);
            let expires = time::field(v, "expire_time", m.expire_time);
            v.join((application, proposal, version, proposer, message, expires))
                .map(
                    |(application, proposal, version, proposer, message, expires)| {
                        Body::ProposalWaiting {
                            application,
                            proposal,
                            version,
                            proposer,
                            message,
                            expires,
                        }
                    },
                )
        }),
        Wire::CatalogInRecovery(m) => v.within("catalog_in_recovery", |v| {
            v.parse::<Prose<2000>>("message", &m.message)
                .map(|message| Body::CatalogInRecovery { message })
        }),
        Wire::AccessRemoved(m) => v.within("access_removed", |v| {
            let (application, tenant) = of_tenant(v, m.subject);
            let message = v.parse::<Prose<2000>>("message", &m.message);
            v.join((application, tenant, message))
                .map(|(application, tenant, message)| Body::AccessRemoved {
                    application,
                    tenant,
                    message,
                })
        }),
    }
}

fn of_application(v: &mut Violations, subject: Option<wire::Subject>) -> Checked<Application> {
    let subject = subject.unwrap_or_default();
    v.within("subject", |v| application(v, &subject))
}

fn of_tenant(
    v: &mut Violations,
    subject: Option<wire::Subject>,
) -> (Checked<Application>, Checked<Tenant>) {
    let subject = subject.unwrap_or_default();
    v.within("subject", |v| {
        let application = application(v, &subject);
        let tenant = v.parse::<TenantRef>("tenant", &subject.tenant);
        let shown = v.optional::<Line<100>>("tenant_display_name", &subject.tenant_display_name);
        let tenant = v
            .join((tenant, shown))
            .map(|(TenantRef { tenant: name }, shown)| Called {
                display_name: shown.unwrap_or_else(|| plain(name.as_str())),
                name,
            });
        (application, tenant)
    })
}

fn application(v: &mut Violations, subject: &wire::Subject) -> Checked<Application> {
    let application = v.parse::<ApplicationRef>("application", &subject.application);
    let shown = v.optional::<Line<100>>(
        "application_display_name",
        &subject.application_display_name,
    );
    v.join((application, shown))
        .map(|(ApplicationRef { application: name }, shown)| Called {
            display_name: shown.unwrap_or_else(|| plain(name.as_str())),
            name,
        })
}

/// Shows something without a display name by its own name.
fn plain(name: &str) -> Line<100> {
    name.parse()
        .expect("names are short words of plain letters")
}

#[cfg(test)]
mod tests;
