//! What it means for users that the operator takes this gateway out of use: they are served, and
//! sent elsewhere for what comes next.

use http::{HeaderValue, Response, StatusCode, header};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::DataPlane;

/// Whether the operator takes this gateway out of use.
#[derive(Debug)]
pub(super) struct OutOfUse(watch::Sender<bool>);

impl Default for OutOfUse {
    fn default() -> Self {
        Self(watch::Sender::new(false))
    }
}

impl DataPlane {
    /// Takes this gateway out of use, or into use again. What arrives is served all the same.
    pub fn take_out_of_use(&self, out: bool) {
        self.inner().out_of_use.0.send_replace(out);
    }

    /// Tells whether this gateway is out of use.
    pub fn out_of_use(&self) -> bool {
        *self.inner().out_of_use.0.borrow()
    }

    /// Ends long-lived connections in good order whenever this gateway is out of use, each
    /// application's at its own rate, until `stop`.
    pub async fn empty_while_out_of_use(self, stop: CancellationToken) {
        let mut out = self.inner().out_of_use.0.subscribe();
        let emptying = async {
            // The sender lives as long as this data plane does.
            while out.wait_for(|out| *out).await.is_ok() {
                tokio::select! {
                    biased;
                    in_use = out.wait_for(|out| !*out) => drop(in_use),
                    never = self.end_long_lived() => match never {},
                }
            }
        };
        stop.run_until_cancelled(emptying).await;
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
