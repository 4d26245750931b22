//! Writes log lines on a thread of its own, so that a slow reader of the log slows nobody.

use std::{
    io::{self, Write},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    },
    thread,
    time::Duration,
};

use tracing_subscriber::fmt::MakeWriter;

/// Lines that wait for a slow reader, at most; later ones are dropped and counted.
const LINES_WAITING_MAX: usize = 4096;
/// The longest line, in bytes.
const LINE_BYTES_MAX: usize = 64 * 1024;

enum Order {
    Line(Vec<u8>),
    Flush(SyncSender<()>),
}

/// The way to the log.
#[derive(Debug)]
pub(super) struct Pipe {
    writer: PipeWriter,
}

#[derive(Debug, Clone)]
pub(super) struct PipeWriter {
    orders: SyncSender<Order>,
    dropped: Arc<AtomicU64>,
}

impl Pipe {
    /// Starts a thread that writes to `out` until all writers are gone.
    pub(super) fn to(out: impl Write + Send + 'static) -> Self {
        let (orders, inbox) = sync_channel(LINES_WAITING_MAX);
        let dropped = Arc::new(AtomicU64::new(0));
        let counted = dropped.clone();
        // Without a thread there is no log; the process works all the same.
        let started = thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || write_all(out, &inbox, &counted));
        drop(started);
        Self {
            writer: PipeWriter { orders, dropped },
        }
    }

    pub(super) fn writer(&self) -> PipeWriter {
        self.writer.clone()
    }

    /// Waits until what was logged so far is written, for at most this long.
    pub(super) fn flush(&self, limit: Duration) {
        let (done, written) = sync_channel(1);
        if self.writer.orders.try_send(Order::Flush(done)).is_ok() {
            match written.recv_timeout(limit) {
                Ok(()) | Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
            }
        }
    }
}

fn write_all(mut out: impl Write, inbox: &Receiver<Order>, dropped: &AtomicU64) {
    for order in inbox {
        match order {
            Order::Line(line) => {
                // Nobody is left to tell when the log itself cannot be written.
                drop(out.write_all(&line));
                let lost = dropped.swap(0, Ordering::Relaxed);
                if lost > 0 {
                    drop(writeln!(
                        out,
                        "{{\"level\":\"WARN\",\"message\":\"log lines lost\",\"lines\":{lost}}}"
                    ));
                }
            }
            Order::Flush(done) => {
                drop(out.flush());
                // Who asked may have stopped waiting.
                let _ = done.try_send(());
            }
        }
    }
}

impl<'a> MakeWriter<'a> for PipeWriter {
    type Writer = LineWriter<'a>;

    fn make_writer(&'a self) -> LineWriter<'a> {
        LineWriter {
            pipe: self,
            line: Vec::new(),
        }
    }
}

/// Gathers one line and hands it over when dropped.
pub(super) struct LineWriter<'a> {
    pipe: &'a PipeWriter,
    line: Vec<u8>,
}

impl Write for LineWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = LINE_BYTES_MAX.saturating_sub(self.line.len());
        self.line.extend_from_slice(&bytes[..bytes.len().min(room)]);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for LineWriter<'_> {
    fn drop(&mut self) {
        if self.line.is_empty() {
            return;
        }
        if self.line.last() != Some(&b'\n') {
            self.line.push(b'\n');
        }
        let line = Order::Line(std::mem::take(&mut self.line));
        if self.pipe.orders.try_send(line).is_err() {
            self.pipe.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Condvar, Mutex};

    use super::*;

    /// A reader that takes nothing until it is opened.
    #[derive(Clone, Default)]
    struct Valve(Arc<(Mutex<State>, Condvar)>);

    #[derive(Default)]
    struct State {
        open: bool,
        taken: Vec<u8>,
    }

    impl Valve {
        fn open(&self) {
            self.0.0.lock().unwrap().open = true;
            self.0.1.notify_all();
        }

        fn text(&self) -> String {
            String::from_utf8(self.0.0.lock().unwrap().taken.clone()).unwrap()
        }
    }

    impl Write for Valve {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let mut state = self
                .0
                .1
                .wait_while(self.0.0.lock().unwrap(), |s| !s.open)
                .unwrap();
            state.taken.extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_blocked_log_loses_lines_and_counts_them_but_blocks_nobody() {
        let valve = Valve::default();
        let pipe = Pipe::to(valve.clone());
        let writer = pipe.writer();
        for n in 0..LINES_WAITING_MAX + 100 {
            writeln!(writer.make_writer(), "line {n}").unwrap();
        }
        pipe.flush(Duration::ZERO);
        valve.open();
        // The way is full until the thread has taken some; then a flush gets through.
        let written = (0..100_000).any(|_| {
            pipe.flush(Duration::from_secs(10));
            valve.text().contains("log lines lost")
        });
        let text = valve.text();
        assert!(
            written && text.starts_with("line 0\n"),
            "{} bytes",
            text.len()
        );
        let lines = text
            .lines()
            .filter(|line| line.starts_with("line "))
            .count();
        assert!(
            (LINES_WAITING_MAX..LINES_WAITING_MAX + 100).contains(&lines),
            "{lines} lines"
        );
    }

    #[test]
    fn an_endless_line_is_cut() {
        let valve = Valve::default();
        valve.open();
        let pipe = Pipe::to(valve.clone());
        pipe.writer()
            .make_writer()
            .write_all(&vec![b'x'; LINE_BYTES_MAX * 2])
            .unwrap();
        pipe.flush(Duration::from_secs(10));
        assert_eq!(valve.text().len(), LINE_BYTES_MAX + 1);
    }
}
