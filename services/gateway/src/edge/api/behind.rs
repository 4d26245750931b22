//! Which service a method is of, and the way to it: a connection that says nothing of the gateway.

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicUsize, Ordering},
};

use contract::{Problem, reason};
use runtime::{Credentials, Endpoint, channel_lazy};
use tonic::transport::Channel;

/// A service that answers calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Behind {
    /// The catalog, also for what every service tells alike.
    Catalog,
    /// Provisioning.
    Provisioning,
    /// Notification.
    Notification,
    /// This gateway itself.
    Gateway,
}

impl Behind {
    /// Finds it by the package of a method, given as `/package.Service/Method`.
    pub(super) fn of(method: &str) -> Option<Found> {
        let (service, _) = method.strip_prefix('/')?.split_once('/')?;
        let (package, _) = service.rsplit_once('.')?;
        match package {
            "switchover.catalog.v1"
            | "switchover.access.v1"
            | "grpc.reflection.v1"
            | "grpc.reflection.v1alpha" => Some(Found::One(Self::Catalog)),
            "switchover.provisioning.v1" => Some(Found::One(Self::Provisioning)),
            "switchover.notification.v1" => Some(Found::One(Self::Notification)),
            "switchover.gateway.v1" | "grpc.health.v1" => Some(Found::One(Self::Gateway)),
            "switchover.audit.v1" => Some(Found::Named),
            _ => None,
        }
    }

    /// Finds it by the name of a resource that each service has for itself, such as
    /// `services/catalog/auditEntries/7`.
    pub(super) fn named(resource: &str) -> Option<Self> {
        let mut parts = resource.split('/');
        match (parts.next(), parts.next()) {
            (Some("services"), Some("catalog")) => Some(Self::Catalog),
            (Some("services"), Some("provisioning")) => Some(Self::Provisioning),
            (Some("services"), Some("notification")) => Some(Self::Notification),
            _ => None,
        }
    }

    /// Returns its name for people.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Catalog => "The catalog",
            Self::Provisioning => "Provisioning",
            Self::Notification => "Notification",
            Self::Gateway => "The gateway",
        }
    }
}

/// Where a method is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// By one service.
    One(Behind),
    /// By the one that the request names first.
    Named,
}

/// The ways to all services.
pub(crate) struct Upstreams {
    catalogs: Vec<Way>,
    /// Which catalog is asked.
    catalog: AtomicUsize,
    provisioning: Way,
    notification: Way,
    gateway: Own,
    own: OnceLock<Way>,
    /// By whom services are known; the gateway's own part of them goes nowhere.
    credentials: Credentials,
}

/// Where this gateway's own service listens, once it does.
pub(crate) type Own = Arc<OnceLock<Endpoint>>;

/// The way to one service; there is no connection before a call takes it.
struct Way {
    endpoint: Endpoint,
    channel: OnceLock<Channel>,
}

impl Way {
    fn new(endpoint: Endpoint) -> Self {
        Self {
            endpoint,
            channel: OnceLock::new(),
        }
    }

    fn channel(&self, credentials: &Credentials) -> Result<Channel, runtime::Error> {
        match self.channel.get() {
            Some(channel) => Ok(channel.clone()),
            None => {
                let made = channel_lazy(&self.endpoint, credentials)?;
                Ok(self.channel.get_or_init(|| made).clone())
            }
        }
    }
}

impl Upstreams {
    /// Remembers where all services are; there is at least one catalog.
    pub(crate) fn new(
        catalogs: Vec<Endpoint>,
        provisioning: Endpoint,
        notification: Endpoint,
        gateway: Own,
        credentials: Credentials,
    ) -> Self {
        Self {
            catalogs: catalogs.into_iter().map(Way::new).collect(),
            catalog: AtomicUsize::new(0),
            provisioning: Way::new(provisioning),
            notification: Way::new(notification),
            gateway,
            own: OnceLock::new(),
            credentials,
        }
    }

    /// Returns the way to a service.
    pub(super) fn to(&self, behind: Behind) -> Result<Channel, Problem> {
        let way = match behind {
            Behind::Catalog => {
                let turn = self.catalog.load(Ordering::Relaxed);
                self.catalogs.get(turn % self.catalogs.len().max(1))
            }
            Behind::Provisioning => Some(&self.provisioning),
            Behind::Notification => Some(&self.notification),
            Behind::Gateway => self.gateway.get().map(|endpoint| {
                let made = || Way::new(endpoint.clone());
                self.own.get_or_init(made)
            }),
        };
        let way = way.ok_or_else(|| away(behind))?;
        way.channel(&self.credentials)
            .map_err(|error| Problem::internal(&error))
    }

    /// Notes that a service did not answer: where it has replicas, the next is asked from now on.
    pub(super) fn failed(&self, behind: Behind) {
        if behind == Behind::Catalog {
            self.catalog.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Says that a service does not answer.
pub(super) fn away(behind: Behind) -> Problem {
    let text = format_args!("{} does not answer.", behind.name());
    Problem::unavailable(reason::PEER_UNAVAILABLE, text)
        .retry_after(std::time::Duration::from_secs(1))
}

#[cfg(test)]
mod tests {
    use contract::Rules;

    use super::*;

    #[test]
    fn every_method_that_people_may_call_has_a_service_behind_it() {
        let rules = Rules::from_descriptors(proto::DESCRIPTOR_SET).unwrap();
        let rules = rules.with_reflection();
        let mut seen = 0;
        for method in rules.methods().filter(|method| rules.is_for_people(method)) {
            assert!(Behind::of(method).is_some(), "{method}");
            seen += 1;
        }
        assert!(seen > 40, "{seen}");
        for other in [
            "",
            "/",
            "/x",
            "/x/y",
            "/switchover.catalog.v2.X/Y",
            "/v1.X/Y",
        ] {
            assert_eq!(Behind::of(other), None, "{other}");
        }
    }

    #[test]
    fn what_each_service_has_for_itself_is_asked_of_the_one_that_is_named() {
        for (resource, expected) in [
            ("services/catalog", Some(Behind::Catalog)),
            (
                "services/provisioning/auditEntries/7",
                Some(Behind::Provisioning),
            ),
            ("services/notification", Some(Behind::Notification)),
            ("services/gateway", None),
            ("services", None),
            ("catalog", None),
            ("", None),
        ] {
            assert_eq!(Behind::named(resource), expected, "{resource}");
        }
    }
}
