use std::io::Cursor;

use proptest::prelude::*;
use tokio_tungstenite::tungstenite::protocol::{
    Message, Role, WebSocket,
    frame::{
        Frame, FrameHeader,
        coding::{CloseCode, Control, Data, OpCode},
    },
};

use super::*;

/// What one message is made of: the lengths of its fragments, and of the pings between them.
type Parts = Vec<(usize, Option<usize>)>;

fn messages() -> impl Strategy<Value = Vec<Parts>> {
    let length = prop_oneof![0_usize..4, 120_usize..130, 65_530_usize..65_540];
    let ping = proptest::option::weighted(0.3, 0_usize..=125);
    prop::collection::vec(prop::collection::vec((length, ping), 1..4), 1..6)
}

fn frame(opcode: OpCode, last: bool, length: usize, speaker: Speaker, deflated: bool) -> Vec<u8> {
    let header = FrameHeader {
        is_final: last,
        rsv1: deflated,
        opcode,
        mask: (speaker == Speaker::User).then_some([1, 2, 3, 4]),
        ..FrameHeader::default()
    };
    let mut bytes = Vec::new();
    Frame::from_payload(header, vec![b'x'; length].into())
        .format(&mut bytes)
        .unwrap();
    bytes
}

/// Writes messages as tungstenite does; returns the bytes and where each message ends.
fn write(messages: &[Parts], speaker: Speaker, deflated: bool) -> (Vec<u8>, Vec<usize>) {
    let (mut bytes, mut ends) = (Vec::new(), vec![0]);
    for parts in messages {
        for (number, (length, ping)) in parts.iter().enumerate() {
            let last = number + 1 == parts.len();
            let (opcode, deflated) = match number {
                0 => (Data::Binary, deflated),
                _ => (Data::Continue, false),
            };
            bytes.extend(frame(
                OpCode::Data(opcode),
                last,
                *length,
                speaker,
                deflated,
            ));
            if last {
                ends.push(bytes.len());
            }
            if let Some(ping) = ping {
                let ping = frame(OpCode::Control(Control::Ping), true, *ping, speaker, false);
                bytes.extend(ping);
                if last {
                    ends.push(bytes.len());
                }
            }
        }
    }
    (bytes, ends)
}

/// What tungstenite reads of the bytes, as lengths of messages.
fn read(bytes: &[u8], speaker: Speaker) -> Vec<usize> {
    let role = match speaker {
        Speaker::User => Role::Server,
        Speaker::Version => Role::Client,
    };
    let mut socket = WebSocket::from_raw_socket(ReadOnly(Cursor::new(bytes)), role, None);
    let mut lengths = Vec::new();
    while let Ok(message) = socket.read() {
        if let Message::Binary(message) = message {
            lengths.push(message.len());
        }
    }
    lengths
}

/// Swallows what is answered.
struct ReadOnly<'a>(Cursor<&'a [u8]>);

impl std::io::Read for ReadOnly<'_> {
    fn read(&mut self, to: &mut [u8]) -> std::io::Result<usize> {
        self.0.read(to)
    }
}

