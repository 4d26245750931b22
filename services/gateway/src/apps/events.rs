//! Where the events of an event stream end: after a blank line (HTML standard, section 9.2.5). The
//! lines themselves are not looked at.

use http::{HeaderMap, header};
use hyper::body::Body;

/// Follows an event stream.
#[derive(Debug)]
pub(super) struct Events {
    /// The line so far has nothing in it.
    blank: bool,
    /// The last byte was a carriage return: a line feed after it ends the same line.
    returned: bool,
    /// The last line that ended was blank.
    at_rest: bool,
}

/// Tells whether an answer is an event stream, whether or not it can be ended early.
pub(super) fn are_sent(fields: &HeaderMap) -> bool {
    let kind = fields.get(header::CONTENT_TYPE);
    let kind = kind.and_then(|it| it.to_str().ok()?.split(';').next());
    kind.is_some_and(|it| it.trim().eq_ignore_ascii_case("text/event-stream"))
}

impl Events {
    /// Returns what follows a version's answer, if it is an event stream that can be ended early:
    /// one that is not encoded and whose length was not promised.
    pub(super) fn of(fields: &HeaderMap, body: &impl Body) -> Option<Self> {
        let plain = !fields.contains_key(header::CONTENT_ENCODING)
            && !fields.contains_key(header::CONTENT_LENGTH)
            && body.size_hint().exact().is_none();
        (are_sent(fields) && plain).then(Self::new)
    }

    fn new() -> Self {
        Self {
            blank: true,
            returned: false,
            at_rest: true,
        }
    }

    /// Tells whether an event has just ended, and none has begun since.
    pub(super) fn at_rest(&self) -> bool {
        self.at_rest
    }

    /// Follows all bytes.
    pub(super) fn follow(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.advance(*byte));
    }

    /// Follows bytes until an event has ended; returns how many.
    pub(super) fn follow_to_rest(&mut self, bytes: &[u8]) -> usize {
        for (number, byte) in bytes.iter().enumerate() {
            self.advance(*byte);
            if self.at_rest {
                return number + 1;
            }
        }
        bytes.len()
    }

    fn advance(&mut self, byte: u8) {
        match byte {
            b'\n' if self.returned => self.returned = false,
            b'\n' | b'\r' => {
                self.at_rest = self.blank;
                self.blank = true;
                self.returned = byte == b'\r';
            }
            _ => {
                *self = Self {
                    blank: false,
                    returned: false,
                    at_rest: false,
                };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::{Empty, Full, StreamBody};
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn events_end_after_a_blank_line_whatever_ends_lines() {
        for end in ["\n", "\r\n", "\r"] {
            let event = format!("event: a{end}data: 1{end}{end}");
            let mut events = Events::new();
            assert!(events.at_rest(), "before the first");
            let text = format!("{event}: a comment{end}{end}data");
            let bytes = text.as_bytes();
            let taken = events.follow_to_rest(bytes);
            // Half of the last CRLF may be left: a line has ended with its first half.
            let whole = event.len() - usize::from(end == "\r\n");
            assert_eq!(taken, whole, "{end:?}");
            events.follow(&bytes[taken..bytes.len() - 4]);
            assert!(events.at_rest(), "{end:?}");
            events.follow(b"data");
            assert!(!events.at_rest(), "{end:?}");
        }
    }

    proptest! {
        #[test]
        fn rests_do_not_depend_on_how_the_bytes_are_split(
            text in "[a\n\r]{0,40}",
            at in any::<prop::sample::Index>(),
        ) {
            let bytes = text.as_bytes();
            let at = at.index(bytes.len() + 1);
            let (mut whole, mut split) = (Events::new(), Events::new());
            whole.follow(bytes);
            split.follow(&bytes[..at]);
            split.follow(&bytes[at..]);
            prop_assert_eq!(whole.at_rest(), split.at_rest());
            let lines = text.replace("\r\n", "\n").replace('\r', "\n");
            let ended = lines.chars().all(|c| c == '\n') || lines.ends_with("\n\n");
            prop_assert_eq!(whole.at_rest(), ended);
        }
    }

    #[test]
    fn only_plain_streams_without_a_promised_length_are_followed() {
        let fields = |pairs: &[(header::HeaderName, &'static str)]| {
            let pairs = pairs
                .iter()
                .map(|(name, value)| (name.clone(), value.parse().unwrap()));
            pairs.collect::<HeaderMap>()
        };
        let endless = StreamBody::new(futures::stream::pending::<
            Result<http_body::Frame<bytes::Bytes>, std::io::Error>,
        >());
        let kind = (header::CONTENT_TYPE, "Text/Event-Stream; charset=utf-8");
        assert!(Events::of(&fields(std::slice::from_ref(&kind)), &endless).is_some());
        let none = [
            fields(&[]),
            fields(&[(header::CONTENT_TYPE, "text/plain")]),
            fields(&[kind.clone(), (header::CONTENT_ENCODING, "gzip")]),
            fields(&[kind.clone(), (header::CONTENT_LENGTH, "9")]),
        ];
        for fields in none {
            assert!(Events::of(&fields, &endless).is_none(), "{fields:?}");
        }
        assert!(
            Events::of(
                &fields(std::slice::from_ref(&kind)),
                &Full::new(bytes::Bytes::from("x"))
            )
            .is_none()
        );
        assert!(Events::of(&fields(&[kind]), &Empty::<bytes::Bytes>::new()).is_none());
    }
}
