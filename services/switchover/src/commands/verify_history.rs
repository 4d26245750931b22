//! `switchover verify-history …`: asks no service.

use std::{
    fs::{self, File},
    io::BufReader,
    path::PathBuf,
    time::Instant,
};

use clap::Args;
use history::History;

use crate::{
    error::Error,
    show::{Form, Screen, history::Checked},
};

const BUFFER_BYTES: usize = 1 << 20;

/// Checks a history that clients wrote down.
#[derive(Debug, Args)]
#[command(after_help = history::FORMAT)]
pub struct VerifyHistory {
    /// The history, in the format below
    #[arg(value_name = "FILE")]
    path: PathBuf,
    /// Shows at most so many contradictions; all are counted
    #[arg(long, value_name = "COUNT", default_value_t = 10)]
    show: usize,
    /// Writes JSON
    #[arg(long)]
    json: bool,
}

impl VerifyHistory {
    /// Returns for whom the output is.
    pub fn form(&self) -> Form {
        if self.json { Form::Json } else { Form::People }
    }

    /// Reads, checks and shows.
    pub fn run(self, screen: &Screen) -> Result<(), Error> {
        let start = Instant::now();
        let wrong = |error| Error::History {
            path: self.path.display().to_string(),
            error,
        };
        let file = File::open(&self.path).map_err(|error| wrong(error.into()))?;
        let history = History::read(BufReader::with_capacity(BUFFER_BYTES, file)).map_err(wrong)?;
        let verdict = history.check(self.show);
        let checked = Checked {
            verdict,
            seconds: start.elapsed().as_secs_f64(),
            peak_memory_bytes: peak_memory_bytes(),
        };
        let text = match screen.form() {
            Form::People => checked.people(&screen.view()),
            Form::Json => format!("{}\n", checked.json()),
        };
        screen.text(&text)?;
        if checked.verdict.contradictions == 0 {
            Ok(())
        } else {
            Err(Error::Contradicted)
        }
    }
}

/// Returns the most memory that this process has had, where the system tells (proc(5), `VmHWM`).
fn peak_memory_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}
