//! How the notification service is set up.

use std::{fmt, fs, net::SocketAddr, path::PathBuf, str::FromStr, time::Duration};

use clap::Args;
use contract::{EmailAddress, Language, Line};
use runtime::{Error, ServiceArgs};
use secrecy::SecretString;
use store::DatabaseUrl;

use crate::{
    dkim::{Key as DkimKey, KeyFile as DkimKeyFile, Signer},
    look::LookArgs,
    notice::{DisplayName, Token},
    retention::RetentionArgs,
    smtp::{Login, Settings, SmtpUrl},
};

/// Where the service listens unless told otherwise.
pub const LISTEN: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 7103);

/// How the notification service is set up.
#[derive(Debug, Clone, Args)]
pub struct Config {
    /// How it is reached.
    #[command(flatten)]
    pub service: ServiceArgs,
    /// Its database: sqlite:PATH, or postgres://user@host/database.
    #[arg(
        long,
        env = "SWITCHOVER_DATABASE",
        value_name = "URL",
        default_value = "sqlite:notification.db"
    )]
    pub database: DatabaseUrl,
    /// Where mails go.
    #[command(flatten)]
    pub smtp: SmtpArgs,
    /// Whom mails come from: `Name <address>`, or an address alone.
    #[arg(long, env = "SWITCHOVER_MAIL_FROM", value_name = "MAILBOX")]
    pub mail_from: MailFrom,
    /// A key that signs mails with DKIM, as SELECTOR=FILE, for the domain that they come from; give it
    /// again to sign with RSA and Ed25519. `switchover mail dkim-record` says what to write into DNS.
    #[arg(
        long,
        env = "SWITCHOVER_DKIM_KEY",
        value_name = "SELECTOR=FILE",
        value_delimiter = ','
    )]
    pub dkim_key: Vec<DkimKeyFile>,
    /// Address of the operator's people that are told of denials and switches; give it again for more.
    #[arg(
        long,
        env = "SWITCHOVER_OPERATOR_MAIL",
        value_name = "ADDRESS",
        value_delimiter = ','
    )]
    pub operator_mail: Vec<EmailAddress>,
    /// What the operator is called in mails; at most 100 characters.
    #[arg(long, env = "SWITCHOVER_OPERATOR_NAME", value_name = "NAME")]
    pub operator_name: DisplayName,
    /// How mails look.
    #[command(flatten)]
    pub look: LookArgs,
    /// Where links in mails lead: the gateways' edge as people reach it.
    #[arg(long, env = "SWITCHOVER_EDGE_URL", value_name = "URL")]
    pub edge_url: EdgeUrl,
    /// File with the key that seals mails until they are sent; made if missing. Beside the database unless
    /// said, which only SQLite has a place for.
    #[arg(long, env = "SWITCHOVER_SEAL_KEY", value_name = "PATH")]
    pub seal_key: Option<PathBuf>,
    /// For how long what is kept.
    #[command(flatten)]
    pub keep: RetentionArgs,
    /// Mails that this process sends at the same time.
    #[arg(long, env = "SWITCHOVER_SENDS_IN_FLIGHT", default_value_t = 8, value_parser = clap::value_parser!(u8).range(1..=64))]
    pub sends_in_flight: u8,
    /// Mails of those that go to one domain; fewer than in all, so that a slow one delays nobody else. Each
    /// process counts its own: with two of them a domain gets twice as many
    #[arg(long, env = "SWITCHOVER_SENDS_TO_DOMAIN", default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=64))]
    pub sends_to_domain: u8,
}

/// Which server takes mails, and how it is spoken to.
#[derive(Debug, Clone, Args)]
pub struct SmtpArgs {
    /// The server: smtps://host (TLS from the start), smtp+starttls://host (TLS or nothing), or
    /// smtp://host:port (no TLS: on this machine, or with --smtp-insecure).
    #[arg(long = "smtp", env = "SWITCHOVER_SMTP", value_name = "URL")]
    pub url: SmtpUrl,
    /// Speak to another machine without TLS. Whoever is on the way reads and changes mails.
    #[arg(long = "smtp-insecure", env = "SWITCHOVER_SMTP_INSECURE")]
    pub insecure: bool,
    /// File with certificates (PEM) that are trusted besides the system's.
    #[arg(long = "smtp-ca", env = "SWITCHOVER_SMTP_CA", value_name = "PATH")]
    pub ca: Option<PathBuf>,
    /// Who logs in; nobody if not given.
    #[arg(
        long = "smtp-user",
        env = "SWITCHOVER_SMTP_USER",
        value_name = "NAME",
        requires = "password_file"
    )]
    pub user: Option<String>,
    /// File with the password, and nothing else in it.
    #[arg(
        long = "smtp-password-file",
        env = "SWITCHOVER_SMTP_PASSWORD_FILE",
        value_name = "PATH"
    )]
    pub password_file: Option<PathBuf>,
    /// Idle connections that are kept for the next mail, for a few seconds.
    #[arg(long = "smtp-connections", env = "SWITCHOVER_SMTP_CONNECTIONS", default_value_t = 8, value_parser = clap::value_parser!(u8).range(0..=64))]
    pub connections: u8,
    /// Seconds that the server may take for a command.
    #[arg(long = "smtp-timeout-seconds", env = "SWITCHOVER_SMTP_TIMEOUT_SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=120))]
    pub timeout_seconds: u64,
    /// Seconds that the server may take to say whether it took a mail. Who waits too short sends twice
    /// (RFC 5321 section 4.5.3.2.6).
    #[arg(long = "smtp-taken-seconds", env = "SWITCHOVER_SMTP_TAKEN_SECONDS", default_value_t = 600, value_parser = clap::value_parser!(u64).range(1..=600))]
    pub taken_seconds: u64,
}

