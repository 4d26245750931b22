//! Who may call which RPC: the `access` option of every method, read from the compiled contracts.

use std::collections::{BTreeMap, BTreeSet};

use prost_reflect::{
    DescriptorPool, DynamicMessage, Kind, MessageDescriptor, MethodDescriptor, Value,
};
use proto::access::v1 as wire;

use crate::{
    caller::{Caller, Role},
    problem::{Code, Problem},
    reason,
};

/// Packages whose methods must all say who may call them.
const OURS: &str = "switchover.";
const EXTENSION: &str = "switchover.access.v1.access";
const HEALTH: [(&str, Shape); 3] = [
    ("/grpc.health.v1.Health/Check", Shape::Unary),
    ("/grpc.health.v1.Health/List", Shape::Unary),
    ("/grpc.health.v1.Health/Watch", Shape::Streaming),
];
const REFLECTION: [&str; 2] = [
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
];

/// Why the contracts cannot be obeyed.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// The descriptors cannot be read.
    #[error("the compiled contracts cannot be read")]
    Descriptors(#[from] prost_reflect::DescriptorError),
    /// The descriptors lack the option.
    #[error("the compiled contracts lack the option {EXTENSION}")]
    NoOption,
    /// A method does not say who may call it.
    #[error("{0} does not say who may call it")]
    Undeclared(String),
    /// A method names a role that does not exist.
    #[error("{method} names role {role}, which does not exist")]
    Role {
        /// The method.
        method: String,
        /// The role's number.
        role: i32,
    },
    /// A method's owned field is not in its request.
    #[error("{method} names the owned field {field}, which its request lacks")]
    Owned {
        /// The method.
        method: String,
        /// The field's path.
        field: String,
    },
}

/// Who may call one RPC.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Who {
    Anyone,
    Roles(BTreeSet<Role>),
}

#[derive(Debug, Clone)]
struct Rule {
    who: Who,
    owned: Option<String>,
    shape: Shape,
    effect: Effect,
}

/// What a call leaves behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// It changes something for somebody, and leaves an entry in the audit log.
    Recorded,
    /// It changes nothing.
    None,
    /// A service, a gateway or a backend does its own work with it.
    OwnWork,
}

/// How long a call may last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// One request, one answer.
    Unary,
    /// Messages follow each other for as long as both sides like.
    Streaming,
}

/// What becomes of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// It may go on.
    Allowed,
    /// It must say who it is.
    Unauthenticated,
    /// Its role does not allow it.
    Denied,
    /// The method says nothing of who may call it.
    Undeclared,
}

impl Decision {
    /// Returns the refusal, if it is one.
    pub fn check(self) -> Result<(), Problem> {
        match self {
            Self::Allowed => Ok(()),
            Self::Unauthenticated => Err(Problem::unauthenticated(
                reason::UNAUTHENTICATED,
                "This needs to know who is calling.",
            )),
            Self::Denied => Err(Problem::permission_denied(
                reason::PERMISSION_DENIED,
                "The caller's role does not allow this.",
            )),
            Self::Undeclared => Err(Problem::new(
                Code::Unimplemented,
                reason::UNIMPLEMENTED,
                "There is no such method here.",
            )),
        }
    }
}

/// Who may call which RPC.
#[derive(Debug, Clone)]
pub struct Rules(BTreeMap<String, Rule>);

impl Rules {
    /// Reads the rules of every method of every `switchover.*` package from a compiled descriptor
    /// set that keeps its options. Health checks are open to anyone.
    pub fn from_descriptors(set: &[u8]) -> Result<Self, AccessError> {
        let pool = DescriptorPool::decode(set)?;
        let option = pool
            .get_extension_by_name(EXTENSION)
            .ok_or(AccessError::NoOption)?;
        let mut rules = BTreeMap::new();
        for service in pool
            .services()
            .filter(|s| s.package_name().starts_with(OURS))
        {
            for method in service.methods() {
                let options = method.options();
                if !options.has_extension(&option) {
                    return Err(AccessError::Undeclared(method.full_name().to_owned()));
                }
                let rule = match options.get_extension(&option).as_message() {
                    Some(access) => rule(&method, access)?,
                    None => return Err(AccessError::Undeclared(method.full_name().to_owned())),
                };
                rules.insert(format!("/{}/{}", service.full_name(), method.name()), rule);
            }
        }
        for (method, shape) in HEALTH {
            rules.insert(
                method.to_owned(),
                Rule {
                    who: Who::Anyone,
                    owned: None,
                    shape,
                    effect: Effect::None,
                },
            );
        }
        Ok(Self(rules))
    }

    /// Opens reflection to the operator.
    #[must_use]
    pub fn with_reflection(mut self) -> Self {
        for method in REFLECTION {
            let who = Who::Roles(BTreeSet::from([Role::OperatorAdmin, Role::OperatorViewer]));
            let rule = Rule {
                who,
                owned: None,
                shape: Shape::Streaming,
                effect: Effect::None,
            };
            self.0.insert(method.to_owned(), rule);
        }
        self
    }

