//! `switchover completions …`

use clap::{Args, ValueEnum};
use clap_complete::{Shell as Generator, generate};

use crate::{cli::Cli, error::Error, show::Screen};

/// Completions for a shell.
#[derive(Debug, Args)]
pub struct Completions {
    /// For which shell
    shell: Shell,
}

/// A shell.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Shell {
    /// `source <(switchover completions bash)`
    Bash,
    /// Into a folder of $fpath, as _switchover
    Zsh,
    /// `switchover completions fish | source`
    Fish,
}

impl Completions {
    /// Writes them.
    pub fn run(self, screen: &Screen) -> Result<(), Error> {
        let generator = match self.shell {
            Shell::Bash => Generator::Bash,
            Shell::Zsh => Generator::Zsh,
            Shell::Fish => Generator::Fish,
        };
        let mut script = Vec::new();
        generate(generator, &mut Cli::grammar(), "switchover", &mut script);
        screen.text(&String::from_utf8_lossy(&script))
    }
}
