//! Values of options: durations, status ranges, roles, contacts, icons, pages.

use std::{fs::File, io::Read as _, path::PathBuf, str::FromStr};

use clap::Args;
use contract::{EmailAddress, duration};
use jiff::SignedDuration;
use proto::{catalog::v1 as catalog, provisioning::v1 as provisioning};

use crate::error::Error;

/// A span such as `500ms`, `30s` or `1h30m`. Bounds are the service's to judge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Time(pub std::time::Duration);

impl Time {
    /// Returns it as the wire has it.
    pub fn wire(self) -> prost_types::Duration {
        duration::write(self.0)
    }
}

impl FromStr for Time {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let days = text
            .strip_suffix('d')
            .and_then(|days| days.parse::<i64>().ok());
        let days = days.and_then(|days| SignedDuration::try_from_hours(days.checked_mul(24)?));
        days.or_else(|| text.parse::<SignedDuration>().ok())
            .and_then(|span| std::time::Duration::try_from(span).ok())
            .map(Self)
            .ok_or_else(|| "give a duration such as 500ms, 30s, 1h30m or 7d".to_owned())
    }
}

/// `200` or `200-299`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Statuses {
    first: i32,
    last: i32,
}

impl Statuses {
    /// Returns it as the wire has it.
    pub fn wire(self) -> catalog::StatusRange {
        catalog::StatusRange {
            first: self.first,
            last: self.last,
        }
    }
}

impl FromStr for Statuses {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        match (first.trim().parse(), last.trim().parse()) {
            (Ok(first), Ok(last)) => Ok(Self { first, last }),
            (Err(_), _) | (_, Err(_)) => Err("give a status or a range, such as 200 or 200-299"),
        }
    }
}

/// `buyer=May order`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleArg {
    name: String,
    description: String,
}

impl RoleArg {
    /// Returns it as the wire has it.
    pub fn wire(self) -> catalog::Role {
        catalog::Role {
            name: self.name,
            description: self.description,
        }
    }
}

impl FromStr for RoleArg {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('=') {
            Some((name, description)) if !description.trim().is_empty() => Ok(Self {
                name: name.trim().to_owned(),
                description: description.trim().to_owned(),
            }),
            Some(_) | None => {
                Err("give a name and a description, such as buyer=\"May order and pay\"")
            }
        }
    }
}

/// `anna@example.org` or `anna@example.org=Anna Arendt`.
#[derive(Debug, Clone)]
pub struct Contact {
    email: EmailAddress,
    display_name: String,
}

impl Contact {
    /// Returns it as the wire has it.
    pub fn wire(self) -> provisioning::Contact {
        provisioning::Contact {
            email: self.email.to_string(),
            display_name: self.display_name,
        }
    }
}

impl FromStr for Contact {
    type Err = contract::NameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // An address may hold a `=` before its `@`, never behind it.
        let at = text.find('@').unwrap_or(0);
        let (email, name) = match text[at..].find('=') {
            Some(equals) => (&text[..at + equals], &text[at + equals + 1..]),
            None => (text, ""),
        };
        Ok(Self {
            email: email.trim().parse()?,
            display_name: name.trim().to_owned(),
        })
    }
}

/// A picture's file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Icon(PathBuf);

impl Icon {
    /// The most bytes that the catalog takes.
    const BYTES_MAX: u64 = 64 * 1024;

    /// Reads the file.
    pub fn load(&self) -> Result<catalog::Icon, Error> {
        let path = self.0.display();
        let extension = self.0.extension().and_then(|extension| extension.to_str());
        let media_type = match extension.map(str::to_ascii_lowercase).as_deref() {
            Some("png") => "image/png",
            Some("svg") => "image/svg+xml",
            Some(_) | None => {
                let message = format!("{path} is not an icon: its name must end in .png or .svg");
                return Err(Error::usage(message, None));
            }
        };
        let mut data = Vec::new();
        File::open(&self.0)
            .and_then(|file| file.take(Self::BYTES_MAX + 1).read_to_end(&mut data))
            .map_err(|error| Error::usage(format!("{path} cannot be read: {error}"), None))?;
        if data.len() as u64 > Self::BYTES_MAX {
            let message = format!("{path} is too large: an icon has at most 64 KiB");
            return Err(Error::usage(message, None));
        }
        Ok(catalog::Icon {
            media_type: media_type.to_owned(),
            data: data.into(),
        })
    }
}

impl FromStr for Icon {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.into()))
    }
}

/// Why something is done.
#[derive(Debug, Clone, Default, Args)]
pub struct Reason {
    /// Why, for the history
    #[arg(
        long,
        default_value = "",
        hide_default_value = true,
        value_name = "TEXT"
    )]
    pub reason: String,
}

/// Which part of a list.
#[derive(Debug, Clone, Args)]
pub struct Paging {
    /// How many at once
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(i32).range(1..=1000))]
    pub page_size: i32,
    /// Goes on where an answer ended
    #[arg(
        long,
        value_name = "TOKEN",
        default_value = "",
        hide_default_value = true
    )]
    pub page_token: String,
    /// Shows all pages
    #[arg(long)]
    pub all: bool,
}
