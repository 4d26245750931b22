//! Which service keeps a log, and how entries are named.

use std::{fmt, str::FromStr};

/// Why a text is not a name; reads on after the field's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be {0}")]
pub struct NoName(&'static str);

/// A service that keeps a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Service {
    /// Applications, versions, switches, gateways.
    Catalog,
    /// Tenants, provisionings, consent, app credentials.
    Provisioning,
    /// Inboxes, subscriptions, deliveries.
    Notification,
}

impl Service {
    /// All that keep one.
    pub const ALL: [Self; 3] = [Self::Catalog, Self::Provisioning, Self::Notification];

    /// Returns its name: the `catalog` of `services/catalog`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Catalog => "catalog",
            Self::Provisioning => "provisioning",
            Self::Notification => "notification",
        }
    }

    /// Finds a service by its name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|service| service.as_str() == name)
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "services/{}", self.as_str())
    }
}

impl FromStr for Service {
    type Err = NoName;

    fn from_str(text: &str) -> Result<Self, NoName> {
        text.strip_prefix("services/")
            .and_then(Self::named)
            .ok_or(NoName(
                "services/catalog, services/provisioning or services/notification",
            ))
    }
}

/// `services/{service}/auditEntries/{number}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EntryName {
    /// Whose log.
    pub service: Service,
    /// Which entry; 1 or more.
    pub number: i64,
}

impl fmt::Display for EntryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/auditEntries/{}", self.service, self.number)
    }
}

impl FromStr for EntryName {
    type Err = NoName;

    fn from_str(text: &str) -> Result<Self, NoName> {
        const WRONG: NoName = NoName("services/{service}/auditEntries/{number}");
        let (service, number) = text.split_once("/auditEntries/").ok_or(WRONG)?;
        let plain = number.bytes().all(|b| b.is_ascii_digit()) && !number.starts_with('0');
        let name = Self {
            service: service.parse()?,
            number: number.parse().map_err(|_| WRONG)?,
        };
        if plain { Ok(name) } else { Err(WRONG) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_has_one_name() {
        let name: EntryName = "services/catalog/auditEntries/12".parse().unwrap();
        assert_eq!(name.to_string(), "services/catalog/auditEntries/12");
        for text in [
            "services/catalog/auditEntries/0",
            "services/catalog/auditEntries/012",
            "services/catalog/auditEntries/+1",
            "services/catalog/auditEntries/",
            "services/gateway/auditEntries/1",
            "services/catalog/auditEntries/9223372036854775808",
            "catalog/auditEntries/1",
            "",
        ] {
            assert!(text.parse::<EntryName>().is_err(), "{text}");
        }
    }
}
