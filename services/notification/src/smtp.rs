//! Hands a mail to the mail server, and says what came of it.
//!
//! lettre's own transport cannot be used whole: it waits without limit for answers, and does not tell
//! at which command a server refused. A refused login must not pass for a refused mail.

use std::{
    fmt,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use lettre::{
    address::Envelope,
    transport::smtp::{
        Error,
        authentication::{Credentials, Mechanism},
        client::{AsyncSmtpConnection, Certificate, TlsParameters},
        commands::{Data, Mail, Rcpt},
        extension::ClientId,
    },
};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::time::{Instant, timeout};

use crate::delivery::{Answer, Wait, Words};

mod connect;
#[cfg(test)]
pub(crate) mod stub;
mod url;

pub(crate) use url::Protection;
pub use url::{InvalidSmtpUrl, SmtpUrl};

/// The longest that a try may take, however long its claim is renewed.
pub(crate) const TRY_MAX: Duration = Duration::from_secs(14 * 60);
/// How long a connection is kept for the next mail. Servers close idle ones, some without a word
/// (lettre#743), so it is short, and each is asked before it is used again.
pub(crate) const IDLE_MAX: Duration = Duration::from_secs(5);
/// A connection that was used within this is used again without being asked first: a round trip less
/// for each mail while there are many.
const WARM_MAX: Duration = Duration::from_secs(1);
/// How long a goodbye may take.
const QUIT_MAX: Duration = Duration::from_secs(2);

/// How the server is spoken to.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// Which server.
    pub(crate) url: SmtpUrl,
    /// Certificates (PEM) that are trusted besides the system's.
    pub(crate) ca: Option<Vec<u8>>,
    /// Who logs in.
    pub(crate) login: Option<Login>,
    /// Idle connections that are kept.
    pub(crate) idle_max: usize,
    /// How long an answer to a command may take.
    pub(crate) command: Duration,
    /// How long the answer to a whole mail may take.
    pub(crate) taken: Duration,
}

/// A name and its password.
#[derive(Clone)]
pub(crate) struct Login {
    /// The name.
    pub(crate) user: String,
    /// The password.
    pub(crate) password: SecretString,
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Login(…)")
    }
}

/// The mail server, with the connections to it that are idle.
pub(crate) struct Relay {
    settings: Settings,
    tls: Option<TlsParameters>,
    idle: Mutex<Vec<(AsyncSmtpConnection, Instant)>>,
}

/// A try stopped before the server took the mail.
struct Stopped {
    stage: Stage,
    why: Why,
}

enum Why {
    Late,
    Socket(std::io::Error),
    Smtp(Error),
}

/// How far a try came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Connect,
    StartTls,
    Login,
    Sender,
    Recipient,
    Text,
    /// All of the text was sent, its end as well: the server may have taken it.
    Taken,
}

impl Relay {
    /// Prepares to speak to the server; does not connect yet.
    ///
    /// # Errors
    /// If the certificates cannot be read.
    pub(crate) fn new(settings: Settings) -> Result<Self, runtime::Error> {
        let wrong = |error: Error| runtime::Error::Usage(format!("--smtp-ca: {error}"));
        let tls = match settings.url.protection() {
            Protection::Clear => None,
            Protection::Tls | Protection::StartTls => {
                let mut tls = TlsParameters::builder(settings.url.host().to_owned());
                if let Some(pem) = &settings.ca {
                    tls = tls.add_root_certificate(Certificate::from_pem(pem).map_err(wrong)?);
                }
                Some(tls.build().map_err(wrong)?)
            }
        };
        Ok(Self {
            settings,
            tls,
            idle: Mutex::default(),
        })
    }

    /// Hands a mail over: one try, at most [`TRY_MAX`] long.
    pub(crate) async fn hand_over(&self, envelope: &Envelope, mail: &[u8]) -> Answer {
        match timeout(TRY_MAX, self.try_once(envelope, mail)).await {
            Ok(Ok(words)) => Answer::Taken(words),
            Ok(Err(stopped)) => stopped.answer(self.settings.command),
            Err(_late) => Answer::Later(
                Wait::Server,
                Words::new("The server was too slow as a whole."),
            ),
        }
    }

