//! The command line: nouns, then verbs. What each verb takes is declared beside what it does.

use clap::{
    ArgMatches, Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand,
    builder::Resettable,
};

use crate::{
    commands::{
        apps, completions, credentials, deliveries, gateways, inbox, keys, provisionings, switches,
        tenants, versions,
    },
    connect::Options,
    error::Exit,
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

    /// Parses, or ends the process with help, the version, or what is wrong.
    pub fn get() -> Self {
        Self::of(&Self::grammar().get_matches())
    }

    /// Takes a command line that fits the grammar.
    pub fn of(matches: &ArgMatches) -> Self {
        Self::from_arg_matches(matches).unwrap_or_else(|error| error.exit())
    }
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
    /// Tenants: customers of the operator
    #[command(visible_alias = "tenant")]
    Tenants(Client<tenants::Command>),
    /// Which tenant may use which version
    #[command(visible_alias = "provisioning")]
    Provisionings(Client<provisionings::Command>),
    /// App credentials of versions
    #[command(visible_alias = "credential")]
    Credentials(Client<credentials::Command>),
    /// The operator's inbox, or a tenant's
    Inbox(Client<inbox::Command>),
    /// Mails on their way
    #[command(visible_alias = "delivery")]
    Deliveries(Client<deliveries::Command>),
    /// Gateways of the installation
    #[command(visible_alias = "gateway")]
    Gateways(Client<gateways::Command>),
    /// Keys by which callers prove who they are
    #[command(visible_alias = "key", subcommand)]
    Keys(keys::Command),
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
