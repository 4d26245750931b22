//! What a key may be used for, where that is less than its role allows: some methods, some applications.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    str::FromStr,
    sync::LazyLock,
};

use prost_reflect::{
    DescriptorPool, DynamicMessage, MessageDescriptor, ReflectMessage as _, Value,
};

use crate::{
    name::{ApplicationName, ApplicationRef},
    problem::Problem,
    reason,
};

/// The method that everybody may call, to learn who they are.
const GET_CALLER: &str = "/switchover.access.v1.AccessService/GetCaller";
/// Methods that tell nothing, and that everybody may call too.
const HEALTH: &str = "/grpc.health.v1.Health/";
/// What services of ours are called.
const OURS: &str = "switchover.";
/// What stands before an application's id in a resource name.
const APPLICATIONS: &str = "applications";
/// Fields of requests that say what they are about. What stands in another proves nothing.
const ABOUT: [&str; 6] = [
    "name",
    "parent",
    "application",
    "version",
    "switch",
    "provisioning",
];

/// A method of ours, `package.Service/Method`, or all of a service, `package.Service/*`. It exists.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct MethodPattern(Box<str>);

/// A text that names no method of ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0} is no method: write switchover.catalog.v1.SwitchService/GetSwitch, or /* for all of a service"
)]
pub struct MethodError(String);

impl FromStr for MethodPattern {
    type Err = MethodError;

    fn from_str(text: &str) -> Result<Self, MethodError> {
        let refused = || MethodError(crate::text::quoted(text));
        let (service, method) = text.split_once('/').ok_or_else(refused)?;
        let known = match method {
            "*" => {
                let mut all = METHODS.keys();
                all.any(|path| {
                    path[1..]
                        .split_once('/')
                        .is_some_and(|(of, _)| of == service)
                })
            }
            _ => METHODS.contains_key(&format!("/{text}")),
        };
        known.then(|| Self(text.into())).ok_or_else(refused)
    }
}

impl MethodPattern {
    /// Tells whether a method, given as `/package.Service/Method`, is meant.
    fn fits(&self, method: &str) -> bool {
        let method = method.strip_prefix('/').unwrap_or(method);
        match self.0.strip_suffix('*') {
            Some(service) => method
                .strip_prefix(service)
                .is_some_and(|name| !name.contains('/')),
            None => method == &*self.0,
        }
    }
}

impl fmt::Display for MethodPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A method's request, and whether it is the only one of a call.
struct Request {
    message: MessageDescriptor,
    alone: bool,
}

static METHODS: LazyLock<BTreeMap<String, Request>> = LazyLock::new(|| {
    let pool = DescriptorPool::decode(proto::DESCRIPTOR_SET);
    let pool = pool.expect("the contracts were compiled with us");
    let ours = pool
        .services()
        .filter(|service| service.package_name().starts_with(OURS));
    let methods = ours.flat_map(|service| service.methods().collect::<Vec<_>>());
    let named = methods.map(|method| {
        let path = format!("/{}/{}", method.parent_service().full_name(), method.name());
        let request = Request {
            message: method.input(),
            alone: !method.is_client_streaming(),
        };
        (path, request)
    });
    named.collect()
});

/// What a key may be used for. Nothing narrows what is empty.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Scope {
    /// The methods; all that the role allows if empty.
    pub methods: BTreeSet<MethodPattern>,
    /// The applications; all if empty.
    pub applications: BTreeSet<ApplicationName>,
}

impl Scope {
    /// Tells whether the key may be used for everything that its role allows.
    pub fn is_whole(&self) -> bool {
        self.methods.is_empty() && self.applications.is_empty()
    }

    /// Refuses a method, given as `/package.Service/Method`, for which the key is not.
    pub fn check_method(&self, method: &str) -> Result<(), Problem> {
        let ours = method
            .strip_prefix('/')
            .is_some_and(|name| name.starts_with(OURS));
        if self.is_whole() || is_for_all(method) {
            return Ok(());
        }
        let listed = self.methods.is_empty() || self.methods.iter().any(|one| one.fits(method));
        if listed && ours {
            Ok(())
        } else {
            Err(denied("The key is not for this method."))
        }
    }

    /// Tells whether requests of a method must be looked into, as only they name an application.
    pub fn looks_into(&self, method: &str) -> bool {
        !self.applications.is_empty() && !is_for_all(method)
    }

    /// Refuses a request that is about another application, as if that one did not exist, or about
    /// none.
    pub fn check_request(&self, method: &str, message: &[u8]) -> Result<(), Problem> {
        let request = METHODS
            .get(method)
            .filter(|request| request.alone)
            .ok_or_else(|| {
                denied("The key is for some applications alone, and this call for all.")
            })?;
        let message = DynamicMessage::decode(request.message.clone(), message).map_err(|_| {
            Problem::invalid_argument(reason::INVALID_FIELDS, "The request cannot be read.")
        })?;
        let about = is_about_one(&message);
        let mut named = Vec::new();
        texts(&Value::Message(message), &mut named);
        for name in &named {
            if applications(name).any(|application| !self.allows(application)) {
                return Err(Problem::not_found(name));
            }
        }
        if about {
            Ok(())
        } else {
            Err(denied(
                "The key is for some applications alone, and this request names none.",
            ))
        }
    }

