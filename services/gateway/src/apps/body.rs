//! Bodies on their way: a frame is read from one side when the other has room for it.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use super::{events::Events, flight::Flight, lasting::Place};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// What goes to the upstream.
pub(super) enum RequestBody {
    /// Nothing.
    Empty,
    /// What the user sends, without trailers.
    Upload {
        /// Where it comes from.
        from: Incoming,
        /// Tells how far it is.
        progress: Arc<Progress>,
    },
}

/// How far an upload is, for whoever waits for the answer to it.
#[derive(Debug)]
pub(super) struct Progress(Mutex<(Instant, Stage)>);

/// Whose turn it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// More is awaited from the user.
    User,
    /// The upstream has to take what is there, or to answer.
    Upstream,
    /// Nobody's: the user's side broke off.
    Broken,
}

impl Progress {
    pub(super) fn new() -> Self {
        Self(Mutex::new((Instant::now(), Stage::Upstream)))
    }

    /// Returns when something happened last, and whose turn it is since.
    pub(super) fn last(&self) -> (Instant, Stage) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn moved(&self, turn: Stage) {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Waiting for the same side again is no progress.
        if !(turn == Stage::User && last.1 == Stage::User) {
            *last = (Instant::now(), turn);
        }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match self.get_mut() {
            Self::Empty => Poll::Ready(None),
            Self::Upload { from, progress } => {
                let Poll::Ready(frame) = poll_data(from, cx) else {
                    progress.moved(Stage::User);
                    return Poll::Pending;
                };
                progress.moved(match &frame {
                    Some(Err(_)) => Stage::Broken,
                    Some(Ok(_)) | None => Stage::Upstream,
                });
                Poll::Ready(frame)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Upload { from, .. } => from.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Upload { from, .. } => from.size_hint(),
        }
    }
}

/// What goes to the user.
pub(super) enum ResponseBody {
    /// Words of the gateway's own.
    Own(Option<Bytes>),
    /// What the upstream sends, without trailers; in flight until its end.
    Download(Box<Download>),
}

/// An upstream's answer on its way.
pub(super) struct Download {
    from: Incoming,
    cut: Pin<Box<WaitForCancellationFutureOwned>>,
    flight: Option<Flight>,
    stream: Option<EventStream>,
}

/// An event stream, which can be asked to end after an event.
struct EventStream {
    events: Events,
    place: Place,
    /// Its turn has come while its version leaves.
    asked: Pin<Box<WaitForCancellationFutureOwned>>,
    /// Its tenant is no longer let in.
    refused: (CancellationToken, Pin<Box<WaitForCancellationFutureOwned>>),
    over: bool,
}

impl EventStream {
    fn new(events: Events, flight: &Flight) -> Self {
        let place = flight.lasting();
        let over = flight.over();
        Self {
            events,
            asked: Box::pin(place.asked().clone().cancelled_owned()),
            place,
            refused: (over.clone(), Box::pin(over.cancelled_owned())),
            over: false,
        }
    }

    /// Tells whether it is to end here.
    fn ends(&mut self, cx: &mut Context<'_>) -> bool {
        if !self.over && self.events.at_rest() {
            // Both are polled: either wakes it.
            let asked = self.asked.as_mut().poll(cx).is_ready();
            let refused = self.refused.1.as_mut().poll(cx).is_ready();
            self.over = asked || refused;
        }
        self.over
    }

    /// Follows what comes; once asked to end, lets it pass up to the end of an event only.
    fn follow(&mut self, frame: Frame<Bytes>) -> Frame<Bytes> {
        match frame.into_data() {
            Ok(mut bytes) => {
                if self.place.asked().is_cancelled() || self.refused.0.is_cancelled() {
                    bytes.truncate(self.events.follow_to_rest(&bytes));
                } else {
                    self.events.follow(&bytes);
                }
                Frame::data(bytes)
            }
            Err(frame) => frame,
        }
    }
}

impl ResponseBody {
    /// Returns a body of the gateway's own.
    pub(super) fn own(words: impl Into<Bytes>) -> Self {
        Self::Own(Some(words.into()).filter(|words| !words.is_empty()))
    }

    /// Returns an upstream's body; of an event stream, with what follows its events.
    pub(super) fn download(from: Incoming, events: Option<Events>, flight: Flight) -> Self {
        let cut = Box::pin(flight.cut().cancelled_owned());
        Self::Download(Box::new(Download {
            from,
            cut,
            stream: events.map(|events| EventStream::new(events, &flight)),
            flight: Some(flight),
        }))
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let download = match self.get_mut() {
            Self::Own(words) => return Poll::Ready(words.take().map(|it| Ok(Frame::data(it)))),
            Self::Download(download) => download,
        };
        if download.cut.as_mut().poll(cx).is_ready() {
            download.flight = None;
            return Poll::Ready(Some(Err("the version's time to drain is over".into())));
        }
        if let Some(stream) = &mut download.stream
            && stream.ends(cx)
        {
            if let Some(mut flight) = download.flight.take() {
                flight.ended_in_order();
            }
            return Poll::Ready(None);
        }
        let mut frame = ready!(poll_data(&mut download.from, cx));
        if let Some(stream) = &mut download.stream {
            frame = frame.map(|frame| frame.map(|frame| stream.follow(frame)));
        }
        match &frame {
            Some(Ok(_)) => {}
            Some(Err(_)) => {
                if let Some(flight) = &mut download.flight {
                    flight.broke_off();
                }
                download.flight = None;
            }
            None => download.flight = None,
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Own(words) => words.is_none(),
            Self::Download(download) => {
                download.from.is_end_stream()
                    || download.stream.as_ref().is_some_and(|stream| stream.over)
            }
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Own(words) => SizeHint::with_exact(words.as_ref().map_or(0, Bytes::len) as u64),
            Self::Download(download) => download.from.size_hint(),
        }
    }
}

/// Reads data; trailers end a body and go no further.
fn poll_data(
    from: &mut Incoming,
    cx: &mut Context<'_>,
) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
    match ready!(Pin::new(from).poll_frame(cx)) {
        Some(Ok(frame)) if frame.is_data() => Poll::Ready(Some(Ok(frame))),
        Some(Ok(_)) | None => Poll::Ready(None),
        Some(Err(error)) => Poll::Ready(Some(Err(error.into()))),
    }
}
