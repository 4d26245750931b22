//! A watching RPC as a value that is always the latest, over reconnects.

use std::{convert::Infallible, time::Duration};

use contract::Problem;
use futures::{Stream, StreamExt as _};
use tokio::sync::watch;

use crate::{
    retry::{Backoff, Stopped},
    shell::Shell,
};

const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// Short, because a switch may wait for whoever follows.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Whether the stream is open and has brought something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    /// What is known may be old.
    Down,
    /// What is known is what the other side last said.
    Up,
}

/// The latest that a stream brought. Clones follow the same stream.
#[derive(Debug, Clone)]
pub struct Followed<T> {
    /// None until the first message.
    pub value: watch::Receiver<Option<T>>,
    /// Whether the stream is open.
    pub link: watch::Receiver<Link>,
}

impl<T: Clone> Followed<T> {
    /// Waits for the first value.
    pub async fn first(&mut self) -> Result<T, Stopped> {
        let value = self
            .value
            .wait_for(Option::is_some)
            .await
            .map_err(|_| Stopped)?;
        value.clone().ok_or(Stopped)
    }
}

/// Follows a stream until `shell` stops, under the name of a task.
///
/// `open` opens the stream; it is told the last known value, so that it can say where to go on.
/// `fold` makes the next value of the one so far and a message. The first message of each stream
/// comes with no value so far: streams start with a full state.
pub fn follow<T, M, S, Opening>(
    shell: &Shell,
    name: &str,
    mut open: impl FnMut(Option<T>) -> Opening + Send + 'static,
    mut fold: impl FnMut(Option<T>, M) -> Result<T, Problem> + Send + 'static,
) -> Followed<T>
where
    T: Clone + Send + Sync + 'static,
    M: Send + 'static,
    S: Stream<Item = Result<M, tonic::Status>> + Send + 'static,
    Opening: Future<Output = Result<S, tonic::Status>> + Send + 'static,
{
    let (values, value) = watch::channel(None);
    let (links, link) = watch::channel(Link::Down);
    let stop = shell.stopping();
    shell.spawn_until_stop(name, async move {
        let mut backoff = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
        loop {
            let last: Option<T> = values.borrow().clone();
            let end = match open(last).await {
                Err(status) => Problem::from(status),
                Ok(stream) => {
                    let mut stream = std::pin::pin!(stream);
                    let mut state = None;
                    loop {
                        match stream.next().await {
                            None => break Problem::from(tonic::Status::unavailable("the stream ended")),
                            Some(Err(status)) => break Problem::from(status),
                            Some(Ok(message)) => match fold(state.take(), message) {
                                Err(problem) => break problem,
                                Ok(next) => {
                                    backoff.reset();
                                    state = Some(next.clone());
                                    values.send_replace(Some(next));
                                    set(&links, Link::Up);
                                }
                            },
                        }
                    }
                }
            };
            if set(&links, Link::Down) {
                tracing::warn!(problem = %end, reason = %end.reason(), "the stream broke; connecting again");
            } else {
                tracing::debug!(problem = %end, reason = %end.reason(), "cannot follow; trying again");
            }
            if backoff.next(&stop).await.is_err() {
                return Ok::<(), Infallible>(());
            }
        }
    });
    Followed { value, link }
}

/// Sets the link, tells whether it was otherwise.
fn set(links: &watch::Sender<Link>, to: Link) -> bool {
    links.send_if_modified(|link| std::mem::replace(link, to) != to)
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };

    use contract::reason;
    use futures::stream;

    use super::*;

    #[tokio::test]
    async fn the_value_is_the_latest_over_reconnects_and_starts_anew_on_each_stream() {
        let shell = Shell::for_tests();
        let opened = Arc::new(AtomicUsize::new(0));
        let counter = opened.clone();
        let mut followed =
            follow(
                &shell,
                "numbers",
                move |last: Option<Vec<u32>>| {
                    let time = counter.fetch_add(1, Ordering::SeqCst);
                    async move {
                        match time {
                            0 => Err(tonic::Status::unavailable("not yet")),
                            1 => Ok(stream::iter(vec![
                                Ok(1),
                                Ok(2),
                                Err(tonic::Status::aborted("cut")),
                            ])
                            .boxed()),
                            _ => {
                                assert_eq!(last, Some(vec![1, 2]));
                                Ok(stream::iter(vec![Ok(3), Ok(4)])
                                    .chain(stream::pending())
                                    .boxed())
                            }
                        }
                    }
                },
                |so_far, number| {
                    let mut numbers = so_far.unwrap_or_default();
                    numbers.push(number);
                    Ok(numbers)
                },
            );
        let last = followed
            .value
            .wait_for(|v| v.as_deref() == Some(&[3, 4]))
            .await
            .unwrap()
            .clone();
        assert_eq!(last, Some(vec![3, 4]));
        assert_eq!(followed.first().await, Ok(vec![3, 4]));
        assert_eq!(*followed.link.borrow(), Link::Up);
        assert_eq!(opened.load(Ordering::SeqCst), 3);
        shell.finish_test().await;
        assert!(
            followed.value.has_changed().is_err(),
            "the stream ends with the shell"
        );
    }

    #[tokio::test]
    async fn a_message_that_is_refused_breaks_the_stream_and_keeps_the_last_value() {
        let shell = Shell::for_tests();
        let mut followed = follow(
            &shell,
            "numbers",
            |last: Option<u32>| async move {
                let next = if last.is_none() {
                    vec![Ok(1), Ok(0)]
                } else {
                    vec![Ok(0)]
                };
                Ok(stream::iter(next).boxed())
            },
            |_, number| match number {
                0 => Err(Problem::invalid_argument(
                    reason::MOVED_BACKWARDS,
                    "older than known",
                )),
                number => Ok(number),
            },
        );
        assert_eq!(followed.first().await, Ok(1));
        followed
            .link
            .wait_for(|link| *link == Link::Down)
            .await
            .unwrap();
        assert_eq!(*followed.value.borrow(), Some(1));
        shell.finish_test().await;
    }
}