    /// Decides whether the caller may call the method, given as `/package.Service/Method`.
    pub fn decide(&self, caller: &Caller, method: &str) -> Decision {
        match (self.0.get(method).map(|rule| &rule.who), caller.role()) {
            (None, _) => Decision::Undeclared,
            (Some(Who::Anyone), _) => Decision::Allowed,
            (Some(Who::Roles(_)), None) => Decision::Unauthenticated,
            (Some(Who::Roles(roles)), Some(role)) if roles.contains(&role) => Decision::Allowed,
            (Some(Who::Roles(_)), Some(_)) => Decision::Denied,
        }
    }

    /// Returns the path of the request's field that names what a tenant's admin or a gateway must
    /// own, if the method has one.
    pub fn owned(&self, method: &str) -> Option<&str> {
        self.0.get(method)?.owned.as_deref()
    }

    /// Tells whether the method is for others than gateways and services, too.
    pub fn is_for_people(&self, method: &str) -> bool {
        match self.0.get(method).map(|rule| &rule.who) {
            None => false,
            Some(Who::Anyone) => true,
            Some(Who::Roles(roles)) => roles.iter().any(|role| match role {
                Role::OperatorAdmin | Role::OperatorViewer | Role::Tester | Role::TenantAdmin => {
                    true
                }
                Role::Gateway | Role::Service => false,
            }),
        }
    }

    /// Returns how long a call of the method may last, if the method has a rule.
    pub fn shape(&self, method: &str) -> Option<Shape> {
        self.0.get(method).map(|rule| rule.shape)
    }

    /// Returns what a call of the method leaves behind, if the method has a rule.
    pub fn effect(&self, method: &str) -> Option<Effect> {
        self.0.get(method).map(|rule| rule.effect)
    }

    /// Returns every method that has a rule.
    pub fn methods(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

fn rule(method: &MethodDescriptor, access: &DynamicMessage) -> Result<Rule, AccessError> {
    let name = || method.full_name().to_owned();
    let mut roles = BTreeSet::new();
    let mut anyone = false;
    let listed = access.get_field_by_name("roles");
    for role in listed
        .as_deref()
        .and_then(Value::as_list)
        .unwrap_or_default()
    {
        let number = role.as_enum_number().unwrap_or_default();
        match wire::Role::try_from(number) {
            Ok(wire::Role::Anyone) => anyone = true,
            Ok(role) => match Role::from_wire(role) {
                Some(role) => drop(roles.insert(role)),
                None => {
                    return Err(AccessError::Role {
                        method: name(),
                        role: number,
                    });
                }
            },
            Err(_) => {
                return Err(AccessError::Role {
                    method: name(),
                    role: number,
                });
            }
        }
    }
    let who = match (anyone, roles.is_empty()) {
        (true, _) => Who::Anyone,
        (false, false) => Who::Roles(roles),
        (false, true) => return Err(AccessError::Undeclared(name())),
    };
    let owned = access.get_field_by_name("owned_field");
    let owned = owned
        .as_deref()
        .and_then(Value::as_str)
        .filter(|path| !path.is_empty());
    if let Some(field) = owned.filter(|path| !is_text_field(method.input(), path)) {
        return Err(AccessError::Owned {
            method: name(),
            field: field.to_owned(),
        });
    }
    let streams = method.is_client_streaming() || method.is_server_streaming();
    let shape = if streams {
        Shape::Streaming
    } else {
        Shape::Unary
    };
    Ok(Rule {
        who,
        owned: owned.map(str::to_owned),
        shape,
        effect: effect(access),
    })
}

/// Reads what a call leaves behind. What is not known is recorded.
fn effect(access: &DynamicMessage) -> Effect {
    let number = access
        .get_field_by_name("effect")
        .and_then(|effect| effect.as_enum_number())
        .unwrap_or_default();
    match wire::Effect::try_from(number) {
        Ok(wire::Effect::None) => Effect::None,
        Ok(wire::Effect::OwnWork) => Effect::OwnWork,
        Ok(wire::Effect::Unspecified) | Err(_) => Effect::Recorded,
    }
}

/// Tells whether the path leads through message fields to a text field.
fn is_text_field(mut message: MessageDescriptor, path: &str) -> bool {
    let mut segments = path.split('.').peekable();
    while let Some(segment) = segments.next() {
        let Some(field) = message
            .get_field_by_name(segment)
            .filter(|field| !field.is_list())
        else {
            return false;
        };
        match (field.kind(), segments.peek()) {
            (Kind::String, None) => return true,
            (Kind::Message(inner), Some(_)) => message = inner,
            _ => return false,
        }
    }
    false
}

#[cfg(test)]
mod tests;
