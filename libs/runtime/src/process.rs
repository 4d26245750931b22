//! The life of one process, from its flags to its exit code.

use std::{process::ExitCode, sync::Arc, time::Duration};

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::{
    clock::Clock,
    config::ProcessArgs,
    error::{Error, exit},
    shell::Shell,
    telemetry::{self, Telemetry},
};

/// How long the last spans and log lines may take to leave.
const FLUSH: Duration = Duration::from_secs(3);

/// Runs a process: crypto, logs, tasks, signals, drain. `run` starts what the process is for and
/// returns once it works; then the process goes on until a signal asks it to stop or a task fails.
/// What `run` returns lives as long. SIGTERM or SIGINT drain; a second one, or the deadline, cuts.
///
/// Bad configuration is one sentence on stderr and [`exit::USAGE`], before anything is opened: so
/// `run` checks all of it first.
pub fn main<T>(
    name: &'static str,
    args: &ProcessArgs,
    run: impl AsyncFnOnce(Shell) -> Result<T, Error>,
) -> ExitCode {
    crate::fault::arm();
    let result = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name(name)
        .build()
        .map_err(|error| Arc::new(Error::internal(error)))
        .and_then(|runtime| {
            install_crypto();
            let result = runtime.block_on(live(name, args, run));
            // What was cut may still sit in a blocking call; the process does not wait for it.
            runtime.shutdown_background();
            result
        });
    match result {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            say(&format!("{name}: {error}"));
            ExitCode::from(error.exit_code())
        }
    }
}

/// Makes aws-lc-rs the crypto of every TLS connection. Doing it twice is fine.
pub fn install_crypto() {
    // An error only says that it is installed already.
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
}

async fn live<T>(
    name: &'static str,
    args: &ProcessArgs,
    run: impl AsyncFnOnce(Shell) -> Result<T, Error>,
) -> Result<u8, Arc<Error>> {
    let telemetry = telemetry::install(name, &args.log)?;
    let mut signals = Signals::new()?;
    let shell = Shell::new(name, Clock::real());
    let result = serve_until_asked(&shell, args, run, &mut signals).await;
    flush(telemetry).await;
    result
}

async fn serve_until_asked<T>(
    shell: &Shell,
    args: &ProcessArgs,
    run: impl AsyncFnOnce(Shell) -> Result<T, Error>,
    signals: &mut Signals,
) -> Result<u8, Arc<Error>> {
    let started = tokio::select! {
        biased;
        started = run(shell.clone()) => Some(started?),
        () = signals.next() => None,
        error = shell.failed() => return Err(error),
    };
    if started.is_some() {
        tokio::select! {
            () = signals.next() => tracing::info!("asked to stop"),
            _ = shell.failed() => {}
            // `run` may hand its shell to something that stops it.
            () = shell.stopping().cancelled_owned() => {}
        }
    }
    shell.stop();
    let drained = tokio::select! {
        drained = shell.drained(args.drain()) => drained,
        () = async { signals.next().await; shell.cut(); std::future::pending().await } => Ok(()),
    };
    drop(started);
    match (shell.failure(), drained) {
        (Some(error), _) => Err(error),
        (None, Ok(())) => Ok(exit::OK),
        (None, Err(tasks)) => {
            tracing::warn!(?tasks, "stopped, but not all had ended");
            Ok(exit::CUT)
        }
    }
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> Result<Self, Error> {
        let listen = |kind| signal(kind).map_err(Error::internal);
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

async fn flush(telemetry: Telemetry) {
    let flushed = tokio::task::spawn_blocking(move || telemetry.flush(FLUSH)).await;
    if flushed.is_err() {
        say("the last log lines were lost");
    }
}

#[expect(
    clippy::print_stderr,
    reason = "what ends a process must reach people without the logs"
)]
fn say(sentence: &str) {
    eprintln!("{sentence}");
}

#[cfg(test)]
mod tests;
