use std::{
    io::{BufRead as _, Write as _},
    sync::Arc,
};

use rustls::{
    ServerConfig, ServerConnection, StreamOwned,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};

use super::{
    stub::{Act, At, Stub, settings},
    *,
};
use crate::message;

const CA: &[u8] = include_bytes!("tests/ca.pem");
const SERVER: &[u8] = include_bytes!("tests/server.pem");
const KEY: &[u8] = include_bytes!("tests/server.key");

fn envelope() -> Envelope {
    message::envelope(&"ops@example.com".parse().unwrap(), "anna@acme.example").unwrap()
}

const MAIL: &[u8] = b"Message-ID: <1@example.com>\r\n\r\nHello\r\n";

#[derive(Debug, PartialEq)]
enum Kind {
    Taken,
    Server,
    Recipient,
    Never,
}

fn kind(answer: &Answer) -> Kind {
    match answer {
        Answer::Taken(_) => Kind::Taken,
        Answer::Later(Wait::Server, _) => Kind::Server,
        Answer::Later(Wait::Recipient | Wait::Turn, _) => Kind::Recipient,
        Answer::Never(_) => Kind::Never,
    }
}

/// What each answer of a server means for the mail.
#[tokio::test]
async fn each_dialogue_has_its_outcome_in_the_servers_words() {
    use At::{Data, Dot, Greeting, Hello, Recipient, Sender};
    for (act, expected, words) in [
        (Act::Take, Kind::Taken, "250 2.0.0 queued as 1"),
        (
            Act::Say(Dot, "250-two\r\n250 lines"),
            Kind::Taken,
            "250 two lines",
        ),
        (Act::Say(Greeting, "421 busy"), Kind::Server, "421 busy"),
        (
            Act::Say(Greeting, "554 no service"),
            Kind::Server,
            "554 no service",
        ),
        (
            Act::Say(Greeting, "garbage"),
            Kind::Server,
            "No answer while connecting",
        ),
        (Act::Say(Hello, "550 who?"), Kind::Server, "550 who?"),
        (
            Act::Drop(Greeting),
            Kind::Server,
            "No answer while connecting",
        ),
        (Act::Drop(Hello), Kind::Server, "No answer while connecting"),
        (Act::Say(Sender, "421 closing"), Kind::Server, "421 closing"),
        (Act::Say(Sender, "451 later"), Kind::Recipient, "451 later"),
        (
            Act::Say(Sender, "530 log in first"),
            Kind::Server,
            "530 log in first",
        ),
        (Act::Say(Sender, "550 not you"), Kind::Never, "550 not you"),
        (Act::Drop(Sender), Kind::Server, "No answer at the sender"),
        (
            Act::Say(Recipient, "450 4.2.1 greylisted"),
            Kind::Recipient,
            "450 4.2.1 greylisted",
        ),
        (Act::Say(Recipient, "452 full"), Kind::Recipient, "452 full"),
        (
            Act::Say(Recipient, "421 closing"),
            Kind::Server,
            "421 closing",
        ),
        (
            Act::Say(Recipient, "550-5.1.1 no\r\n550 such user"),
            Kind::Never,
            "550 5.1.1 no such user",
        ),
        (
            Act::Say(Recipient, "553 bad\u{1b}[31m name"),
            Kind::Never,
            "553 bad [31m name",
        ),
        (
            Act::Drop(Recipient),
            Kind::Server,
            "No answer at the recipient",
        ),
        (Act::Say(Data, "451 later"), Kind::Recipient, "451 later"),
        (Act::Say(Data, "554 no"), Kind::Never, "554 no"),
        (Act::Drop(Data), Kind::Server, "No answer before the text"),
        (Act::Say(Dot, "451 later"), Kind::Recipient, "451 later"),
        (Act::Say(Dot, "552 too large"), Kind::Never, "552 too large"),
        (Act::Say(Dot, "554 spam"), Kind::Never, "554 spam"),
        (
            Act::Drop(Dot),
            Kind::Server,
            "so it may have taken the mail",
        ),
    ] {
        let stub = Stub::start([act]).await;
        let answer = Relay::new(stub.settings())
            .unwrap()
            .hand_over(&envelope(), MAIL)
            .await;
        assert_eq!(kind(&answer), expected, "{act:?}: {answer:?}");
        assert!(
            answer.words().as_str().contains(words),
            "{act:?}: {answer:?}"
        );
    }
}

