//! An error that people and programs can use: what is wrong, why by a stable reason, and what to do
//! next. Crosses gRPC as a status with `google.rpc` details and comes out on the other side whole.

use std::{borrow::Cow, collections::BTreeMap, error::Error, fmt, time::Duration};

use crate::{
    reason::{self, Reason},
    violations::FieldViolation,
};

mod status;

/// The kind of a problem, as gRPC numbers them; `OK` is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Code {
    /// The caller went away.
    Cancelled,
    /// Nobody knows.
    Unknown,
    /// The request is wrong whatever the state.
    InvalidArgument,
    /// Time ran out; it may have taken effect.
    DeadlineExceeded,
    /// There is no such thing, or none for this caller.
    NotFound,
    /// There is one already.
    AlreadyExists,
    /// The caller's role does not allow it.
    PermissionDenied,
    /// A limit was reached.
    ResourceExhausted,
    /// Not in the present state.
    FailedPrecondition,
    /// Somebody else was faster.
    Aborted,
    /// Beyond the end.
    OutOfRange,
    /// There is no such method.
    Unimplemented,
    /// A fault here.
    Internal,
    /// Not now; try again.
    Unavailable,
    /// Data is damaged.
    DataLoss,
    /// It is not known who calls.
    Unauthenticated,
}

/// What is wrong, why, and what to do next.
#[derive(Clone, PartialEq, Eq)]
pub struct Problem(Box<Content>);

#[derive(Clone, PartialEq, Eq)]
struct Content {
    code: Code,
    reason: Reason,
    message: String,
    next: Option<Cow<'static, str>>,
    fields: Vec<FieldViolation>,
    resource: Option<String>,
    metadata: BTreeMap<String, String>,
    retry_after: Option<Duration>,
}

/// The most characters of a message or a hint: all of a problem must fit the 16 KiB that HTTP/2
/// peers take as headers.
const TEXT_CHARS_MAX: usize = 600;

