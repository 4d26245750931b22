//! A problem as a gRPC status with `google.rpc` details, and back without loss.

use std::{borrow::Cow, collections::HashMap};

use tonic_types::{ErrorDetails, FieldViolation as WireViolation, StatusExt as _};

use super::{Code, Content, Problem};
use crate::{
    reason::{self, Reason},
    violations::{Fault, FieldViolation},
};

/// What tonic says, as cancelled, when a call's own time is up.
const TRANSPORT_TIMEOUT: &str = "Timeout expired";

/// Whose reasons they are, in `google.rpc.ErrorInfo`.
pub(crate) const DOMAIN: &str = "switchover";

macro_rules! codes {
    ($($code:ident),+) => {
        impl From<Code> for tonic::Code {
            fn from(code: Code) -> Self {
                match code {
                    $(Code::$code => tonic::Code::$code),+
                }
            }
        }

        impl From<tonic::Code> for Code {
            /// A status that is `OK` is no problem; where one comes as a failure, nobody knows why.
            fn from(code: tonic::Code) -> Self {
                match code {
                    tonic::Code::Ok => Code::Unknown,
                    $(tonic::Code::$code => Code::$code),+
                }
            }
        }
    };
}

codes!(
    Cancelled,
    Unknown,
    InvalidArgument,
    DeadlineExceeded,
    NotFound,
    AlreadyExists,
    PermissionDenied,
    ResourceExhausted,
    FailedPrecondition,
    Aborted,
    OutOfRange,
    Unimplemented,
    Internal,
    Unavailable,
    DataLoss,
    Unauthenticated
);

impl From<Problem> for tonic::Status {
    fn from(problem: Problem) -> Self {
        let Content {
            code,
            reason,
            message,
            next,
            fields,
            resource,
            metadata,
            retry_after,
        } = *problem.0;
        let mut details = ErrorDetails::new();
        details.set_error_info(
            reason.as_str(),
            DOMAIN,
            metadata.into_iter().collect::<HashMap<_, _>>(),
        );
        if !fields.is_empty() {
            details.set_bad_request(fields.into_iter().map(to_wire).collect::<Vec<_>>());
        }
        if let Some(resource) = resource {
            details.set_resource_info("", resource, "", "");
        }
        if let Some(delay) = retry_after {
            details.set_retry_info(Some(delay));
        }
        if let Some(next) = next {
            details.add_help_link(next, "");
        }
        tonic::Status::with_error_details(code.into(), message, details)
    }
}

impl From<tonic::Status> for Problem {
    fn from(status: tonic::Status) -> Self {
        Self::from(&status)
    }
}

impl From<&tonic::Status> for Problem {
    fn from(status: &tonic::Status) -> Self {
        let code = Code::from(status.code());
        let details = status.get_error_details();
        let Some(info) = details.error_info().filter(|info| info.domain == DOMAIN) else {
            return plain(code, status.message());
        };
        Problem(Box::new(Content {
            code,
            reason: Reason::foreign(info.reason.clone()),
            message: status.message().to_owned(),
            next: details
                .help()
                .and_then(|help| help.links.first())
                .map(|link| Cow::Owned(link.description.clone())),
            fields: details
                .bad_request()
                .map(|bad| bad.field_violations.iter().map(from_wire).collect())
                .unwrap_or_default(),
            resource: details
                .resource_info()
                .map(|info| info.resource_name.clone()),
            metadata: info.metadata.clone().into_iter().collect(),
            retry_after: details.retry_info().and_then(|info| info.retry_delay),
        }))
    }
}

/// A status that no part of ours made: from the transport, a proxy, or generated code.
fn plain(code: Code, message: &str) -> Problem {
    let code = if code == Code::Cancelled && message == TRANSPORT_TIMEOUT {
        Code::DeadlineExceeded
    } else {
        code
    };
    let reason = match code {
        Code::InvalidArgument | Code::OutOfRange => reason::INVALID_FIELDS,
        Code::NotFound => reason::NOT_FOUND,
        Code::AlreadyExists => reason::ALREADY_EXISTS,
        Code::PermissionDenied => reason::PERMISSION_DENIED,
        Code::Unauthenticated => reason::UNAUTHENTICATED,
        Code::ResourceExhausted => reason::RATE_LIMITED,
        Code::Unimplemented => reason::UNIMPLEMENTED,
        Code::DeadlineExceeded => reason::DEADLINE_EXCEEDED,
        Code::Cancelled => reason::CANCELLED,
        Code::Unavailable | Code::Unknown => reason::PEER_UNAVAILABLE,
        Code::FailedPrecondition | Code::Aborted | Code::Internal | Code::DataLoss => {
            reason::INTERNAL
        }
    };
    let message = if message.is_empty() {
        "The service gave no reason."
    } else {
        message
    };
    Problem::new(code, reason, message)
}

fn to_wire(field: FieldViolation) -> WireViolation {
    WireViolation {
        field: field.field,
        description: field.description,
        reason: field.fault.as_str().to_owned(),
        localized_message: None,
    }
}

fn from_wire(field: &WireViolation) -> FieldViolation {
    FieldViolation {
        field: field.field.clone(),
        fault: Fault::from_name(&field.reason),
        description: field.description.clone(),
    }
}
