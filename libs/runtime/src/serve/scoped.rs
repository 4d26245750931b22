//! Calls by a key that is for some applications alone: which one a call is about stands in its only
//! request, so that is read before the service sees it.

use contract::{Problem, reason};
use http::Request;
use http_body_util::{BodyExt as _, Full, Limited};
use tokio_util::bytes::{Buf as _, Bytes};
use tonic::body::Body;

use super::MESSAGE_BYTES_MAX;
use crate::caller::Proven;

/// Bytes before a message: whether it is compressed, and how long it is.
const PREFIX: usize = 5;

/// Passes a call on as it came, if the key that it came with is for it.
pub(super) async fn check(request: Request<Body>, method: &str) -> Result<Request<Body>, Problem> {
    let scope = match request.extensions().get::<Proven>() {
        Some(proven) if proven.scope.looks_into(method) => proven.scope.clone(),
        Some(_) | None => return Ok(request),
    };
    let (head, body) = request.into_parts();
    let body = Limited::new(body, MESSAGE_BYTES_MAX + PREFIX)
        .collect()
        .await;
    let body = body.map_err(|_| unreadable("The request is too long or broke off."))?;
    let bytes = body.to_bytes();
    scope.check_request(method, &only_message(bytes.clone())?)?;
    Ok(Request::from_parts(head, Body::new(Full::new(bytes))))
}

/// Takes the one message of a call out of its frame.
fn only_message(mut body: Bytes) -> Result<Bytes, Problem> {
    if body.len() < PREFIX {
        return Err(unreadable("The call has no request."));
    }
    if body.get_u8() != 0 {
        return Err(unreadable("With this key, requests are sent uncompressed."));
    }
    let length = body.get_u32() as usize;
    if body.len() == length {
        Ok(body)
    } else {
        Err(unreadable("The call has not exactly one request."))
    }
}

fn unreadable(message: &str) -> Problem {
    Problem::invalid_argument(reason::INVALID_FIELDS, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_has_one_whole_uncompressed_request() {
        let read = |bytes: &[u8]| only_message(Bytes::copy_from_slice(bytes));
        assert_eq!(read(&[0, 0, 0, 0, 2, 7, 8]).unwrap().as_ref(), [7, 8]);
        assert!(read(&[0, 0, 0, 0, 0]).unwrap().is_empty());
        for wrong in [
            &[][..],
            &[0, 0, 0, 0],
            &[1, 0, 0, 0, 1, 7],
            &[0, 0, 0, 0, 1],
            &[0, 0, 0, 0, 1, 7, 8],
            &[0, 0, 0, 0, 1, 7, 0, 0, 0, 0, 1, 7],
            &[0, 255, 255, 255, 255, 7],
        ] {
            assert!(read(wrong).is_err(), "{wrong:?}");
        }
    }
}
