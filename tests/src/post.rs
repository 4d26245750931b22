//! A watcher between a sender of mail and a real SMTP server: passes every byte on and writes down
//! which mails the server took, and whether the sender can have heard so.

use std::{
    net::Ipv4Addr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use anyhow::{Context as _, Result};
use sha2::{Digest as _, Sha256};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::Instant,
};

use crate::ports;

const CHUNK: usize = 16 << 10;
const END_OF_MAIL: &[u8] = b"\r\n.\r\n";

/// A mail that the server took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrival {
    /// Its Message-ID, as in its header.
    pub message_id: String,
    /// The digest of all that was sent as its data.
    pub bytes: [u8; 32],
    /// When the server had taken it.
    pub at: Instant,
    /// Whether the server's word reached the sender's side of the wire.
    pub answered: bool,
}

/// The watcher. It is taken away when dropped.
#[derive(Debug)]
pub struct Post {
    port: u16,
    arrivals: Arc<Mutex<Vec<Arrival>>>,
    _task: JoinSet<()>,
}

impl Post {
    /// Watches over whoever connects to a port of its own instead of to the server's.
    ///
    /// # Errors
    /// When no port is free.
    pub async fn watch(server: u16) -> Result<Self> {
        let port = ports::free()?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
            .await
            .context("a port to watch")?;
        let arrivals = Arc::<Mutex<Vec<Arrival>>>::default();
        let mut task = JoinSet::new();
        task.spawn(accept(listener, server, Arc::clone(&arrivals)));
        Ok(Self {
            port,
            arrivals,
            _task: task,
        })
    }

    /// Returns where to connect to.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns every mail that the server has taken so far, in the order in which it did.
    #[must_use]
    pub fn arrivals(&self) -> Vec<Arrival> {
        lock(&self.arrivals).clone()
    }
}

fn lock(arrivals: &Mutex<Vec<Arrival>>) -> MutexGuard<'_, Vec<Arrival>> {
    arrivals.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn accept(listener: TcpListener, server: u16, arrivals: Arc<Mutex<Vec<Arrival>>>) {
    let mut dialogues = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((sender, _)) => {
                    let arrivals = Arc::clone(&arrivals);
                    dialogues.spawn(async move {
                        // A side that breaks off ends the dialogue: the other one is told by that.
                        drop(overhear(sender, server, &arrivals).await);
                    });
                }
                // Out of files for a moment, say; whoever connects tries again.
                Err(_) => tokio::task::yield_now().await,
            },
            Some(_) = dialogues.join_next() => {}
        }
    }
}

/// Where a dialogue stands: RFC 5321, section 4.1.1.4.
enum Stage {
    /// Commands and their answers.
    Commands,
    /// `DATA` was said and not answered yet.
    Asking,
    /// The mail's data so far.
    Mail(Vec<u8>),
    /// The data has ended and was not answered yet.
    Judging(Vec<u8>),
}

async fn overhear(
    mut sender: TcpStream,
    server: u16,
    arrivals: &Mutex<Vec<Arrival>>,
) -> std::io::Result<()> {
    let mut server = TcpStream::connect((Ipv4Addr::LOCALHOST, server)).await?;
    sender.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let mut stage = Stage::Commands;
    let (mut said, mut answered) = (vec![0; CHUNK], vec![0; CHUNK]);
    loop {
        tokio::select! {
            count = sender.read(&mut said) => {
                let words = &said[..count?];
                if words.is_empty() {
                    return server.shutdown().await;
                }
                stage = hear(stage, words);
                server.write_all(words).await?;
            }
            count = server.read(&mut answered) => {
                let words = &answered[..count?];
                if words.is_empty() {
                    return sender.shutdown().await;
                }
                stage = match stage {
                    Stage::Asking if words.starts_with(b"354") => Stage::Mail(Vec::new()),
                    Stage::Judging(mail) if words.starts_with(b"2") => {
                        let place = take(arrivals, &mail);
                        sender.write_all(words).await?;
                        lock(arrivals)[place].answered = true;
                        stage = Stage::Commands;
                        continue;
                    }
                    Stage::Asking | Stage::Judging(_) | Stage::Commands => Stage::Commands,
                    mail @ Stage::Mail(_) => mail,
                };
                sender.write_all(words).await?;
            }
        }
    }
}

