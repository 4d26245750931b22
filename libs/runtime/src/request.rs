//! The request that is being worked on: its id, the same from the edge to the mail, and who calls what.

use contract::{Caller, RequestId, Subject};

use crate::clock::Clock;

/// The header and metadata key that carries the id.
pub const HEADER: &str = "x-request-id";

tokio::task_local! {
    static CURRENT: RequestId;
    static CALL: Call;
}

/// The call that a server works on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// Who calls, as the server found out.
    pub caller: Caller,
    /// The person that speaks for a tenant, if an access token says so; else no more is known than the caller.
    pub person: Option<Subject>,
    /// What is called: `/package.Service/Method`.
    pub method: String,
}

/// Works on `future` as what the call asks for.
pub async fn with_call<F: Future>(call: Call, future: F) -> F::Output {
    CALL.scope(call, future).await
}

/// Returns the call that is being worked on; none where a service works by itself.
pub fn call() -> Option<Call> {
    CALL.try_with(Clone::clone).ok()
}

/// Works on `future` as part of the request: calls to others carry its id.
pub async fn with_request_id<F: Future>(id: RequestId, future: F) -> F::Output {
    CURRENT.scope(id, future).await
}

/// Does `work` as part of the request.
pub(crate) fn within<T>(id: &RequestId, work: impl FnOnce() -> T) -> T {
    CURRENT.sync_scope(id.clone(), work)
}

/// Returns the id of the request that is being worked on, if any.
pub fn current() -> Option<RequestId> {
    CURRENT.try_with(Clone::clone).ok()
}

/// Makes a new id.
pub fn new_id(clock: &Clock) -> RequestId {
    let id = uuid::Builder::from_random_bytes(clock.random()).into_uuid();
    id.to_string()
        .parse()
        .expect("a UUID is 36 printable characters")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_id_holds_within_its_request_alone() {
        let id = new_id(&Clock::real());
        assert_eq!(
            with_request_id(id.clone(), async { current() }).await,
            Some(id)
        );
        assert_eq!(current(), None);
    }
}
