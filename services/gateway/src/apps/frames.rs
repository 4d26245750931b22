//! Where a WebSocket's frames and messages end (RFC 6455 section 5.2). Only headers are read:
//! payloads, compressed or not, pass as they are.

/// A header up to its masking key: two bytes and a length of at most eight more.
const HEAD_MAX: usize = 10;
/// Bytes of a masking key.
const KEY: u64 = 4;
/// The most bytes of a control frame's payload.
const CONTROL_MAX: u64 = 125;

const FINAL: u8 = 0x80;
const OPCODE: u8 = 0x0f;
const MASKED: u8 = 0x80;
const LENGTH: u8 = 0x7f;
const CLOSE: u8 = 0x8;

/// Why the gateway closes a WebSocket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Farewell {
    /// Its version leaves: come back, another one is there.
    Restart,
    /// Its tenant is no longer let in: there is no use in coming back.
    Refused,
}

impl Farewell {
    /// Returns the code (RFC 6455 section 7.4, 1012 as registered by IANA) and the words for it.
    fn words(self) -> (u16, &'static [u8]) {
        match self {
            Self::Restart => (1012, b"service restart"),
            Self::Refused => (1008, b"access ended"),
        }
    }
}

/// Who sends the frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Speaker {
    /// The user; what comes from there is masked.
    User,
    /// The version; what comes from there is not.
    Version,
}

/// Follows one direction of a WebSocket.
#[derive(Debug)]
pub(super) struct Frames {
    speaker: Speaker,
    at: At,
    /// Whether a message has begun whose last fragment is still to come.
    fragmented: bool,
    /// Whether a whole Close frame has passed.
    closed: bool,
}

/// Where in a frame the next byte is.
#[derive(Debug)]
enum At {
    Head {
        bytes: [u8; HEAD_MAX],
        have: usize,
    },
    Payload {
        left: u64,
        close: bool,
    },
    /// Nowhere: a header was not legal, so nothing after it can be told apart.
    Lost,
}

const BEGIN: At = At::Head {
    bytes: [0; HEAD_MAX],
    have: 0,
};

impl Frames {
    pub(super) fn new(speaker: Speaker) -> Self {
        Self {
            speaker,
            at: BEGIN,
            fragmented: false,
            closed: false,
        }
    }

    /// Tells whether a message has just ended, and none has begun since.
    pub(super) fn at_rest(&self) -> bool {
        matches!(self.at, At::Head { have: 0, .. }) && !self.fragmented
    }

    /// Tells whether a whole Close frame has passed.
    pub(super) fn closed(&self) -> bool {
        self.closed
    }

    /// Tells whether a header was not legal; from there on nothing is followed.
    pub(super) fn lost(&self) -> bool {
        matches!(self.at, At::Lost)
    }

    /// Follows all bytes.
    pub(super) fn follow(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            bytes = &bytes[self.advance(bytes)..];
        }
    }

    /// Follows bytes until a message has ended; returns how many.
    pub(super) fn follow_to_rest(&mut self, bytes: &[u8]) -> usize {
        let mut taken = 0;
        while taken < bytes.len() {
            taken += self.advance(&bytes[taken..]);
            if self.at_rest() {
                break;
            }
        }
        taken
    }

    /// Follows bytes within one frame, one at least; returns how many.
    fn advance(&mut self, bytes: &[u8]) -> usize {
        match &mut self.at {
            At::Lost => bytes.len(),
            At::Payload { left, close } => {
                let taken = usize::try_from(*left).map_or(bytes.len(), |it| it.min(bytes.len()));
                *left -= taken as u64;
                if *left == 0 {
                    self.closed |= *close;
                    self.at = BEGIN;
                }
                taken
            }
            At::Head { bytes: head, have } => {
                head[*have] = bytes[0];
                *have += 1;
                let (head, have) = (*head, *have);
                if have == head_length(&head, have) {
                    self.begin(&head[..have]);
                }
                1
            }
        }
    }

    /// Takes a whole header.
    fn begin(&mut self, head: &[u8]) {
        let last = head[0] & FINAL != 0;
        let length = match head[1] & LENGTH {
            126 | 127 => head[2..]
                .iter()
                .fold(0, |length, byte| length << 8 | u64::from(*byte)),
            length => u64::from(length),
        };
        let masked = head[1] & MASKED != 0;
        let opcode = head[0] & OPCODE;
        let control_fits = last && length <= CONTROL_MAX;
        let legal = match opcode {
            0x0 => self.fragmented,
            0x1 | 0x2 => !self.fragmented,
            CLOSE | 0x9 | 0xa => control_fits,
            _ => false,
        };
        if !legal || masked != (self.speaker == Speaker::User) || length > i64::MAX as u64 {
            self.at = At::Lost;
            return;
        }
        let close = opcode == CLOSE;
        if opcode < CLOSE {
            self.fragmented = !last;
        }
        let left = length + if masked { KEY } else { 0 };
        self.at = if left == 0 {
            self.closed |= close;
            BEGIN
        } else {
            At::Payload { left, close }
        };
    }
}

/// Returns how many bytes of a header are to be read, as far as the first `have` say.
fn head_length(head: &[u8; HEAD_MAX], have: usize) -> usize {
    match head[1] & LENGTH {
        126 if have >= 2 => 4,
        127 if have >= 2 => HEAD_MAX,
        _ => 2,
    }
}

/// Returns the Close frame that a user gets, as a server sends it: unmasked.
pub(super) fn close_for_user(farewell: Farewell) -> Vec<u8> {
    close(0, farewell)
}

/// Returns the Close frame that a version gets, as a client sends it: masked by `key`.
pub(super) fn close_for_version(farewell: Farewell, key: [u8; 4]) -> Vec<u8> {
    let plain = close(MASKED, farewell);
    let (head, payload) = plain.split_at(2);
    let masked = payload
        .iter()
        .zip(key.iter().cycle())
        .map(|(byte, key)| byte ^ key);
    head.iter().copied().chain(key).chain(masked).collect()
}

fn close(mask: u8, farewell: Farewell) -> Vec<u8> {
    let (code, reason) = farewell.words();
    let payload = [&code.to_be_bytes(), reason].concat();
    let length = u8::try_from(payload.len()).expect("a control frame is short");
    [&[FINAL | CLOSE, mask | length], payload.as_slice()].concat()
}

#[cfg(test)]
mod tests;