impl std::io::Write for ReadOnly<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn either() -> impl Strategy<Value = Speaker> {
    prop_oneof![Just(Speaker::User), Just(Speaker::Version)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    /// However the bytes come, rests are found exactly where messages end, and what is before a
    /// rest is for tungstenite the messages before it.
    #[test]
    fn rests_are_where_messages_end_however_the_bytes_are_split(
        messages in messages(),
        speaker in either(),
        deflated in any::<bool>(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..40),
    ) {
        let (bytes, ends) = write(&messages, speaker, deflated);
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        let mut frames = Frames::new(speaker);
        for pair in cuts.windows(2) {
            frames.follow(&bytes[pair[0]..pair[1]]);
            prop_assert!(!frames.lost());
            prop_assert_eq!(frames.at_rest(), ends.contains(&pair[1]), "at {}", pair[1]);
        }
        prop_assert!(frames.at_rest() && !frames.closed());
        if !deflated {
            for (number, end) in ends.iter().enumerate().take(4) {
                let read = read(&bytes[..*end], speaker);
                prop_assert!(read.len() <= number);
            }
            let sums: Vec<usize> =
                messages.iter().map(|parts| parts.iter().map(|(length, _)| length).sum()).collect();
            prop_assert_eq!(read(&bytes, speaker), sums);
        }
    }

    #[test]
    fn the_first_rest_in_a_piece_is_the_end_of_the_message_under_way(
        messages in messages(),
        speaker in either(),
        from in any::<prop::sample::Index>(),
    ) {
        let (bytes, ends) = write(&messages, speaker, false);
        let from = from.index(bytes.len());
        let mut frames = Frames::new(speaker);
        frames.follow(&bytes[..from]);
        let taken = frames.follow_to_rest(&bytes[from..]);
        let next = ends.iter().find(|end| **end > from).unwrap();
        prop_assert_eq!(from + taken, *next);
        prop_assert!(frames.at_rest());
    }

    #[test]
    fn any_bytes_are_followed_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        for speaker in [Speaker::User, Speaker::Version] {
            let mut frames = Frames::new(speaker);
            frames.follow(&bytes);
            let mut again = Frames::new(speaker);
            bytes.iter().for_each(|byte| again.follow(&[*byte]));
            prop_assert_eq!(frames.at_rest(), again.at_rest());
            prop_assert_eq!(frames.lost(), again.lost());
            prop_assert_eq!(frames.closed(), again.closed());
        }
    }
}

#[test]
fn headers_that_are_not_legal_are_not_followed() {
    let lost = |speaker, bytes: &[u8]| {
        let mut frames = Frames::new(speaker);
        frames.follow(bytes);
        frames.lost() && !frames.at_rest() && frames.follow_to_rest(&[0; 9]) == 9
    };
    for (what, bytes) in [
        ("masked by a version", [0x82_u8, 0x80].as_slice()),
        ("a reserved opcode", &[0x83, 0]),
        ("a continuation of nothing", &[0x80, 0]),
        ("a message within a message", &[0x02, 0, 0x82, 0]),
        ("a fragmented ping", &[0x09, 0]),
        ("a ping too long", &[0x89, 126, 0, 126]),
        (
            "a length of 64 bits",
            &[0x82, 127, 0x80, 0, 0, 0, 0, 0, 0, 0],
        ),
    ] {
        assert!(lost(Speaker::Version, bytes), "{what}");
    }
    assert!(lost(Speaker::User, &[0x82, 0]), "unmasked by a user");
    let mut longest = Frames::new(Speaker::Version);
    longest.follow(&[0x82, 127, 0x7f, 255, 255, 255, 255, 255, 255, 255, 1, 2]);
    assert!(!longest.lost() && !longest.at_rest());
}

#[test]
fn our_close_frames_are_what_each_side_wants() {
    let restart = (Farewell::Restart, CloseCode::Restart, "service restart");
    let refused = (Farewell::Refused, CloseCode::Policy, "access ended");
    let user = |farewell| (close_for_user(farewell), Speaker::Version, Role::Client);
    let version = |farewell| {
        let bytes = close_for_version(farewell, [9, 8, 7, 6]);
        (bytes, Speaker::User, Role::Server)
    };
    for ((_, code, reason), (bytes, speaker, role)) in [restart, refused]
        .into_iter()
        .flat_map(|it| [(it, user(it.0)), (it, version(it.0))])
    {
        let mut frames = Frames::new(speaker);
        frames.follow(&bytes[..bytes.len() - 1]);
        assert!(!frames.closed());
        frames.follow(&bytes[bytes.len() - 1..]);
        assert!(frames.closed() && frames.at_rest() && !frames.lost());
        let mut socket = WebSocket::from_raw_socket(ReadOnly(Cursor::new(&bytes)), role, None);
        let Ok(Message::Close(Some(close))) = socket.read() else {
            panic!("{bytes:?} is not a Close frame")
        };
        assert_eq!(close.code, code);
        assert_eq!(close.reason.as_str(), reason);
    }
}
