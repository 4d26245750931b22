//! A mail server for tests that does what a script says and writes down what it was told.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard},
};

use tokio::{
    io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

use super::{Settings, SmtpUrl};

/// Where in a dialogue something happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum At {
    Greeting,
    Hello,
    Sender,
    Recipient,
    Data,
    Dot,
}

/// What the server does with one mail.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Act {
    /// Takes it.
    Take,
    /// Takes it, then closes the connection without a word.
    TakeAndClose,
    /// Answers so.
    Say(At, &'static str),
    /// Closes the connection instead of an answer. After the dot, it has taken the mail.
    Drop(At),
    /// Never answers. After the dot, it has taken the mail.
    Hang(At),
}

/// A mail that the server has taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Taken {
    pub(crate) to: String,
    pub(crate) bytes: Vec<u8>,
}

impl Taken {
    pub(crate) fn message_id(&self) -> String {
        let text = String::from_utf8_lossy(&self.bytes);
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix("Message-ID: "));
        line.expect("every mail has one").to_owned()
    }
}

#[derive(Debug, Default)]
pub(crate) struct Log {
    script: VecDeque<Act>,
    usual: Option<Act>,
    /// Recipients with an act of their own.
    by_recipient: Vec<(String, Act)>,
    pub(crate) taken: Vec<Taken>,
    pub(crate) connections: usize,
    pub(crate) commands: Vec<String>,
    /// Mails that were begun and neither taken nor refused yet, and the most of them at a time.
    open: usize,
    pub(crate) open_max: usize,
}

impl Log {
    fn begin(&mut self) {
        self.open += 1;
        self.open_max = self.open_max.max(self.open);
    }

    fn end(&mut self) {
        self.open = self.open.saturating_sub(1);
    }
}

/// The server; it ends when it is dropped.
pub(crate) struct Stub {
    pub(crate) address: SocketAddr,
    log: Arc<Mutex<Log>>,
    _serving: JoinSet<()>,
}

impl Stub {
    /// Does what the script says, one act a mail, then takes everything.
    pub(crate) async fn start(script: impl IntoIterator<Item = Act>) -> Self {
        Self::start_at("127.0.0.1:0".parse().unwrap(), script).await
    }

    pub(crate) async fn start_at(
        address: SocketAddr,
        script: impl IntoIterator<Item = Act>,
    ) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let log = Arc::new(Mutex::new(Log {
            script: script.into_iter().collect(),
            ..Log::default()
        }));
        let mut serving = JoinSet::new();
        serving.spawn(accept(listener, Arc::clone(&log)));
        Self {
            address,
            log,
            _serving: serving,
        }
    }

    pub(crate) fn settings(&self) -> Settings {
        settings(&format!("smtp://{}", self.address))
    }

    pub(crate) fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap()
    }

    /// What it does once the script is over.
    pub(crate) fn then_always(&self, act: Act) {
        self.log().usual = Some(act);
    }

    /// What it does with mails to one recipient, whatever the script says.
    pub(crate) fn with(&self, recipient: &str, act: Act) {
        self.log().by_recipient.push((recipient.to_owned(), act));
    }

    /// Returns how often each Message-ID was taken.
    pub(crate) fn copies(&self) -> std::collections::BTreeMap<String, usize> {
        let mut copies = std::collections::BTreeMap::new();
        for taken in &self.log().taken {
            *copies.entry(taken.message_id()).or_default() += 1;
        }
        copies
    }
}

pub(crate) fn settings(url: &str) -> Settings {
    Settings {
        url: url.parse::<SmtpUrl>().unwrap(),
        ca: None,
        login: None,
        idle_max: 4,
        command: std::time::Duration::from_secs(10),
        taken: std::time::Duration::from_secs(10),
    }
}

async fn accept(listener: TcpListener, log: Arc<Mutex<Log>>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        log.lock().unwrap().connections += 1;
        connections.spawn(speak(stream, Arc::clone(&log)));
    }
}

async fn speak(stream: TcpStream, log: Arc<Mutex<Log>>) {
    // An error is the client's end of the dialogue.
    drop(dialogue(BufReader::new(stream), &log).await);
}

pub(crate) async fn dialogue<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: BufReader<S>,
    log: &Mutex<Log>,
) -> std::io::Result<()> {
    let mut act = next(log);
    answer(&mut stream, act, At::Greeting, "220 stub").await?;
    let mut fresh = true;
    let mut to = String::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let command = line.trim_end().to_owned();
        log.lock().unwrap().commands.push(command.clone());
        let verb = command
            .split([' ', ':'])
            .next()
            .unwrap_or_default()
            .to_uppercase();
        match verb.as_str() {
            "EHLO" | "HELO" => answer(&mut stream, act, At::Hello, "250 stub").await?,
            "NOOP" | "RSET" => answer(&mut stream, Act::Take, At::Hello, "250 ok").await?,
            "MAIL" => {
                if !std::mem::take(&mut fresh) {
                    act = next(log);
                }
                log.lock().unwrap().begin();
                answer(&mut stream, act, At::Sender, "250 ok").await?;
            }
            "RCPT" => {
                to = command
                    .split(['<', '>'])
                    .nth(1)
                    .unwrap_or_default()
                    .to_owned();
                let own = log
                    .lock()
                    .unwrap()
                    .by_recipient
                    .iter()
                    .find(|(r, _)| *r == to)
                    .map(|(_, act)| *act);
                act = own.unwrap_or(act);
                answer(&mut stream, act, At::Recipient, "250 ok").await?;
            }
            "DATA" => {
                answer(&mut stream, act, At::Data, "354 go on").await?;
                if matches!(act, Act::Say(At::Data, _)) {
                    continue;
                }
                let bytes = text(&mut stream).await?;
                {
                    let mut log = log.lock().unwrap();
                    log.end();
                    if !matches!(act, Act::Say(At::Dot, _)) {
                        log.taken.push(Taken {
                            to: to.clone(),
                            bytes,
                        });
                    }
                }
                answer(&mut stream, act, At::Dot, "250 2.0.0 queued as 1").await?;
                if matches!(act, Act::TakeAndClose) {
                    return Ok(());
                }
            }
            "QUIT" => {
                log.lock().unwrap().end();
                answer(&mut stream, Act::Take, At::Hello, "221 bye").await?;
                return Ok(());
            }
            _ => answer(&mut stream, Act::Take, At::Hello, "502 what?").await?,
        }
    }
}

fn next(log: &Mutex<Log>) -> Act {
    let mut log = log.lock().unwrap();
    let usual = log.usual.unwrap_or(Act::Take);
    log.script.pop_front().unwrap_or(usual)
}

async fn answer<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut BufReader<S>,
    act: Act,
    at: At,
    usual: &str,
) -> std::io::Result<()> {
    let words = match act {
        Act::Say(when, words) if when == at => words,
        Act::Drop(when) if when == at => return Err(std::io::ErrorKind::ConnectionAborted.into()),
        Act::Hang(when) if when == at => std::future::pending().await,
        _ => usual,
    };
    stream
        .get_mut()
        .write_all(format!("{words}\r\n").as_bytes())
        .await?;
    stream.get_mut().flush().await
}

/// Reads a mail up to its dot, unstuffed (RFC 5321 section 4.5.2).
async fn text<S: AsyncRead + Unpin>(stream: &mut BufReader<S>) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    loop {
        let mut line = Vec::new();
        if stream.read_until(b'\n', &mut line).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        match line.as_slice() {
            b".\r\n" => return Ok(bytes),
            [b'.', rest @ ..] => bytes.extend_from_slice(rest),
            line => bytes.extend_from_slice(line),
        }
    }
}
