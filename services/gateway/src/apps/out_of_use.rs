//! What it means for users that the operator takes this gateway out of use: they are served, and
//! sent elsewhere for what comes next.

use std::sync::atomic::{AtomicBool, Ordering};

use http::{HeaderValue, Response, StatusCode, header};

use super::DataPlane;

/// Whether the operator takes this gateway out of use.
#[derive(Debug, Default)]
pub(super) struct OutOfUse(AtomicBool);

impl DataPlane {
    /// Takes this gateway out of use, or into use again. What arrives is served all the same.
    pub fn take_out_of_use(&self, out: bool) {
        self.inner().out_of_use.0.store(out, Ordering::SeqCst);
    }

    /// Tells whether this gateway is out of use.
    pub fn out_of_use(&self) -> bool {
        self.inner().out_of_use.0.load(Ordering::SeqCst)
    }

    /// Has the connection end after this answer if the gateway is out of use, so that the next
    /// request goes to another. A connection that becomes a tunnel has no next one.
    pub(super) fn move_on<T>(&self, response: &mut Response<T>) {
        if self.out_of_use() && response.status() != StatusCode::SWITCHING_PROTOCOLS {
            let close = HeaderValue::from_static("close");
            response.headers_mut().insert(header::CONNECTION, close);
        }
    }
}