fn hear(stage: Stage, words: &[u8]) -> Stage {
    match stage {
        Stage::Commands if words.to_ascii_uppercase().starts_with(b"DATA") => Stage::Asking,
        Stage::Mail(mut mail) => {
            mail.extend_from_slice(words);
            if mail.ends_with(END_OF_MAIL) {
                Stage::Judging(mail)
            } else {
                Stage::Mail(mail)
            }
        }
        stage @ (Stage::Commands | Stage::Asking | Stage::Judging(_)) => stage,
    }
}

/// Writes an arrival down and returns its place.
fn take(arrivals: &Mutex<Vec<Arrival>>, mail: &[u8]) -> usize {
    let arrival = Arrival {
        message_id: message_id(mail),
        bytes: Sha256::digest(mail).into(),
        at: Instant::now(),
        answered: false,
    };
    let mut arrivals = lock(arrivals);
    arrivals.push(arrival);
    arrivals.len() - 1
}

/// Returns a mail's Message-ID; empty if it has none.
fn message_id(mail: &[u8]) -> String {
    const NAME: &str = "message-id:";
    let text = String::from_utf8_lossy(mail);
    text.lines()
        .take_while(|line| !line.is_empty())
        .find_map(|line| {
            let name = line.get(..NAME.len())?;
            name.eq_ignore_ascii_case(NAME)
                .then(|| line[NAME.len()..].trim().to_owned())
        })
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncBufReadExt as _, BufReader};

    use super::*;

    /// A server that says these words, each after as much as it is said before.
    async fn server(words: Vec<(&'static [u8], &'static str)>) -> Result<u16> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        let mut play = JoinSet::new();
        play.spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            for (heard, said) in words {
                let mut all = Vec::new();
                while !all.ends_with(heard) {
                    all.push(stream.read_u8().await.unwrap());
                }
                stream.write_all(said.as_bytes()).await.unwrap();
            }
        });
        play.detach_all();
        Ok(port)
    }

    async fn send(post: &Post, words: &[&[u8]]) -> Result<String> {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, post.port())).await?;
        let mut stream = BufReader::new(stream);
        let mut line = String::new();
        stream.read_line(&mut line).await?;
        for word in words {
            stream.write_all(word).await?;
            if word.ends_with(b"\r\n") {
                line.clear();
                stream.read_line(&mut line).await?;
            }
        }
        Ok(line)
    }

    #[tokio::test]
    async fn a_mail_has_arrived_once_the_server_has_taken_it() -> Result<()> {
        let port = server(vec![
            (b"", "220 here\r\n"),
            (b"DATA\r\n", "354 go on\r\n"),
            (END_OF_MAIL, "250 taken\r\n"),
        ])
        .await?;
        let post = Post::watch(port).await?;
        let words: [&[u8]; 3] = [
            b"DATA\r\n",
            b"Subject: DATA",
            b"\r\nMessage-Id: <7@x>\r\n\r\n354\r\n.\r\n",
        ];
        assert_eq!(send(&post, &words).await?, "250 taken\r\n");
        let [arrival] = &post.arrivals()[..] else {
            panic!("{:?}", post.arrivals());
        };
        assert_eq!((&*arrival.message_id, arrival.answered), ("<7@x>", true));
        Ok(())
    }

    #[tokio::test]
    async fn a_mail_that_the_server_refuses_has_not_arrived() -> Result<()> {
        let port = server(vec![
            (b"", "220 here\r\n"),
            (b"DATA\r\n", "354 go on\r\n"),
            (END_OF_MAIL, "554 no\r\n"),
        ])
        .await?;
        let post = Post::watch(port).await?;
        let words: [&[u8]; 2] = [b"DATA\r\n", b"Message-ID: <7@x>\r\n\r\n.\r\n"];
        assert_eq!(send(&post, &words).await?, "554 no\r\n");
        assert_eq!(post.arrivals(), []);
        Ok(())
    }
}