impl SmtpArgs {
    /// How one speaks to a server unless something else is wanted.
    pub fn to(url: SmtpUrl) -> Self {
        Self {
            url,
            insecure: false,
            ca: None,
            user: None,
            password_file: None,
            connections: 8,
            timeout_seconds: 60,
            taken_seconds: 600,
        }
    }

    /// Reads the files and refuses what would send mails in the clear.
    pub(crate) fn settings(&self) -> Result<Settings, Error> {
        if !self.insecure && !self.url.is_private() {
            return Err(Error::Usage(format!(
                "{} leads to another machine without TLS: use smtps:// or smtp+starttls://, or say --smtp-insecure",
                self.url
            )));
        }
        let ca = self
            .ca
            .as_ref()
            .map(|path| fs::read(path).map_err(|error| Error::file(path, error)))
            .transpose()?;
        let login = match (&self.user, &self.password_file) {
            (Some(user), Some(path)) => {
                let text = fs::read_to_string(path).map_err(|error| Error::file(path, error))?;
                let password = SecretString::from(text.trim_end_matches(['\r', '\n']).to_owned());
                Some(Login {
                    user: user.clone(),
                    password,
                })
            }
            (Some(_), None) => {
                return Err(Error::Usage(
                    "--smtp-user needs --smtp-password-file".to_owned(),
                ));
            }
            (None, _) => None,
        };
        Ok(Settings {
            url: self.url.clone(),
            ca,
            login,
            idle_max: usize::from(self.connections),
            command: Duration::from_secs(self.timeout_seconds),
            taken: Duration::from_secs(self.taken_seconds),
        })
    }
}

impl Config {
    /// Reads the keys that sign mails.
    pub(crate) fn signer(&self) -> Result<Signer, Error> {
        let keys = self.dkim_key.iter().map(DkimKey::load);
        let keys = keys.collect::<Result<_, _>>()?;
        Ok(Signer::new(self.mail_from.address.domain(), keys))
    }

    /// Returns where the sealing key is.
    pub(crate) fn seal_path(&self) -> Result<PathBuf, Error> {
        if let Some(path) = &self.seal_key {
            return Ok(path.clone());
        }
        let database = self.database.to_string();
        let file = database.strip_prefix("sqlite:").ok_or_else(|| {
            Error::Usage(
                "--seal-key is needed: all processes on this database share one key".to_owned(),
            )
        })?;
        Ok(PathBuf::from(file).with_extension("key"))
    }
}

/// Whom mails come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailFrom {
    /// Shown to people.
    pub display_name: Option<DisplayName>,
    /// Also where a mail server reports what it could not deliver.
    pub address: EmailAddress,
}

impl FromStr for MailFrom {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, address) = match text
            .trim()
            .strip_suffix('>')
            .and_then(|t| t.rsplit_once('<'))
        {
            Some((name, address)) => (name.trim().trim_matches('"').trim(), address.trim()),
            None => ("", text.trim()),
        };
        let display_name = match name {
            "" => None,
            name => Some(
                name.parse::<Line<100>>()
                    .map_err(|error| format!("its name {error}"))?,
            ),
        };
        let address = address
            .parse()
            .map_err(|error: contract::NameError| error.to_string())?;
        Ok(Self {
            display_name,
            address,
        })
    }
}

impl fmt::Display for MailFrom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.display_name {
            Some(name) => write!(f, "{name} <{}>", self.address),
            None => self.address.fmt(f),
        }
    }
}

/// Where links in mails lead: `http` or `https`, host, perhaps a port and a path; at most 200 characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EdgeUrl(Box<str>);

impl EdgeUrl {
    const MAX: usize = 200;

    /// Makes it longer than any that is taken.
    #[cfg(test)]
    pub(crate) fn lengthen(&mut self, bytes: usize) {
        self.0 = format!("{}/{}", self.0, "x".repeat(bytes)).into();
    }

    /// Returns the address at which the reader of a mail wants no more like it. The page goes on in the
    /// mail's language.
    pub(crate) fn unsubscribe(&self, token: &str, language: Language) -> String {
        format!("{}/unsubscribe/{token}?lang={language}", self.0)
    }

    /// Returns the address of the consent page for a token. The page goes on in the mail's language.
    pub(crate) fn consent(&self, token: &Token, language: Language) -> String {
        format!("{}/consent/{}?lang={language}", self.0, token.expose())
    }
}