#[tokio::test]
async fn a_server_that_never_answers_costs_a_bounded_time() {
    for at in [
        At::Greeting,
        At::Hello,
        At::Sender,
        At::Recipient,
        At::Data,
        At::Dot,
    ] {
        let stub = Stub::start([Act::Hang(at)]).await;
        let short = Duration::from_millis(50);
        let relay = Relay::new(Settings {
            command: short,
            taken: short,
            ..stub.settings()
        })
        .unwrap();
        let answer = relay.hand_over(&envelope(), MAIL).await;
        assert_eq!(kind(&answer), Kind::Server, "{at:?}: {answer:?}");
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_is_the_servers_fault() {
    let gone = Stub::start([]).await.settings();
    let answer = Relay::new(gone).unwrap().hand_over(&envelope(), MAIL).await;
    assert_eq!(kind(&answer), Kind::Server, "{answer:?}");
}

#[tokio::test]
async fn connections_are_used_again_and_closed_ones_cost_nothing() {
    let stub = Stub::start([]).await;
    let relay = Relay::new(stub.settings()).unwrap();
    for _ in 0..3 {
        assert_eq!(kind(&relay.hand_over(&envelope(), MAIL).await), Kind::Taken);
    }
    assert_eq!(stub.log().connections, 1);

    let stub = Stub::start([Act::TakeAndClose, Act::TakeAndClose, Act::Take]).await;
    let relay = Relay::new(stub.settings()).unwrap();
    for _ in 0..3 {
        assert_eq!(kind(&relay.hand_over(&envelope(), MAIL).await), Kind::Taken);
    }
    assert_eq!(stub.log().taken.len(), 3);
    relay.close().await;
}

#[tokio::test]
async fn every_byte_arrives_dots_and_smuggled_commands_included() {
    let stub = Stub::start([]).await;
    let relay = Relay::new(stub.settings()).unwrap();
    let mail =
        b"Message-ID: <1@example.com>\r\n\r\n.\r\n..\r\n.x\r\nMAIL FROM:<x@y.z>\r\n.\r\nQUIT\r\n";
    assert_eq!(kind(&relay.hand_over(&envelope(), mail).await), Kind::Taken);
    let log = stub.log();
    // What ends the text may be read as one more line end.
    let rest = log.taken[0].bytes.strip_prefix(&mail[..]);
    assert!(
        matches!(rest, Some(b"" | b"\r\n")),
        "{:?}",
        String::from_utf8_lossy(&log.taken[0].bytes)
    );
    assert_eq!(log.taken.len(), 1);
}

/// A server that speaks TLS from the first byte; returns its port.
fn tls_server() -> u16 {
    serve(Protection::Tls)
}

/// Speaks in the clear until the client wants TLS.
fn in_the_clear(mut stream: &std::net::TcpStream) -> std::io::Result<()> {
    let mut lines = std::io::BufReader::new(stream.try_clone()?);
    stream.write_all(b"220 stub\r\n")?;
    loop {
        let mut line = String::new();
        if lines.read_line(&mut line)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        match line.split_whitespace().next() {
            Some("STARTTLS") => return stream.write_all(b"220 go on\r\n"),
            Some("EHLO") => stream.write_all(b"250-stub\r\n250 STARTTLS\r\n")?,
            Some(_) | None => stream.write_all(b"530 start TLS first\r\n")?,
        }
    }
}

/// A server with TLS; returns its port.
fn serve(protection: Protection) -> u16 {
    let certificate = CertificateDer::from_pem_slice(SERVER).unwrap();
    let key = PrivateKeyDer::from_pem_slice(KEY).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(
        rustls::crypto::aws_lc_rs::default_provider(),
    ))
    .with_safe_default_protocol_versions()
    .unwrap()
    .with_no_client_auth()
    .with_single_cert(vec![certificate], key)
    .unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let config = Arc::new(config);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let config = Arc::clone(&config);
            std::thread::spawn(move || {
                // A client that trusts nobody ends the dialogue.
                drop(encrypted(stream, config, protection));
            });
        }
    });
    port
}

