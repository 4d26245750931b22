//! An SMTP server that takes every mail at once and keeps none, so that only the sender is measured.

use std::{
    net::Ipv4Addr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use anyhow::{Context as _, Result};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
};

use crate::{ports, until::until};

/// The server. It is taken away when dropped.
#[derive(Debug)]
pub(super) struct Sink {
    port: u16,
    taken: Arc<AtomicU64>,
    open: watch::Sender<bool>,
    _task: JoinSet<()>,
}

impl Sink {
    /// Starts a server that greets nobody until it is opened.
    pub(super) async fn start() -> Result<Self> {
        let port = ports::free()?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
            .await
            .context("a port for mails")?;
        let taken = Arc::<AtomicU64>::default();
        let (open, seen) = watch::channel(false);
        let mut task = JoinSet::new();
        task.spawn(accept(listener, Arc::clone(&taken), seen));
        Ok(Self {
            port,
            taken,
            open,
            _task: task,
        })
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// Greets from now on.
    pub(super) fn open(&self) {
        self.open.send_replace(true);
    }

    /// Waits until it has taken so many mails in all.
    pub(super) async fn has_taken(&self, mails: u64) -> Result<()> {
        let look = || async { Ok(self.taken.load(Ordering::SeqCst)) };
        // Each time that some have come it may take as long again.
        let mut last = 0;
        while last < mails {
            last = until("more mails", look, |taken| *taken > last).await?;
        }
        Ok(())
    }
}

async fn accept(listener: TcpListener, taken: Arc<AtomicU64>, open: watch::Receiver<bool>) {
    let mut dialogues = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => if let Ok((stream, _)) = accepted {
                let (taken, open) = (Arc::clone(&taken), open.clone());
                dialogues.spawn(async move { drop(serve(stream, &taken, open).await) });
            },
            Some(_) = dialogues.join_next() => {}
        }
    }
}

/// As much of RFC 5321 as a sender of mails asks for.
async fn serve(
    stream: TcpStream,
    taken: &AtomicU64,
    mut open: watch::Receiver<bool>,
) -> Result<()> {
    stream.set_nodelay(true)?;
    let mut stream = BufReader::new(stream);
    open.wait_for(|open| *open).await?;
    stream.write_all(b"220 sink\r\n").await?;
    let (mut line, mut in_mail) = (Vec::new(), false);
    loop {
        line.clear();
        if stream.read_until(b'\n', &mut line).await? == 0 {
            return Ok(());
        }
        let verb = line.get(..4).unwrap_or_default().to_ascii_uppercase();
        let answer: &[u8] = match (in_mail, verb.as_slice()) {
            (true, _) if line == b".\r\n" => {
                in_mail = false;
                taken.fetch_add(1, Ordering::SeqCst);
                b"250 taken\r\n"
            }
            (true, _) => continue,
            (false, b"DATA") => {
                in_mail = true;
                b"354 go on\r\n"
            }
            (false, b"QUIT") => {
                stream.write_all(b"221 bye\r\n").await?;
                return Ok(());
            }
            (false, b"EHLO" | b"HELO") => b"250 sink\r\n",
            (false, _) => b"250 ok\r\n",
        };
        stream.write_all(answer).await?;
    }
}