impl FromStr for EdgeUrl {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        const WRONG: &str = "must be http://host or https://host, perhaps with a port and a path, of at most 200 characters";
        let text = text.trim_end_matches('/');
        let rest = text
            .strip_prefix("https://")
            .or_else(|| text.strip_prefix("http://"))
            .ok_or(WRONG)?;
        let host = rest.split('/').next().unwrap_or_default();
        let plain = |c: char| c.is_ascii_alphanumeric() || "-._~:/[]".contains(c);
        if text.len() <= Self::MAX && !host.is_empty() && rest.chars().all(plain) {
            Ok(Self(text.into()))
        } else {
            Err(WRONG)
        }
    }
}

impl fmt::Display for EdgeUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        config: Config,
    }

    fn parse(more: &[&str]) -> Result<Config, clap::Error> {
        let smtp = ["--smtp=smtp://127.0.0.1:25"];
        let smtp = if more.contains(&"--smtp") {
            &[][..]
        } else {
            &smtp
        };
        let least = [
            "notification",
            "--mail-from=Ops <ops@example.com>",
            "--operator-name=Example Ops",
            "--edge-url=https://example.com",
        ];
        Command::try_parse_from(least.iter().chain(smtp).chain(more)).map(|command| command.config)
    }

    #[test]
    fn what_need_not_be_said_has_a_value_that_works() {
        let config = parse(&[]).unwrap();
        assert!(config.sends_to_domain < config.sends_in_flight);
        assert_eq!(
            config.smtp.settings().unwrap().taken,
            Duration::from_secs(600)
        );
        assert_eq!(
            config.seal_path().unwrap(),
            PathBuf::from("notification.key")
        );
        assert!(config.operator_mail.is_empty());
    }

    #[test]
    fn the_operator_may_have_several_addresses() {
        let config = parse(&[
            "--operator-mail=a@example.com",
            "--operator-mail=b@example.com",
        ])
        .unwrap();
        assert_eq!(config.operator_mail.len(), 2);
    }

    #[test]
    fn mails_leave_this_machine_in_the_clear_only_if_somebody_says_so() {
        let settings = |more: &[&str]| parse(more).unwrap().smtp.settings();
        for private in [
            "smtp://localhost:25",
            "smtp://127.0.0.2",
            "smtp://[::1]:25",
            "smtps://mail.example.com",
            "smtp+starttls://mail.example.com",
        ] {
            assert!(settings(&["--smtp", private]).is_ok(), "{private}");
        }
        let refused = settings(&["--smtp", "smtp://mail.example.com"]).unwrap_err();
        assert_eq!(refused.exit_code(), runtime::exit::USAGE);
        assert!(settings(&["--smtp", "smtp://mail.example.com", "--smtp-insecure"]).is_ok());
    }

    #[test]
    fn a_password_comes_from_a_file_and_is_never_shown() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "hunter2\n").unwrap();
        let path = file.path().to_str().unwrap();
        let settings = parse(&["--smtp-user=ops", "--smtp-password-file", path])
            .unwrap()
            .smtp
            .settings()
            .unwrap();
        assert!(settings.login.is_some());
        assert!(!format!("{settings:?}").contains("hunter2"));
        assert!(parse(&["--smtp-user=ops"]).is_err());
    }

    #[test]
    fn a_shared_database_needs_a_shared_key() {
        let config = parse(&["--database=postgres://ops@db/main"]).unwrap();
        assert_eq!(
            config.seal_path().unwrap_err().exit_code(),
            runtime::exit::USAGE
        );
    }

    #[test]
    fn a_sender_is_a_name_and_an_address() {
        for (text, expected) in [
            ("Ops <ops@example.com>", "Ops <ops@example.com>"),
            (
                "\"Example, Ops\" <ops@example.com>",
                "Example, Ops <ops@example.com>",
            ),
            ("ops@example.com", "ops@example.com"),
            ("<ops@example.com>", "ops@example.com"),
        ] {
            assert_eq!(text.parse::<MailFrom>().unwrap().to_string(), expected);
        }
        for text in [
            "",
            "Ops",
            "Ops <>",
            "O\nps <ops@example.com>",
            "O\0ps <ops@example.com>",
            "a <b@c.d> <e@f.g>x",
        ] {
            assert!(text.parse::<MailFrom>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn links_lead_to_one_web_address_and_say_the_language_of_their_mail() {
        let token: Token = "a".repeat(43).parse().unwrap();
        let edge: EdgeUrl = "https://edge.example.com:8081/so/".parse().unwrap();
        assert_eq!(
            edge.consent(&token, Language::German),
            format!(
                "https://edge.example.com:8081/so/consent/{}?lang=de",
                "a".repeat(43)
            )
        );
        for text in [
            "",
            "edge.example.com",
            "ftp://x",
            "https://",
            "https:///x",
            "https://x?y",
            "https://x/#y",
            "https://x y",
            "https://a@b",
            "https://\u{fc}.example",
        ] {
            assert!(text.parse::<EdgeUrl>().is_err(), "{text:?}");
        }
    }
}
