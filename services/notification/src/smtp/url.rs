//! Which mail server, and whether TLS protects the way to it.

use std::{fmt, net::IpAddr, str::FromStr};

/// How the way to the server is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protection {
    /// TLS from the first byte (`smtps://`).
    Tls,
    /// TLS after `STARTTLS`, or no mail (`smtp+starttls://`).
    StartTls,
    /// None (`smtp://`).
    Clear,
}

/// `smtps://host:port`, `smtp+starttls://host:port` or `smtp://host:port`. Names and passwords do not
/// belong into it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SmtpUrl {
    protection: Protection,
    host: Box<str>,
    port: u16,
}

impl SmtpUrl {
    /// Returns how the way to the server is protected.
    pub(crate) fn protection(&self) -> Protection {
        self.protection
    }

    /// Returns the server's name or address.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// Returns the server's port.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Tells whether nobody else can read along: by TLS, or because it is this machine.
    pub(crate) fn is_private(&self) -> bool {
        let local = &*self.host == "localhost"
            || self
                .host
                .parse::<IpAddr>()
                .is_ok_and(|address| address.is_loopback());
        local || self.protection != Protection::Clear
    }
}

/// The text is not the address of a mail server; it is not repeated, as it may hold a password.
#[derive(Debug, thiserror::Error)]
#[error("must be smtps://host:port, smtp+starttls://host:port or smtp://host:port")]
pub struct InvalidSmtpUrl;

impl FromStr for SmtpUrl {
    type Err = InvalidSmtpUrl;

    fn from_str(text: &str) -> Result<Self, InvalidSmtpUrl> {
        let (scheme, rest) = text.split_once("://").ok_or(InvalidSmtpUrl)?;
        let (protection, usual) = match scheme {
            "smtps" => (Protection::Tls, 465),
            "smtp+starttls" => (Protection::StartTls, 587),
            "smtp" => (Protection::Clear, 25),
            _ => return Err(InvalidSmtpUrl),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (host, port) = match rest.strip_prefix('[') {
            Some(v6) => {
                let (host, port) = v6.split_once(']').ok_or(InvalidSmtpUrl)?;
                host.parse::<std::net::Ipv6Addr>()
                    .map_err(|_| InvalidSmtpUrl)?;
                let port = match port {
                    "" => None,
                    port => Some(port.strip_prefix(':').ok_or(InvalidSmtpUrl)?),
                };
                (host, port)
            }
            None => match rest.split_once(':') {
                Some((host, port)) => (named(host)?, Some(port)),
                None => (named(rest)?, None),
            },
        };
        let port = match port {
            None => usual,
            Some(port) => port
                .parse()
                .ok()
                .filter(|p| *p != 0)
                .ok_or(InvalidSmtpUrl)?,
        };
        Ok(Self {
            protection,
            host: host.into(),
            port,
        })
    }
}

fn named(host: &str) -> Result<&str, InvalidSmtpUrl> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
    if (1..=253).contains(&host.len()) && host.chars().all(plain) {
        Ok(host)
    } else {
        Err(InvalidSmtpUrl)
    }
}

impl fmt::Display for SmtpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.protection {
            Protection::Tls => "smtps",
            Protection::StartTls => "smtp+starttls",
            Protection::Clear => "smtp",
        };
        if self.host.contains(':') {
            write!(f, "{scheme}://[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{scheme}://{}:{}", self.host, self.port)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_a_scheme_a_host_and_the_usual_port() {
        for (text, expected) in [
            ("smtps://mail.example.com", "smtps://mail.example.com:465"),
            (
                "smtp+starttls://mail.example.com/",
                "smtp+starttls://mail.example.com:587",
            ),
            ("smtp://127.0.0.1:1025", "smtp://127.0.0.1:1025"),
            ("smtp://[::1]", "smtp://[::1]:25"),
            ("smtp://[::1]:2525", "smtp://[::1]:2525"),
        ] {
            assert_eq!(text.parse::<SmtpUrl>().unwrap().to_string(), expected);
        }
    }

    #[test]
    fn passwords_and_nonsense_are_refused_without_being_repeated() {
        for text in [
            "",
            "mail.example.com",
            "http://x",
            "smtp://",
            "smtp://:25",
            "smtp://x:0",
            "smtp://x:99999",
            "smtp://x:",
            "smtps://ops:hunter2@mail.example.com",
            "smtp://[::1",
            "smtp://[x]",
            "smtp://[::1]25",
            "smtp://x/y",
            "smtp://x?tls=required",
        ] {
            let error = text.parse::<SmtpUrl>().unwrap_err().to_string();
            assert!(!error.contains("hunter2"), "{text:?}");
        }
    }
}
