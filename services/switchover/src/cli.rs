//! The command line: nouns, then verbs. What each verb takes is declared beside what it does.

use std::{env, ffi::OsString, process::ExitCode};

use clap::{
    ArgMatches, Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand,
    builder::Resettable,
};

use runtime::Clock;

use crate::{
    commands::{
        apps, audit, catalog, completions, credentials, deliveries, gateways, inbox, keys, mail,
        proposals, provisionings, switches, tenants, tokens, verify_history, versions, whoami,
    },
    connect::Options,
    dev,
    error::Exit,
    serve,
    show::{Colour, Form, Screen},
};

/// Upgrades multi-tenant applications while their users keep working
#[derive(Debug, Parser)]
#[command(name = "switchover", version, about, after_help = Exit::HELP, max_term_width = 110)]
#[command(disable_help_subcommand = true)]
pub struct Cli {
    /// Options that stand before the noun.
    #[command(flatten)]
    pub before: Options,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

impl Cli {
    /// Returns the command line's grammar.
    pub fn grammar() -> clap::Command {
        // Here the options hold for this level alone: a service's own flags of the same names are
        // other flags. Variables count behind the noun.
        let here = |arg: clap::Arg| arg.global(false).env(Resettable::Reset);
        Self::command().mut_args(here)
    }

    /// Parses, or says on the terminal what help was asked for or what is wrong, and returns the exit
    /// code for it. What starts services is told what is wrong in one sentence, like everything
    /// else that services are told wrongly.
    pub fn get() -> Result<Self, ExitCode> {
        let words: Vec<_> = env::args_os().collect();
        let mut grammar = Self::grammar();
        match grammar.try_get_matches_from_mut(&words) {
            Ok(matches) => Ok(Self::of(&matches)),
            Err(error) if error.use_stderr() && starts_services(&grammar, &words) => {
                let error = runtime::Error::Usage(sentence(&error));
                let screen = Screen::new(Form::People, Colour::Auto, Clock::real());
                screen.error(&error.into());
                Err(Exit::Configuration.into())
            }
            Err(error) => error.exit(),
        }
    }

    /// Takes a command line that fits the grammar.
    pub fn of(matches: &ArgMatches) -> Self {
        Self::from_arg_matches(matches).unwrap_or_else(|error| error.exit())
    }
}

/// Tells whether the command line is one of those that start services.
fn starts_services(grammar: &clap::Command, words: &[OsString]) -> bool {
    let noun = words
        .iter()
        .skip(1)
        .find(|word| grammar.find_subcommand(word).is_some());
    noun.is_some_and(|noun| noun == "serve" || noun == "dev")
}

/// Returns what is wrong with a command line, without the usage.
fn sentence(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let lines: Vec<_> = text
        .lines()
        .map(str::trim)
        .take_while(|line| !line.is_empty())
        .collect();
    let sentence = match lines.as_slice() {
        [only] => (*only).to_owned(),
        [head, items @ ..] => format!("{head} {}", items.join(", ")),
        [] => text.clone(),
    };
    sentence.trim_start_matches("error: ").to_owned()
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Applications: what tenants use
    #[command(visible_alias = "app")]
    Apps(Client<apps::Command>),
    /// Versions of an application: register to test, confirm, reactivate
    #[command(visible_alias = "version")]
    Versions(Client<versions::Command>),
    /// Switches from one version to another
    #[command(visible_alias = "switch")]
    Switches(Client<switches::Command>),
    /// Switches that wait for a second person: approve, reject
    #[command(visible_alias = "proposal")]
    Proposals(Client<proposals::Command>),
    /// Tenants: customers of the operator
    #[command(visible_alias = "tenant")]
    Tenants(Client<tenants::Command>),
    /// Which tenant may use which version
    #[command(visible_alias = "provisioning")]
    Provisionings(Client<provisionings::Command>),
    /// App credentials of versions
    #[command(visible_alias = "credential")]
    Credentials(Client<credentials::Command>),
    /// Access tokens of versions' backends
    #[command(visible_alias = "token")]
    Tokens(Client<tokens::Command>),
    /// The operator's inbox, or a tenant's
    Inbox(Client<inbox::Command>),
    /// Mails on their way
    #[command(visible_alias = "delivery")]
    Deliveries(Client<deliveries::Command>),
    /// Mails themselves: what they say, how they are signed
    #[command(subcommand)]
    Mail(Box<mail::Command>),
    /// Gateways of the installation
    #[command(visible_alias = "gateway")]
    Gateways(Client<gateways::Command>),
    /// The catalog itself: what to do once its database was restored from a backup
    Catalog(Client<catalog::Command>),
    /// The audit log: who changed what, and whether it is as it was written
    Audit(Client<audit::Command>),
    /// Who you are to the services, by the key or token that you give
    Whoami(whoami::Whoami),
    /// Keys by which callers prove who they are
    #[command(visible_alias = "key", subcommand)]
    Keys(keys::Command),
    /// Runs one service
    #[command(subcommand)]
    Serve(Box<serve::Command>),
    /// Runs everything on this machine, with a demonstration to play with
    Dev(Box<dev::Config>),
    /// Checks what clients saw: was the active version one register, did denials hold?
    VerifyHistory(verify_history::VerifyHistory),
    /// Writes completions for a shell
    Completions(completions::Completions),
}

/// A noun whose verbs ask services.
#[derive(Debug, Args)]
#[command(
    subcommand_required = true,
    arg_required_else_help = true,
    disable_help_subcommand = true
)]
pub struct Client<V: Subcommand> {
    /// Options that stand behind the noun.
    #[command(flatten)]
    pub options: Options,
    /// What to do with it.
    #[command(subcommand)]
    pub verb: V,
}

#[cfg(test)]
mod tests;
