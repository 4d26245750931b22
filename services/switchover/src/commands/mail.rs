//! `switchover mail …`

use std::{
    fs,
    io::{self, Read as _},
    path::PathBuf,
};

use clap::{Args, Subcommand};
use contract::EmailAddress;
use notification::{DisplayName, DkimKey, DkimKeyFile, LookArgs};
use proto::notification::v1::ReportBounceRequest;

use super::{Verb, present};
use crate::{
    connect::{Options, Service::Notification, Session},
    error::Error,
    show::{
        self, Form, Screen,
        mail::{Previewed, Recorded, Written},
    },
};

/// Bytes of a report that are read: one more than is taken, to tell.
const REPORT_MAX: u64 = 1024 * 1024 + 1;
/// Characters of a server's words that are sent on; fewer are kept.
const DIAGNOSTIC_CHARS_MAX: usize = 4000;

/// What to do with mails.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Shows what mails say and look like, with made-up names
    Preview(Preview),
    /// Says what to write into DNS so that others can check the signatures of mails
    DkimRecord(DkimRecord),
    /// Notes that a mail came back: reads a mail server's report (RFC 3464) from standard input
    Bounce(Box<Bounce>),
}

/// Which mail came back.
#[derive(Debug, Args)]
pub struct Bounce {
    /// Options that stand behind the verb.
    #[command(flatten)]
    pub options: Options,
    /// The mail's Message-ID, where somebody else has read the report
    #[arg(long, value_name = "ID", requires = "reason")]
    message_id: Option<notification::MessageId>,
    /// What the other server said, together with --message-id
    #[arg(long, value_name = "TEXT", requires = "message_id")]
    reason: Option<String>,
}

impl Verb for Bounce {
    async fn run(self, session: &Session, screen: &Screen) -> Result<(), Error> {
        let (message_id, diagnostic) = match (self.message_id, self.reason) {
            (Some(message_id), Some(reason)) => (message_id, reason),
            (None, None) | (Some(_), None) | (None, Some(_)) => {
                let mut report = Vec::new();
                io::stdin()
                    .lock()
                    .take(REPORT_MAX)
                    .read_to_end(&mut report)?;
                let bounce = notification::read_bounce(&report).map_err(|error| {
                    let hint = "Give the whole mail as it is in the mailbox, or --message-id and --reason.";
                    Error::usage(error, Some(hint.to_owned()))
                })?;
                (bounce.message_id, bounce.diagnostic)
            }
        };
        let request = ReportBounceRequest {
            message_id: message_id.to_string(),
            diagnostic: plain(&diagnostic),
        };
        let answer = session
            .ask(Notification, session.deliveries().report_bounce(request))
            .await?;
        let delivery = present(session, answer.delivery.clone())?;
        screen.answer(&answer, |view| {
            show::notification::delivery(&delivery, view)
        })
    }
}

/// Returns foreign words as the service takes them: on one line, and not endless.
fn plain(text: &str) -> String {
    let visible = |c: char| if c.is_control() { ' ' } else { c };
    text.chars()
        .map(visible)
        .take(DIAGNOSTIC_CHARS_MAX)
        .collect()
}

/// Which mails, and how they look.
#[derive(Debug, Args)]
pub struct Preview {
    /// Only this template, such as deny_offered; all if left out
    template: Option<String>,
    /// What the operator is called
    #[arg(
        long,
        env = "SWITCHOVER_OPERATOR_NAME",
        value_name = "NAME",
        default_value = "Example Operations"
    )]
    operator_name: DisplayName,
    /// How mails look.
    #[command(flatten)]
    look: LookArgs,
    /// Writes NAME.html and NAME.txt into this folder, made if missing
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Writes JSON, one mail a line
    #[arg(long)]
    json: bool,
}

/// Which key, for whose mails.
#[derive(Debug, Args)]
pub struct DkimRecord {
    /// The key, as the service is told it: SELECTOR=FILE; give it again for more
    #[arg(
        long = "dkim-key",
        env = "SWITCHOVER_DKIM_KEY",
        value_name = "SELECTOR=FILE",
        value_delimiter = ',',
        required = true
    )]
    keys: Vec<DkimKeyFile>,
    /// Whom mails come from: an address, of which the domain counts
    #[arg(long, env = "SWITCHOVER_MAIL_FROM", value_name = "MAILBOX")]
    mail_from: notification::MailFrom,
    /// Writes JSON
    #[arg(long)]
    json: bool,
}

impl Command {
    /// Returns for whom the output is.
    pub fn form(&self) -> Form {
        match self {
            Self::Preview(Preview { json: true, .. })
            | Self::DkimRecord(DkimRecord { json: true, .. }) => Form::Json,
            Self::Bounce(bounce) => bounce.options.form(),
            Self::Preview(_) | Self::DkimRecord(_) => Form::People,
        }
    }

    /// Does what asks no service; returns what does.
    pub fn run(self, screen: &Screen) -> Result<Option<Box<Bounce>>, Error> {
        match self {
            Self::Preview(preview) => preview.run(screen).map(|()| None),
            Self::DkimRecord(record) => record.run(screen).map(|()| None),
            Self::Bounce(bounce) => Ok(Some(bounce)),
        }
    }
}

impl Preview {
    fn run(self, screen: &Screen) -> Result<(), Error> {
        let all = notification::previews(self.operator_name, &self.look)?;
        let names: Vec<_> = all.iter().map(|one| one.name.clone()).collect();
        let wanted = |name: &str| match &self.template {
            None => true,
            Some(template) => {
                let turn = name.strip_prefix(template.as_str());
                turn.is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
            }
        };
        let chosen: Vec<_> = all.into_iter().filter(|one| wanted(&one.name)).collect();
        if chosen.is_empty() {
            let template = self.template.unwrap_or_default();
            return Err(Error::usage(
                format!("there is no template {}", contract::text::quoted(&template)),
                Some(format!("Templates are: {}", names.join(", "))),
            ));
        }
        match self.out {
            None => screen.made(&Previewed(&chosen)),
            Some(folder) => {
                let mut files = Vec::new();
                fs::create_dir_all(&folder)
                    .map_err(|error| runtime::Error::file(&folder, error))?;
                for mail in &chosen {
                    let text = format!("Subject: {}\n\n{}", mail.subject, mail.text);
                    for (end, content) in [("html", mail.html.as_str()), ("txt", text.as_str())] {
                        let path = folder.join(format!("{}.{end}", mail.name));
                        fs::write(&path, content)
                            .map_err(|error| runtime::Error::file(&path, error))?;
                        files.push(path);
                    }
                }
                screen.made(&Written(&files))
            }
        }
    }
}

impl DkimRecord {
    fn run(self, screen: &Screen) -> Result<(), Error> {
        let address: &EmailAddress = &self.mail_from.address;
        let records = self
            .keys
            .iter()
            .map(|file| DkimKey::load(file).map(|key| key.record(address.domain())))
            .collect::<Result<Vec<_>, _>>()?;
        screen.made(&Recorded(&records))
    }
}
