//! The `switchover` command: a client of the services, the services themselves, and all of them at
//! once on one machine. A library, so that tests can parse and render without a process.

pub mod args;
pub mod cli;
pub mod commands;
pub mod connect;
pub mod dev;
mod dev_key;
pub mod error;
pub mod serve;
pub mod show;

use std::process::ExitCode;

use runtime::Clock;

pub use crate::{cli::Cli, error::Exit};
use crate::{
    cli::{Client, Command},
    commands::Verb,
    connect::{Options, Session},
    error::Error,
    show::{Colour, Form, Screen},
};

/// Does what the command line says and returns how it ended.
pub fn run(cli: Cli) -> ExitCode {
    let before = cli.before;
    match cli.command {
        Command::Apps(noun) => ask(noun, before),
        Command::Versions(noun) => ask(noun, before),
        Command::Switches(noun) => ask(noun, before),
        Command::Proposals(noun) => ask(noun, before),
        Command::Tenants(noun) => ask(noun, before),
        Command::Provisionings(noun) => ask(noun, before),
        Command::Credentials(noun) => ask(noun, before),
        Command::Tokens(noun) => ask(noun, before),
        Command::Inbox(noun) => ask(noun, before),
        Command::Deliveries(noun) => ask(noun, before),
        Command::Gateways(noun) => ask(noun, before),
        Command::Catalog(noun) => ask(noun, before),
        Command::Whoami(whoami) => {
            let options = whoami.options.clone().or(before);
            ask_with(whoami, &options)
        }
        Command::Audit(noun) => ask(noun, before),
        Command::Keys(verb) => {
            let screen = match verb.form() {
                Form::Json => Screen::new(Form::Json, Colour::Never, Clock::real()),
                Form::People => screen(&before),
            };
            end(verb.run(&screen), &screen)
        }
        Command::Mail(verb) => {
            let screen = match verb.form() {
                Form::Json => Screen::new(Form::Json, Colour::Never, Clock::real()),
                Form::People => screen(&before),
            };
            match verb.run(&screen) {
                Ok(None) => Exit::Ok.into(),
                Ok(Some(bounce)) => {
                    let options = bounce.options.clone().or(before);
                    ask_with(*bounce, &options)
                }
                Err(error) => end(Err(error), &screen),
            }
        }
        Command::VerifyHistory(verify) => {
            let screen = match verify.form() {
                Form::Json => Screen::new(Form::Json, Colour::Never, Clock::real()),
                Form::People => screen(&before),
            };
            end(verify.run(&screen), &screen)
        }
        Command::Completions(completions) => {
            let screen = screen(&before);
            end(completions.run(&screen), &screen)
        }
        Command::Serve(service) => serve::run(*service),
        Command::Dev(config) => dev::run(*config, &screen(&before)),
    }
}

fn screen(options: &Options) -> Screen {
    let colour = if options.no_color {
        Colour::Never
    } else {
        Colour::Auto
    };
    Screen::new(options.form(), colour, Clock::real())
}

fn ask<V: clap::Subcommand + Verb>(noun: Client<V>, before: Options) -> ExitCode {
    let options = noun.options.or(before);
    ask_with(noun.verb, &options)
}

fn ask_with(verb: impl Verb, options: &Options) -> ExitCode {
    let screen = screen(options);
    let result = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Error::from)
        .and_then(|runtime| {
            runtime.block_on(async {
                let session = Session::new(options, &Clock::real())?;
                verb.run(&session, &screen).await
            })
        });
    end(result, &screen)
}

fn end(result: Result<(), Error>, screen: &Screen) -> ExitCode {
    match result {
        Ok(()) => Exit::Ok.into(),
        Err(error) => {
            screen.error(&error);
            error.exit().into()
        }
    }
}