    fn allows(&self, application: &str) -> bool {
        let mut allowed = self.applications.iter();
        allowed.any(|one| one.as_str() == application)
    }
}

/// Tells whether no key is too narrow for a method.
fn is_for_all(method: &str) -> bool {
    method == GET_CALLER || method.starts_with(HEALTH)
}

fn denied(message: &str) -> Problem {
    Problem::permission_denied(reason::PERMISSION_DENIED, message)
}

/// Returns the ids of the applications that a text names as a resource, or below or beside one.
fn applications(text: &str) -> impl Iterator<Item = &str> {
    let parts = text.split('/');
    let after = parts.clone().skip(1);
    let pairs = parts.zip(after);
    pairs
        .filter(|(collection, _)| *collection == APPLICATIONS)
        .map(|(_, id)| id)
}

/// Tells whether a request says that it is about an application, or what belongs to one: by a field of
/// its own, or by the name of what it changes. What it makes has no name of its own yet, whatever it
/// says.
fn is_about_one(request: &DynamicMessage) -> bool {
    request.fields().any(|(field, value)| {
        let name = match value {
            Value::String(text) if ABOUT.contains(&field.name()) => Some(text.clone()),
            Value::Message(inner) if ABOUT.contains(&field.name()) => {
                let makes = format!("{}_id", field.name());
                let makes = request.descriptor().get_field_by_name(&makes).is_some();
                let name = inner.get_field_by_name("name").filter(|_| !makes);
                name.and_then(|name| name.as_str().map(str::to_owned))
            }
            _ => None,
        };
        name.is_some_and(|name| applications(&name).next().is_some())
    })
}

/// Collects every text of a message, also those of messages inside.
fn texts(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) => found.push(text.clone()),
        Value::Message(message) => {
            for (_, value) in message.fields() {
                texts(value, found);
            }
        }
        Value::List(values) => values.iter().for_each(|value| texts(value, found)),
        Value::Map(map) => {
            for (key, value) in map {
                if let prost_reflect::MapKey::String(text) = key {
                    found.push(text.clone());
                }
                texts(value, found);
            }
        }
        Value::Bool(_)
        | Value::I32(_)
        | Value::I64(_)
        | Value::U32(_)
        | Value::U64(_)
        | Value::F32(_)
        | Value::F64(_)
        | Value::Bytes(_)
        | Value::EnumNumber(_) => {}
    }
}

/// Reads an application's id or resource name.
pub fn application(text: &str) -> Result<ApplicationName, crate::name::NameError> {
    match text.parse::<ApplicationRef>() {
        Ok(name) => Ok(name.application),
        Err(_) => text.parse(),
    }
}

#[cfg(test)]
mod tests {
    use proto::{
        catalog::v1::{
            Application, ConfirmUpdateRequest, CreateApplicationRequest, GetApplicationRequest,
            ListApplicationsRequest, UpdateApplicationRequest,
        },
        provisioning::v1::{CreateTenantRequest, ListProvisioningsRequest, Tenant},
    };

    use super::*;

    const GET: &str = "/switchover.catalog.v1.ApplicationService/GetApplication";

    fn scope(methods: &[&str], applications: &[&str]) -> Scope {
        Scope {
            methods: methods.iter().map(|text| text.parse().unwrap()).collect(),
            applications: applications
                .iter()
                .map(|text| application(text).unwrap())
                .collect(),
        }
    }