macro_rules! builders {
    ($($(#[$docs:meta])* $name:ident: $code:ident;)+) => {
        $(
            $(#[$docs])*
            pub fn $name(reason: Reason, message: impl fmt::Display) -> Self {
                Self::new(Code::$code, reason, message)
            }
        )+
    };
}

impl Problem {
    /// Makes a problem; `next` starts as the reason's own advice.
    pub fn new(code: Code, reason: Reason, message: impl fmt::Display) -> Self {
        Self(Box::new(Content {
            code,
            next: reason.advice().map(Cow::Borrowed),
            reason,
            message: short(&message.to_string()),
            fields: Vec::new(),
            resource: None,
            metadata: BTreeMap::new(),
            retry_after: None,
        }))
    }

    builders! {
        /// The request is wrong whatever the state.
        invalid_argument: InvalidArgument;
        /// There is one already.
        already_exists: AlreadyExists;
        /// The caller's role does not allow it.
        permission_denied: PermissionDenied;
        /// A limit was reached.
        resource_exhausted: ResourceExhausted;
        /// Not in the present state.
        failed_precondition: FailedPrecondition;
        /// Somebody else was faster.
        aborted: Aborted;
        /// Not now; trying again may help.
        unavailable: Unavailable;
        /// Time ran out.
        deadline_exceeded: DeadlineExceeded;
        /// It is not known who calls.
        unauthenticated: Unauthenticated;
    }

    /// There is no such resource, or none for this caller: the two are told alike.
    pub fn not_found(resource: impl fmt::Display) -> Self {
        let resource = resource.to_string();
        Self::new(
            Code::NotFound,
            reason::NOT_FOUND,
            format_args!("There is no {resource}."),
        )
        .resource(resource)
    }

    /// The fields are wrong.
    pub fn invalid_fields(mut fields: Vec<FieldViolation>) -> Self {
        let message = match fields.as_slice() {
            [only] => format!("{}: {}", only.field, only.description),
            _ => format!(
                "{} fields are wrong: {}",
                fields.len(),
                fields
                    .iter()
                    .map(|field| field.field.as_str())
                    .collect::<Vec<_>>()
                    .join(", ")
            ),
        };
        fields.truncate(FieldViolation::SHOWN_MAX);
        let mut problem = Self::new(Code::InvalidArgument, reason::INVALID_FIELDS, message);
        problem.0.fields = fields;
        problem
    }

    /// A fault here. People see an incident's id; the cause goes to the log under that id.
    pub fn internal(cause: &(dyn Error + 'static)) -> Self {
        let mut chain = cause.to_string();
        let mut inner = cause.source();
        while let Some(source) = inner {
            chain = format!("{chain}: {source}");
            inner = source.source();
        }
        Self::broken(chain)
    }

    /// A fault here, in words for the log alone; see [`Problem::internal`].
    pub fn broken(cause: impl fmt::Display) -> Self {
        let incident = uuid::Uuid::new_v4().simple().to_string();
        tracing::error!(incident, cause = %cause, "a request met a fault");
        Self::new(
            Code::Internal,
            reason::INTERNAL,
            format_args!("Something is wrong on our side (incident {incident})."),
        )
        .with("incident", incident)
    }

    /// Says what to do next, in place of the reason's general advice.
    #[must_use]
    pub fn next(mut self, next: impl fmt::Display) -> Self {
        self.0.next = Some(Cow::Owned(short(&next.to_string())));
        self
    }

    /// Names the resource that it is about.
    #[must_use]
    pub fn resource(mut self, name: impl fmt::Display) -> Self {
        self.0.resource = Some(short(&name.to_string()));
        self
    }

    /// Adds a fact for programs; keys are `lower_snake_case`.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl fmt::Display) -> Self {
        self.0
            .metadata
            .insert(key.to_owned(), short(&value.to_string()));
        self
    }

    /// Says after how long trying again makes sense.
    #[must_use]
    pub fn retry_after(mut self, delay: Duration) -> Self {
        self.0.retry_after = Some(delay);
        self
    }

    /// Names one wrong field.
    #[must_use]
    pub fn field(mut self, field: FieldViolation) -> Self {
        if self.0.fields.len() < FieldViolation::SHOWN_MAX {
            self.0.fields.push(field);
        }
        self
    }

    /// Returns the kind.
    pub fn code(&self) -> Code {
        self.0.code
    }

    /// Returns the reason.
    pub fn reason(&self) -> &Reason {
        &self.0.reason
    }

    /// Tells whether this is the reason.
    pub fn is(&self, reason: &Reason) -> bool {
        self.0.reason == *reason
    }

    /// Returns what is wrong, in a sentence for people.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Returns what to do next, for people.
    pub fn hint(&self) -> Option<&str> {
        self.0.next.as_deref()
    }

    /// Returns the wrong fields.
    pub fn fields(&self) -> &[FieldViolation] {
        &self.0.fields
    }

    /// Returns the name of the resource that it is about.
    pub fn about(&self) -> Option<&str> {
        self.0.resource.as_deref()
    }

    /// Returns the facts for programs.
    pub fn metadata(&self) -> &BTreeMap<String, String> {
        &self.0.metadata
    }

    /// Returns after how long trying again makes sense.
    pub fn delay(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// Tells whether asking the same again may work without anybody doing anything.
    pub fn transient(&self) -> bool {
        self.0.retry_after.is_some()
            || matches!(
                self.0.code,
                Code::Unavailable | Code::DeadlineExceeded | Code::Cancelled | Code::Unknown
            )
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Content {
            code,
            reason,
            message,
            next,
            fields,
            resource,
            metadata,
            retry_after,
        } = &*self.0;
        f.debug_struct("Problem")
            .field("code", code)
            .field("reason", reason)
            .field("message", message)
            .field("next", next)
            .field("fields", fields)
            .field("resource", resource)
            .field("metadata", metadata)
            .field("retry_after", retry_after)
            .finish()
    }
}

impl Error for Problem {}

pub(crate) fn short(text: &str) -> String {
    match text.char_indices().nth(TEXT_CHARS_MAX) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", text[..end].trim_end_matches('…')),
    }
}

#[cfg(test)]
mod tests;
