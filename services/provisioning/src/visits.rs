//! Visits of links that look like a machine's: they press nothing, and the operator can see them. What
//! a person does is kept as a decision, and nothing else of it.

use jiff::Timestamp;

use crate::{
    consent::decide::Origin,
    error::Error,
    offer_token,
    service::Service,
    store::{
        offers,
        visits::{self, Act},
    },
};

/// What programs that fetch links call themselves, in part and in lower case.
const PROGRAMS: [&str; 18] = [
    "bot",
    "crawl",
    "spider",
    "scan",
    "preview",
    "safelinks",
    "proofpoint",
    "mimecast",
    "barracuda",
    "urldefense",
    "curl",
    "wget",
    "python",
    "headless",
    "monitor",
    "java/",
    "go-http",
    "okhttp",
];

/// Visits of one provisioning from different places that are kept.
pub(crate) const KEPT_MAX: i64 = 100;

/// A visit as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Visit {
    /// From where.
    pub(crate) origin: Origin,
    /// Only the page's head was asked for, which no browser of a person does.
    pub(crate) head: bool,
}

/// Visits from one place, by one program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    /// From where, and what it calls itself.
    pub(crate) origin: Origin,
    /// When it came first.
    pub(crate) first_at: Timestamp,
    /// When it came last.
    pub(crate) last_at: Timestamp,
    /// How often it opened the page.
    pub(crate) opened: i64,
    /// How often it sent a form that no person sends.
    pub(crate) sent: i64,
}

impl Visit {
    /// Tells whether it looks like a machine's.
    fn is_a_programs(&self) -> bool {
        let name = self.origin.user_agent.to_ascii_lowercase();
        let known = PROGRAMS.iter().any(|program| name.contains(program));
        self.head || name.is_empty() || known
    }
}

/// Keeps that a page was opened, if it looks like a machine's visit.
pub(crate) async fn opened(service: &Service, token: &str, visit: &Visit) -> Result<(), Error> {
    // Whoever says nothing of where a visit comes from is no page of ours.
    if visit.origin.address.is_empty() || !visit.is_a_programs() {
        return Ok(());
    }
    note(service, token, &visit.origin, Act::Opened).await
}

/// Keeps that a form was sent which no person sends: at once, or without the word. Other refusals say
/// nothing of who sent it.
pub(crate) async fn refused(
    service: &Service,
    token: &str,
    origin: &Origin,
    why: &Error,
) -> Result<(), Error> {
    match why {
        Error::FormTooFast | Error::GestureMissing if !origin.address.is_empty() => {
            note(service, token, origin, Act::Sent).await
        }
        _ => Ok(()),
    }
}

async fn note(service: &Service, token: &str, origin: &Origin, act: Act) -> Result<(), Error> {
    let (hash, now) = (offer_token::hash(token), service.now());
    store::write!(service.db, |tx| {
        match offers::find(tx, &hash).await? {
            Some(offer) => Ok(visits::note(tx, &offer.name, origin, act, now).await?),
            None => Ok(()),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_known_by_what_they_call_themselves_or_do_not() {
        let visit = |user_agent: &str, head| Visit {
            origin: Origin {
                address: "192.0.2.7".to_owned(),
                user_agent: user_agent.to_owned(),
            },
            head,
        };
        let person = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
        assert!(!visit(person, false).is_a_programs());
        assert!(visit(person, true).is_a_programs());
        for program in [
            "",
            "curl/8.5",
            "Mozilla/5.0 (compatible; Googlebot/2.1)",
            "Barracuda Sentinel (EE)",
            "Mozilla/5.0 HeadlessChrome/140",
        ] {
            assert!(visit(program, false).is_a_programs(), "{program:?}");
        }
    }
}
