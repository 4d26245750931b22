//! A WebSocket's way through the gateway: bytes both ways, as they are, until one side ends it, it
//! is asked to end in good order, its version's time to drain is over, its tenant is no longer let
//! in, or the gateway stops.

use std::{
    io,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, split},
    time::timeout,
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{
    flight::Flight,
    frames::{Farewell, Frames, Speaker, close_for_user, close_for_version},
    stay::overstayed,
};

/// How long both sides have to end what the gateway has closed.
const CLOSE_WAIT: Duration = Duration::from_secs(5);
/// How long a version's connection has to take the last words.
const LAST_WORDS: Duration = Duration::from_millis(250);
/// Bytes that are under way in each direction.
const PIECE: usize = 8 * 1024;

/// How a tunnel ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// One of the sides ended it.
    ByItself,
    /// The gateway has closed it between two messages.
    InOrder,
}

/// Carries bytes between the two, once both have become a tunnel.
pub(super) async fn carry(
    user: OnUpgrade,
    version: OnUpgrade,
    mut flight: Flight,
    stop: CancellationToken,
) {
    flight.upgrade();
    let place = flight.lasting();
    let (cut, over) = (flight.cut(), flight.over());
    let asked = Asked {
        to_move: place.asked(),
        to_leave: &over,
    };
    let tunnel = async {
        let (user, version) = tokio::try_join!(user, version)?;
        let (user, version) = (TokioIo::new(user), TokioIo::new(version));
        Ok::<_, hyper::Error>(relay(user, version, asked).await)
    };
    let ended = tokio::select! {
        biased;
        () = cut.cancelled() => Ok(End::ByItself),
        () = stop.cancelled() => Ok(End::ByItself),
        () = overstayed(&over) => Ok(End::ByItself),
        ended = tunnel => ended,
    };
    match ended {
        Ok(End::InOrder) => flight.ended_in_order(),
        Ok(End::ByItself) => {}
        Err(error) => tracing::debug!(%error, "a connection did not become a tunnel"),
    }
    drop(place);
    drop(flight);
}

/// What asks a WebSocket to end in good order.
#[derive(Clone, Copy)]
struct Asked<'a> {
    /// Its version leaves, and it is its turn.
    to_move: &'a CancellationToken,
    /// Its tenant is no longer let in.
    to_leave: &'a CancellationToken,
}

impl Asked<'_> {
    /// Waits until it is asked.
    async fn come(&self) {
        tokio::select! {
            () = self.to_move.cancelled() => {}
            () = self.to_leave.cancelled() => {}
        }
    }

    /// Returns how it is to be closed, if it is to be.
    fn farewell(&self) -> Option<Farewell> {
        // Who is not let in is not to come back, whatever else there is.
        if self.to_leave.is_cancelled() {
            Some(Farewell::Refused)
        } else {
            self.to_move.is_cancelled().then_some(Farewell::Restart)
        }
    }
}

/// How the version's words to the user ended.
enum Said {
    /// The version has no more to say.
    All,
    /// The gateway was asked to end it so, and a message has just ended.
    Enough(Farewell),
}

