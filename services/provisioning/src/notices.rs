//! What operator and tenants are told, as notices for the notification service. They are queued in
//! the transaction that they tell of, so that neither is without the other.

use contract::{ApplicationRef, RequestId, TenantRef, VersionName, time};
use jiff::Timestamp;
use prost::Message as _;
use proto::notification::v1::{
    self as wire, AcceptOffered, AccessRemoved, DenyOffered, MailAddress, Notice,
    OperatorRecipient, Subject, TenantRecipient, VersionAccepted, VersionDenied,
    notice::{Body, Recipient},
};
use store::Tx;

use crate::{
    error::Error,
    service::Service,
    store::{applications::Application, outbox},
    tenant::Tenant,
};

/// For what notices are sealed while they wait.
pub(crate) const SEALED_FOR: &str = "outbox";

/// What happened, to which tenant and application.
pub(crate) struct Happening<'a> {
    /// Names it: the same for all who are told.
    pub(crate) cause: String,
    /// Under which request.
    pub(crate) request: Option<&'a RequestId>,
    /// When.
    pub(crate) at: Timestamp,
    /// To whom.
    pub(crate) tenant: &'a Tenant,
    /// With what.
    pub(crate) application: &'a Application,
}

impl Happening<'_> {
    /// The tenant is asked to accept.
    pub(crate) fn accept_offered(
        &self,
        target: &VersionName,
        token: &str,
        expires: Timestamp,
    ) -> Notice {
        self.to_tenant(Body::AcceptOffered(AcceptOffered {
            subject: Some(self.subject()),
            target_version: target.to_string(),
            token: token.to_owned(),
            expire_time: Some(time::write(expires)),
        }))
    }

    /// The tenant is told how to deny.
    pub(crate) fn deny_offered(
        &self,
        source: Option<&VersionName>,
        target: &VersionName,
        token: &str,
        expires: Timestamp,
    ) -> Notice {
        self.to_tenant(Body::DenyOffered(DenyOffered {
            subject: Some(self.subject()),
            source_version: source.map(ToString::to_string).unwrap_or_default(),
            target_version: target.to_string(),
            token: token.to_owned(),
            expire_time: Some(time::write(expires)),
        }))
    }

    /// Operator and tenant are told that the tenant has denied.
    pub(crate) fn denied(&self, version: &VersionName, actor: &str, in_force: bool) -> [Notice; 2] {
        self.to_both(&Body::VersionDenied(VersionDenied {
            subject: Some(self.subject()),
            version: version.to_string(),
            actor: actor.to_owned(),
            in_force,
        }))
    }

    /// Operator and tenant are told that the tenant has accepted.
    pub(crate) fn accepted(&self, version: &VersionName, actor: &str) -> [Notice; 2] {
        self.to_both(&Body::VersionAccepted(VersionAccepted {
            subject: Some(self.subject()),
            version: version.to_string(),
            actor: actor.to_owned(),
        }))
    }

    /// The tenant is told that it has lost the application.
    pub(crate) fn access_removed(&self, reason: &str) -> Notice {
        self.to_tenant(Body::AccessRemoved(AccessRemoved {
            subject: Some(self.subject()),
            message: reason.to_owned(),
        }))
    }

    fn to_both(&self, body: &Body) -> [Notice; 2] {
        let operator = self.notice(Recipient::Operator(OperatorRecipient {}), body.clone());
        [operator, self.to_tenant(body.clone())]
    }

    fn to_tenant(&self, body: Body) -> Notice {
        let addresses = self
            .tenant
            .profile
            .contacts
            .iter()
            .map(|contact| MailAddress {
                email: contact.email.to_string(),
                display_name: contact
                    .display_name
                    .as_ref()
                    .map(ToString::to_string)
                    .unwrap_or_default(),
            });
        let recipient = TenantRecipient {
            tenant: TenantRef::from(self.tenant.id.clone()).to_string(),
            addresses: addresses.collect(),
        };
        self.notice(Recipient::Tenant(recipient), body)
    }

    fn notice(&self, recipient: Recipient, body: Body) -> Notice {
        Notice {
            cause: self.cause.clone(),
            request_id: self.request.map(ToString::to_string).unwrap_or_default(),
            time: Some(time::write(self.at)),
            recipient: Some(recipient),
            body: Some(body),
        }
    }

    fn subject(&self) -> Subject {
        Subject {
            application: ApplicationRef::from(self.application.name.clone()).to_string(),
            application_display_name: self.application.display_name.clone(),
            tenant: TenantRef::from(self.tenant.id.clone()).to_string(),
            tenant_display_name: self.tenant.profile.display_name.to_string(),
        }
    }
}

/// Queues notices, sealed: they may hold tokens.
pub(crate) async fn queue(
    tx: &mut Tx,
    service: &Service,
    notices: impl IntoIterator<Item = wire::Notice>,
    now: Timestamp,
) -> Result<(), Error> {
    for notice in notices {
        queue_as(tx, service, &service.new_id(), &notice, now).await?;
    }
    Ok(())
}

/// Queues one notice under this id.
pub(crate) async fn queue_as(
    tx: &mut Tx,
    service: &Service,
    id: &str,
    notice: &wire::Notice,
    now: Timestamp,
) -> Result<(), Error> {
    let sealed = service.seal.seal(SEALED_FOR, &notice.encode_to_vec());
    Ok(outbox::insert(tx, id, &sealed, now).await?)
}