    #[test]
    fn a_pattern_names_what_exists() {
        for text in [
            "switchover.catalog.v1.SwitchService/*",
            "switchover.catalog.v1.ApplicationService/GetApplication",
        ] {
            assert_eq!(text.parse::<MethodPattern>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "*",
            "/*",
            "switchover.catalog.v1.SwitchService",
            "switchover.catalog.v1.SwitchService/",
            "switchover.catalog.v1.SwitchService/Get*",
            "switchover.catalog.v1.SwitchServic/*",
            "/switchover.catalog.v1.ApplicationService/GetApplication",
            "grpc.health.v1.Health/Check",
            "switchover.catalog.v1.ApplicationService/Nothing",
        ] {
            assert!(text.parse::<MethodPattern>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_key_for_some_methods_is_for_no_others_but_may_ask_who_it_is() {
        let some = scope(&["switchover.catalog.v1.ApplicationService/*"], &[]);
        assert!(some.check_method(GET).is_ok());
        assert!(some.check_method(GET_CALLER).is_ok());
        assert!(some.check_method("/grpc.health.v1.Health/Check").is_ok());
        for method in [
            "/switchover.catalog.v1.SwitchService/GetSwitch",
            "/switchover.catalog.v1.ApplicationServiceX/GetApplication",
            "/switchover.catalog.v1.ApplicationService/a/b",
            "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        ] {
            assert!(some.check_method(method).is_err(), "{method}");
        }
        let whole = Scope::default();
        assert!(
            whole
                .check_method("/grpc.reflection.v1.ServerReflection/X")
                .is_ok()
        );
    }

    fn check(
        allowed: &[&str],
        method: &str,
        request: &impl prost_reflect::prost::Message,
    ) -> Result<(), Problem> {
        scope(&[], allowed).check_request(method, &request.encode_to_vec())
    }

    #[test]
    fn a_key_for_some_applications_sees_no_others_wherever_a_request_names_them() {
        let get = |name: &str| GetApplicationRequest {
            name: name.to_owned(),
        };
        assert!(check(&["crm", "erp"], GET, &get("applications/crm")).is_ok());
        for foreign in [
            "applications/erp",
            "applications/-",
            "applications/",
            "applications/crm2",
        ] {
            let problem = check(&["crm"], GET, &get(foreign)).unwrap_err();
            assert_eq!(problem, Problem::not_found(foreign));
        }
        let none = check(&["crm"], GET, &get("crm")).unwrap_err();
        assert!(none.is(&reason::PERMISSION_DENIED));
        let list = "/switchover.catalog.v1.ApplicationService/ListApplications";
        let none = check(&["crm"], list, &ListApplicationsRequest::default()).unwrap_err();
        assert!(none.is(&reason::PERMISSION_DENIED));

        let update = "/switchover.catalog.v1.ApplicationService/UpdateApplication";
        let inside = |name: &str| UpdateApplicationRequest {
            application: Some(Application {
                name: name.to_owned(),
                ..Application::default()
            }),
            ..UpdateApplicationRequest::default()
        };
        assert!(check(&["crm"], update, &inside("applications/crm")).is_ok());
        assert!(check(&["crm"], update, &inside("applications/erp")).is_err());

        let both = "/switchover.provisioning.v1.ProvisioningService/ListProvisionings";
        let list = |application: &str, version: &str| ListProvisioningsRequest {
            parent: "tenants/acme".to_owned(),
            application: application.to_owned(),
            version: version.to_owned(),
            ..ListProvisioningsRequest::default()
        };
        let crm = "applications/crm";
        assert!(check(&["crm"], both, &list(crm, "")).is_ok());
        assert!(check(&["crm"], both, &list("", "")).is_err());
        let two = check(&["crm"], both, &list(crm, "applications/erp/versions/1.0"));
        assert_eq!(
            two.unwrap_err(),
            Problem::not_found("applications/erp/versions/1.0")
        );
        let below = GetApplicationRequest {
            name: "tenants/acme/applications/crm/provisionings/1".to_owned(),
        };
        assert!(check(&["crm"], GET, &below).is_ok());
        assert!(check(&["erp"], GET, &below).is_err());
    }

    #[test]
    fn a_name_that_stands_where_it_says_nothing_opens_nothing() {
        let crm = || "applications/crm".to_owned();
        let create = "/switchover.catalog.v1.ApplicationService/CreateApplication";
        let made = CreateApplicationRequest {
            application_id: "erp".to_owned(),
            application: Some(Application {
                name: crm(),
                ..Application::default()
            }),
            request_id: crm(),
        };
        let tenant = "/switchover.provisioning.v1.TenantService/CreateTenant";
        let other = CreateTenantRequest {
            tenant_id: "acme".to_owned(),
            tenant: Some(Tenant {
                name: crm(),
                display_name: crm(),
                ..Tenant::default()
            }),
            request_id: crm(),
        };
        for refused in [
            check(&["crm"], create, &made),
            check(&["crm"], tenant, &other),
        ] {
            assert!(refused.unwrap_err().is(&reason::PERMISSION_DENIED));
        }
    }

    #[test]
    fn what_cannot_be_looked_into_is_refused() {
        let confirm = "/switchover.catalog.v1.ApplicationService/GetApplication";
        assert!(
            scope(&[], &["crm"])
                .check_request(confirm, &[0xff, 0xff])
                .is_err()
        );
        let follow = "/switchover.catalog.v1.FleetService/Follow";
        let problem = check(&["crm"], follow, &ConfirmUpdateRequest::default()).unwrap_err();
        assert!(problem.is(&reason::PERMISSION_DENIED));
        assert!(
            check(
                &["crm"],
                "/switchover.x/Y",
                &ConfirmUpdateRequest::default()
            )
            .is_err()
        );
        assert!(!scope(&[], &["crm"]).looks_into(GET_CALLER));
        assert!(scope(&[], &["crm"]).looks_into(follow));
    }
}