    async fn try_once(&self, envelope: &Envelope, mail: &[u8]) -> Result<Words, Stopped> {
        let (mut connection, unasked) = match self.kept().await {
            Some(kept) => kept,
            None => (self.connect().await?, false),
        };
        let mut sent = self.send(&mut connection, envelope, mail).await;
        if unasked && sent.as_ref().is_err_and(Stopped::is_goodbye) {
            // It was closed before it heard of this mail.
            part(connection).await;
            connection = self.connect().await?;
            sent = self.send(&mut connection, envelope, mail).await;
        }
        match &sent {
            Ok(_) => self.park(connection),
            // Who owes an answer would not answer a goodbye either.
            Err(Stopped { why: Why::Late, .. }) => drop(connection),
            Err(_) => part(connection).await,
        }
        sent
    }

    async fn send(
        &self,
        connection: &mut AsyncSmtpConnection,
        envelope: &Envelope,
        mail: &[u8],
    ) -> Result<Words, Stopped> {
        let limit = self.settings.command;
        let from = envelope.from().cloned();
        within(
            limit,
            Stage::Sender,
            connection.command(Mail::new(from, vec![])),
        )
        .await?;
        for recipient in envelope.to() {
            let command = Rcpt::new(recipient.clone(), vec![]);
            within(limit, Stage::Recipient, connection.command(command)).await?;
        }
        within(limit, Stage::Text, connection.command(Data)).await?;
        let taken = within(self.settings.taken, Stage::Taken, connection.message(mail)).await?;
        let said = taken.message().collect::<Vec<_>>().join(" ");
        Ok(Words::new(&format!("{} {said}", taken.code())))
    }

    /// Returns an idle connection that still answers, or was used a moment ago and is not asked.
    async fn kept(&self) -> Option<(AsyncSmtpConnection, bool)> {
        while let Some((mut connection, since)) = self.take_idle() {
            if since.elapsed() < WARM_MAX {
                return Some((connection, true));
            }
            let fresh = since.elapsed() < IDLE_MAX;
            if fresh
                && timeout(self.settings.command, connection.test_connected()).await == Ok(true)
            {
                return Some((connection, false));
            }
            part(connection).await;
        }
        None
    }

    async fn connect(&self) -> Result<AsyncSmtpConnection, Stopped> {
        let Settings {
            url,
            login,
            command: limit,
            ..
        } = &self.settings;
        let hello = ClientId::default();
        let wrapped = match url.protection() {
            Protection::Tls => self.tls.clone(),
            Protection::StartTls | Protection::Clear => None,
        };
        let connect = connect::open(&self.settings, wrapped, &hello);
        let mut connection = match timeout(*limit * 2, connect).await {
            Ok(opened) => opened,
            Err(_late) => Err(Why::Late),
        }
        .map_err(|why| Stopped {
            stage: Stage::Connect,
            why,
        })?;
        if let (Protection::StartTls, Some(tls)) = (url.protection(), &self.tls) {
            within(
                *limit * 2,
                Stage::StartTls,
                connection.starttls(tls.clone(), &hello),
            )
            .await?;
        }
        if let Some(Login { user, password }) = login {
            let credentials = Credentials::new(user.clone(), password.expose_secret().to_owned());
            let mechanisms = [Mechanism::Plain, Mechanism::Login];
            within(
                *limit * 2,
                Stage::Login,
                connection.auth(&mechanisms, &credentials),
            )
            .await?;
        }
        Ok(connection)
    }

    fn take_idle(&self) -> Option<(AsyncSmtpConnection, Instant)> {
        self.idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop()
    }