/// Carries bytes until both sides have ended, orderly or not, or until `asked`.
async fn relay<U, V>(user: U, version: V, asked: Asked<'_>) -> End
where
    U: AsyncRead + AsyncWrite,
    V: AsyncRead + AsyncWrite,
{
    let (mut from_user, mut to_user) = split(user);
    let (mut from_version, mut to_version) = split(version);
    let closing = Closing::default();
    let mut up = Up {
        frames: Frames::new(Speaker::User),
        whole: true,
    };
    let farewell = {
        let upward = up.run(&mut from_user, &mut to_version, &closing);
        let mut upward = std::pin::pin!(upward);
        let mut heard = false;
        let said = {
            let downward = down(&mut from_version, &mut to_user, asked, &closing);
            let mut downward = std::pin::pin!(downward);
            loop {
                tokio::select! {
                    biased;
                    said = downward.as_mut() => break said,
                    end = upward.as_mut(), if !heard => match end {
                        Ok(()) => heard = true,
                        Err(_) => return End::ByItself,
                    },
                }
            }
        };
        let farewell = match said {
            Err(_) => return End::ByItself,
            Ok(Said::All) => {
                if !heard {
                    upward.await.ok();
                }
                return End::ByItself;
            }
            Ok(Said::Enough(farewell)) => farewell,
        };
        closing.said.cancel();
        if send(&mut to_user, &close_for_user(farewell)).await.is_err() {
            return End::ByItself;
        }
        // The user's own Close goes on to the version, which answers it to nobody.
        let answer = async {
            if !heard {
                upward.await.ok();
            }
            to_user.shutdown().await.ok();
        };
        let rest = async {
            tokio::io::copy(&mut from_version, &mut tokio::io::sink())
                .await
                .ok()
        };
        timeout(CLOSE_WAIT, async { tokio::join!(answer, rest) })
            .await
            .ok();
        farewell
    };
    if up.whole && up.frames.at_rest() && !up.frames.closed() {
        let key: [u8; 16] = *Uuid::new_v4().as_bytes();
        let close = close_for_version(farewell, [key[0], key[1], key[2], key[3]]);
        timeout(LAST_WORDS, send(&mut to_version, &close))
            .await
            .ok();
    }
    End::InOrder
}

/// What the two directions know of each other.
#[derive(Default)]
struct Closing {
    /// The user has been told.
    said: CancellationToken,
    /// The user's frames cannot be followed.
    lost: AtomicBool,
}

/// From the user to the version.
struct Up {
    frames: Frames,
    /// Whether the version has all that was followed.
    whole: bool,
}

impl Up {
    /// Carries bytes to the end; once the user has been told, up to the user's Close.
    async fn run(
        &mut self,
        mut from: impl AsyncRead + Unpin,
        mut to: impl AsyncWrite + Unpin,
        closing: &Closing,
    ) -> io::Result<()> {
        let mut piece = vec![0; PIECE];
        loop {
            let read = tokio::select! {
                biased;
                () = closing.said.cancelled(), if self.frames.closed() => 0,
                read = from.read(&mut piece) => read?,
            };
            if read == 0 {
                return to.shutdown().await;
            }
            self.whole = false;
            send(&mut to, &piece[..read]).await?;
            self.whole = true;
            self.frames.follow(&piece[..read]);
            if self.frames.lost() {
                closing.lost.store(true, Ordering::Relaxed);
            }
        }
    }
}

/// Carries bytes from the version to the user, to the end or until a message has ended after
/// `asked`. A WebSocket that is closing already, or cannot be followed, is left alone.
async fn down(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    asked: Asked<'_>,
    closing: &Closing,
) -> io::Result<Said> {
    let mut frames = Frames::new(Speaker::Version);
    let may_end = |frames: &Frames| {
        frames.at_rest() && !frames.closed() && !closing.lost.load(Ordering::Relaxed)
    };
    let mut piece = vec![0; PIECE];
    loop {
        let read = tokio::select! {
            biased;
            () = asked.come(), if may_end(&frames) => {
                // The user's frames may have been lost since.
                if let Some(farewell) = asked.farewell().filter(|_| may_end(&frames)) {
                    return Ok(Said::Enough(farewell));
                }
                continue;
            }
            read = from.read(&mut piece) => read?,
        };
        if read == 0 {
            to.shutdown().await?;
            return Ok(Said::All);
        }
        let mut rest = &piece[..read];
        while !rest.is_empty() {
            let farewell = asked.farewell();
            if let Some(farewell) = farewell.filter(|_| may_end(&frames)) {
                return Ok(Said::Enough(farewell));
            }
            let taken = if farewell.is_some() {
                frames.follow_to_rest(rest)
            } else {
                frames.follow(rest);
                rest.len()
            };
            send(&mut to, &rest[..taken]).await?;
            rest = &rest[taken..];
        }
    }
}

async fn send(to: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> io::Result<()> {
    to.write_all(bytes).await?;
    to.flush().await
}

#[cfg(test)]
mod tests;
