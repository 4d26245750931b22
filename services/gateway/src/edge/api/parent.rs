//! Calls that each service answers for itself: the request's first field says whom to ask, so one small
//! request is read before it goes on.

use axum::http::Request;
use bytes::Bytes;
use contract::{Fault, FieldViolation, Problem, reason};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use prost::Message;

use super::behind::Behind;

/// The most bytes of such a request.
const BYTES_MAX: usize = 64 * 1024;
/// The flag and the length in front of a message.
const HEAD: usize = 5;

/// What all such requests begin with: `parent` or `name`.
#[derive(Clone, PartialEq, Message)]
struct Named {
    #[prost(string, tag = "1")]
    name: String,
}

/// Reads a request and returns it whole, with the service that it names.
pub(super) async fn read(
    request: Request<tonic::body::Body>,
) -> Result<(Request<tonic::body::Body>, Behind), Problem> {
    let (head, body) = request.into_parts();
    let body = Limited::new(body, BYTES_MAX).collect().await;
    let bytes = body
        .map_err(|error| match error.downcast_ref::<LengthLimitError>() {
            Some(_) => {
                let text = format_args!("The request is larger than {BYTES_MAX} bytes.");
                Problem::resource_exhausted(reason::TOO_LARGE, text)
            }
            None => unreadable(),
        })?
        .to_bytes();
    let behind = Behind::named(&first(&bytes)?).ok_or_else(|| {
        let field = FieldViolation {
            field: "parent".to_owned(),
            fault: Fault::Unknown,
            description:
                "must begin with services/catalog, services/provisioning or services/notification"
                    .to_owned(),
        };
        Problem::invalid_fields(vec![field])
    })?;
    let body = tonic::body::Body::new(Full::new(bytes));
    Ok((Request::from_parts(head, body), behind))
}

/// Returns the first field of the only message.
fn first(bytes: &Bytes) -> Result<String, Problem> {
    match bytes.split_at_checked(HEAD) {
        Some(([0, length @ ..], message)) => {
            let length = length
                .try_into()
                .map(u32::from_be_bytes)
                .unwrap_or_default();
            if message.len() != length as usize {
                return Err(unreadable());
            }
            let named = Named::decode(message).map_err(|_| unreadable())?;
            Ok(named.name)
        }
        Some(_) | None => Err(unreadable()),
    }
}

fn unreadable() -> Problem {
    let text = "The request is not one whole message without compression.";
    Problem::invalid_argument(reason::INVALID_FIELDS, text)
}