    fn park(&self, connection: AsyncSmtpConnection) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < self.settings.idle_max {
            idle.push((connection, Instant::now()));
        }
    }

    /// Says goodbye on connections that were idle for too long.
    pub(crate) async fn close_idle(&self) {
        self.close_older(IDLE_MAX).await;
    }

    /// Says goodbye on all idle connections.
    pub(crate) async fn close(&self) {
        self.close_older(Duration::ZERO).await;
    }

    async fn close_older(&self, age: Duration) {
        let old: Vec<_> = {
            let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
            idle.extract_if(.., |(_, since)| since.elapsed() >= age)
                .collect()
        };
        for (connection, _) in old {
            part(connection).await;
        }
    }
}

/// Says goodbye; a server that does not answer is left without.
async fn part(mut connection: AsyncSmtpConnection) {
    let answered = timeout(QUIT_MAX, connection.abort()).await.is_ok();
    tracing::trace!(answered, "left the mail server");
}

async fn within<T>(
    limit: Duration,
    stage: Stage,
    work: impl Future<Output = Result<T, Error>>,
) -> Result<T, Stopped> {
    match timeout(limit, work).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(Stopped {
            stage,
            why: Why::Smtp(error),
        }),
        Err(_late) => Err(Stopped {
            stage,
            why: Why::Late,
        }),
    }
}

impl Stage {
    fn as_str(self) -> &'static str {
        match self {
            Self::Connect => "while connecting",
            Self::StartTls => "while starting TLS",
            Self::Login => "at the login",
            Self::Sender => "at the sender",
            Self::Recipient => "at the recipient",
            Self::Text => "before the text",
            Self::Taken => "after the text, so it may have taken the mail",
        }
    }

    /// Tells whether what goes wrong here goes wrong for every mail.
    fn is_of_server(self) -> bool {
        matches!(self, Self::Connect | Self::StartTls | Self::Login)
    }
}

/// Answers that mean the server as a whole, whatever was asked: it closes, or wants a login first
/// (RFC 5321 section 3.8, RFC 4954 section 6).
const OF_SERVER: [&str; 5] = ["421", "530", "534", "535", "538"];

impl Stopped {
    /// Tells whether the server had closed before it was told anything of the mail.
    fn is_goodbye(&self) -> bool {
        let closed = |error: &Error| match error.status() {
            None => true,
            Some(code) => code.to_string() == "421",
        };
        matches!(self, Self { stage: Stage::Sender, why: Why::Smtp(error) } if closed(error))
    }

    /// Server trouble is tried again, whatever its code: the mail is not at fault. A mail that is
    /// refused with a 5xx is refused for good.
    fn answer(self, limit: Duration) -> Answer {
        let stage = self.stage.as_str();
        match self.why {
            Why::Late => Answer::Later(
                Wait::Server,
                Words::new(&format!(
                    "The server did not answer within {} s {stage}.",
                    limit.as_secs()
                )),
            ),
            Why::Socket(error) => Answer::Later(
                Wait::Server,
                Words::new(&format!("No answer {stage}: {}.", innermost(&error))),
            ),
            Why::Smtp(error) => {
                let Some(code) = error.status().map(|code| code.to_string()) else {
                    let cause = innermost(&error);
                    return Answer::Later(
                        Wait::Server,
                        Words::new(&format!("No answer {stage}: {cause}.")),
                    );
                };
                let said = std::error::Error::source(&error)
                    .map(ToString::to_string)
                    .unwrap_or_default();
                let of_server = self.stage.is_of_server() || OF_SERVER.contains(&code.as_str());
                let words = Words::new(&format!("{code} {said}"));
                match (of_server, error.is_permanent()) {
                    (true, _) => Answer::Later(Wait::Server, words),
                    (false, true) => Answer::Never(words),
                    (false, false) => Answer::Later(Wait::Recipient, words),
                }
            }
        }
    }
}

fn innermost(error: &dyn std::error::Error) -> String {
    std::iter::successors(Some(error), |error| error.source())
        .last()
        .map(|error| error.to_string().trim_end_matches('.').to_owned())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests;
