//! `switchover whoami`

use clap::Args;
use proto::access::v1::GetCallerRequest;

use super::Verb;
use crate::{
    connect::{Options, Service, Session},
    error::Error,
    show::{Screen, caller},
};

/// Asks one of the services who calls.
#[derive(Debug, Args)]
pub struct Whoami {
    /// Where the services are, and who asks.
    #[command(flatten)]
    pub options: Options,
    /// The service to ask: each believes what it was told to
    #[arg(long, value_enum, default_value = "catalog", value_name = "SERVICE")]
    pub service: Service,
}

impl Verb for Whoami {
    async fn run(self, session: &Session, screen: &Screen) -> Result<(), Error> {
        let mut client = session.callers(self.service);
        let answer = session
            .ask(self.service, client.get_caller(GetCallerRequest {}))
            .await?;
        screen.answer(&answer, |view| {
            caller::told(answer.caller.as_ref().unwrap_or(&Default::default()), view)
        })
    }
}
