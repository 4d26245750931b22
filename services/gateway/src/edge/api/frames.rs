//! Messages on their way in: none is larger than a service takes, which is known from its first five
//! bytes.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Body, Frame};
use runtime::serve::MESSAGE_BYTES_MAX;
use tonic::Status;

/// A flag, and the length that follows it.
const HEAD: usize = 5;

/// A body of messages that ends with a fault at the first that is too large.
pub(super) struct Frames {
    body: tonic::body::Body,
    head: [u8; HEAD],
    /// Bytes of the head that are there.
    begun: usize,
    /// Bytes of the message that are to come.
    left: usize,
    too_large: Arc<AtomicBool>,
}

impl Frames {
    /// Looks at what comes from a body; the flag tells afterwards whether something was too large.
    pub(super) fn new(body: tonic::body::Body) -> (Self, Arc<AtomicBool>) {
        let too_large = Arc::new(AtomicBool::new(false));
        let frames = Self {
            body,
            head: [0; HEAD],
            begun: 0,
            left: 0,
            too_large: too_large.clone(),
        };
        (frames, too_large)
    }

    /// Goes over bytes; tells whether all messages that begin in them are small enough.
    fn measure(&mut self, mut bytes: &[u8]) -> bool {
        while !bytes.is_empty() {
            if self.left > 0 {
                let skipped = self.left.min(bytes.len());
                self.left -= skipped;
                bytes = &bytes[skipped..];
                continue;
            }
            self.head[self.begun] = bytes[0];
            self.begun += 1;
            bytes = &bytes[1..];
            if self.begun == HEAD {
                let [_, length @ ..] = self.head;
                self.begun = 0;
                self.left = u32::from_be_bytes(length) as usize;
                if self.left > MESSAGE_BYTES_MAX {
                    return false;
                }
            }
        }
        true
    }
}

impl Body for Frames {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        if let Some(Ok(frame)) = &frame
            && let Some(data) = frame.data_ref()
            && !self.measure(data)
        {
            self.too_large.store(true, Ordering::Relaxed);
            let status = Status::resource_exhausted("the message is too large");
            return Poll::Ready(Some(Err(status)));
        }
        Poll::Ready(frame)
    }
    // No length is told in advance: what comes as text is longer before it is read than after.
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tells whether a body passes, given piece by piece.
    fn passes(body: &[u8], piece: usize) -> bool {
        let (mut frames, _) = Frames::new(tonic::body::Body::empty());
        body.chunks(piece).all(|piece| frames.measure(piece))
    }

    #[test]
    fn a_message_is_measured_by_what_it_says_of_itself_however_it_is_cut() {
        let mut fits = vec![0, 0, 0, 0, 3, 1, 2, 3, 1, 0, 0, 0, 0, 0];
        fits.extend(u32::try_from(MESSAGE_BYTES_MAX).unwrap().to_be_bytes());
        let mut over = vec![0, 0, 0, 0, 1, 9, 0];
        over.extend(u32::try_from(MESSAGE_BYTES_MAX + 1).unwrap().to_be_bytes());
        for piece in 1..20 {
            assert!(passes(&fits, piece), "{piece}");
            assert!(!passes(&over, piece), "{piece}");
        }
    }
}