fn encrypted(
    stream: std::net::TcpStream,
    config: Arc<ServerConfig>,
    protection: Protection,
) -> std::io::Result<()> {
    let greeting: &[u8] = match protection {
        Protection::Tls | Protection::Clear => b"220 stub\r\n",
        Protection::StartTls => {
            in_the_clear(&stream)?;
            b""
        }
    };
    let stream = StreamOwned::new(ServerConnection::new(config).unwrap(), stream);
    let mut stream = std::io::BufReader::new(stream);
    stream.get_mut().write_all(greeting)?;
    let mut text = false;
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let verb = line.split([' ', ':', '\r']).next().unwrap_or_default();
        let answer: &[u8] = match (text, verb) {
            (true, ".") => {
                text = false;
                b"250 queued\r\n"
            }
            (true, _) => continue,
            (false, "EHLO") => b"250-stub\r\n250 AUTH PLAIN\r\n",
            (false, "AUTH") if line.contains("AG9wcwBodW50ZXIy") => b"235 welcome\r\n",
            (false, "AUTH") => b"535 wrong\r\n",
            (false, "DATA") => {
                text = true;
                b"354 go on\r\n"
            }
            (false, _) => b"250 ok\r\n",
        };
        stream.get_mut().write_all(answer)?;
    }
}

#[tokio::test]
async fn tls_is_with_whom_it_was_meant_or_not_at_all() {
    for (scheme, port) in [
        ("smtps", tls_server()),
        ("smtp+starttls", serve(Protection::StartTls)),
    ] {
        for (host, ca, expected) in [
            ("localhost", Some(CA), Kind::Taken),
            ("localhost", None, Kind::Server),
            ("127.0.0.1", Some(CA), Kind::Server),
        ] {
            let settings = Settings {
                ca: ca.map(<[u8]>::to_vec),
                ..settings(&format!("{scheme}://{host}:{port}"))
            };
            let answer = Relay::new(settings)
                .unwrap()
                .hand_over(&envelope(), MAIL)
                .await;
            assert_eq!(kind(&answer), expected, "{scheme} {host}: {answer:?}");
        }
    }
}

#[tokio::test]
async fn a_wrong_password_is_the_servers_affair_and_loses_no_mail() {
    let port = tls_server();
    for (password, expected) in [("hunter2", Kind::Taken), ("hunter3", Kind::Server)] {
        let login = Login {
            user: "ops".to_owned(),
            password: password.to_owned().into(),
        };
        let settings = Settings {
            ca: Some(CA.to_vec()),
            login: Some(login),
            ..settings(&format!("smtps://localhost:{port}"))
        };
        let answer = Relay::new(settings)
            .unwrap()
            .hand_over(&envelope(), MAIL)
            .await;
        assert_eq!(kind(&answer), expected, "{answer:?}");
    }
}

#[tokio::test]
async fn a_server_without_tls_gets_no_mail_where_tls_is_wanted() {
    for scheme in ["smtp+starttls", "smtps"] {
        let stub = Stub::start([]).await;
        let short = Duration::from_millis(300);
        let settings = Settings {
            command: short,
            ..settings(&format!("{scheme}://localhost:{}", stub.address.port()))
        };
        let answer = Relay::new(settings)
            .unwrap()
            .hand_over(&envelope(), MAIL)
            .await;
        assert_eq!(kind(&answer), Kind::Server, "{scheme}: {answer:?}");
        let log = stub.log();
        assert!(
            !log.commands
                .iter()
                .any(|command| command.starts_with("MAIL")),
            "{:?}",
            log.commands
        );
    }
}
