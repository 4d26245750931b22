//! A notice as a mail: subject, plain text and HTML, from templates that are compiled in.
//!
//! HTML escapes by itself, but for links: those are made of checked parts alone. Links lead to the configured address and nowhere else; names are shown such
//! that no mail program makes a link of them. A value that is missing is an error, never a gap.

use minijinja::{AutoEscape, Environment, UndefinedBehavior, Value, context};

use crate::{
    config::EdgeUrl,
    event::{day_and_time, denials},
    notice::{Body, Counts, DisplayName, Notice},
};

/// The mails that there are; each has a folder under `templates/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Letter {
    /// To a tenant: it is moved, and may deny.
    DenyOffered,
    /// To a tenant: it is asked to accept.
    AcceptOffered,
    /// To the operator: a tenant has denied.
    VersionDenied,
    /// To a tenant: it has denied.
    DenialConfirmed,
    /// To the operator: a tenant has accepted.
    VersionAccepted,
    /// To a tenant: it has accepted.
    AcceptanceConfirmed,
    /// To the operator: another version is in use.
    SwitchSucceeded,
    /// To the operator: a switch was given up.
    SwitchGivenUp,
    /// To the operator: a backup of the catalog was restored.
    CatalogInRecovery,
    /// To a tenant: an application was taken away.
    AccessRemoved,
}

/// The three templates of one letter, by the names that they are found under.
struct Parts {
    subject: &'static str,
    text: &'static str,
    html: &'static str,
}

macro_rules! letters {
    ($($letter:ident: $folder:literal,)+) => {
        const SOURCES: &[(&str, &str)] = &[
            ("layout.txt", include_str!("../templates/layout.txt")),
            ("layout.html", include_str!("../templates/layout.html")),
            $(
                (concat!($folder, "/subject.txt"), include_str!(concat!("../templates/", $folder, "/subject.txt"))),
                (concat!($folder, "/body.txt"), include_str!(concat!("../templates/", $folder, "/body.txt"))),
                (concat!($folder, "/body.html"), include_str!(concat!("../templates/", $folder, "/body.html"))),
            )+
        ];

        impl Letter {
            fn parts(self) -> Parts {
                match self {
                    $(Self::$letter => Parts {
                        subject: concat!($folder, "/subject.txt"),
                        text: concat!($folder, "/body.txt"),
                        html: concat!($folder, "/body.html"),
                    },)+
                }
            }
        }
    };
}

letters! {
    DenyOffered: "deny_offered",
    AcceptOffered: "accept_offered",
    VersionDenied: "version_denied",
    DenialConfirmed: "denial_confirmed",
    VersionAccepted: "version_accepted",
    AcceptanceConfirmed: "acceptance_confirmed",
    SwitchSucceeded: "switch_succeeded",
    SwitchGivenUp: "switch_given_up",
    CatalogInRecovery: "catalog_in_recovery",
    AccessRemoved: "access_removed",
}

/// What a mail says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mail {
    /// One line.
    pub(crate) subject: String,
    /// For people who read text.
    pub(crate) text: String,
    /// The same with headings and a button.
    pub(crate) html: String,
}

/// A mail that could not be rendered. Its text names the template, never what was to go into it.
#[derive(Debug, thiserror::Error)]
#[error("the template {template} could not be filled ({kind})")]
pub(crate) struct RenderError {
    template: &'static str,
    kind: minijinja::ErrorKind,
}

/// Fills the templates.
pub(crate) struct Renderer {
    environment: Environment<'static>,
    operator: DisplayName,
    edge: EdgeUrl,
}

impl Renderer {
    /// Reads the templates. Mails speak for `operator`, their links lead to `edge`.
    pub(crate) fn new(operator: DisplayName, edge: EdgeUrl) -> Self {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_auto_escape_callback(|name| {
            if name.ends_with(".html") {
                AutoEscape::Html
            } else {
                AutoEscape::None
            }
        });
        // Debug information would carry values into errors.
        environment.set_debug(false);
        environment.add_filter("name", unlinked);
        for (name, source) in SOURCES {
            environment
                .add_template(name, source)
                .expect("a test renders every template that is compiled in");
        }
        Self {
            environment,
            operator,
            edge,
        }
    }

    /// Renders the letter for a notice. `reader` is who reads it, for the salutation.
    ///
    /// # Errors
    /// If a template wants what the notice does not have.
    pub(crate) fn render(
        &self,
        letter: Letter,
        notice: &Notice,
        reader: Option<&DisplayName>,
    ) -> Result<Mail, RenderError> {
        let parts = letter.parts();
        let values = context! {
            operator => self.operator.as_str(),
            reader => reader.map(DisplayName::as_str),
            time => day_and_time(notice.time),
            ..self.values(&notice.body)
        };
        let fill = |template: &'static str| {
            self.environment
                .get_template(template)
                .and_then(|found| found.render(&values))
                .map_err(|error| RenderError {
                    template,
                    kind: error.kind(),
                })
        };
        Ok(Mail {
            subject: fill(parts.subject)?
                .split_whitespace()
                .collect::<Vec<_>>()
                .join(" "),
            text: fill(parts.text)?,
            html: fill(parts.html)?,
        })
    }

    fn values(&self, body: &Body) -> Value {
        match body {
            Body::DenyOffered {
                application,
                tenant,
                source,
                target,
                token,
                expires,
            } => context! {
                application => application.display_name.as_str(),
                tenant => tenant.display_name.as_str(),
                source => source.as_str(),
                target => target.as_str(),
                link => self.edge.consent(token),
                expires => day_and_time(*expires),
            },
            Body::AcceptOffered {
                application,
                tenant,
                target,
                token,
                expires,
            } => context! {
                application => application.display_name.as_str(),
                tenant => tenant.display_name.as_str(),
                target => target.as_str(),
                link => self.edge.consent(token),
                expires => day_and_time(*expires),
            },
            Body::VersionDenied {
                application,
                tenant,
                version,
                actor,
                counts,
            } => context! {
                application => application.display_name.as_str(),
                tenant => tenant.display_name.as_str(),
                version => version.as_str(),
                actor => actor.as_ref().map(contract::Line::as_str),
                in_force => *counts == Counts::Now,
            },
            Body::VersionAccepted {
                application,
                tenant,
                version,
                actor,
            } => context! {
                application => application.display_name.as_str(),
                tenant => tenant.display_name.as_str(),
                version => version.as_str(),
                actor => actor.as_ref().map(contract::Line::as_str),
            },
            Body::SwitchSucceeded {
                application,
                switch,
                source,
                target,
                denied_tenants,
            } => context! {
                application => application.display_name.as_str(),
                switch => switch.to_string(),
                source => source.as_ref().map(contract::VersionName::as_str),
                target => target.as_str(),
                denials => denials(*denied_tenants),
            },
            Body::SwitchGivenUp {
                application,
                switch,
                target,
                message,
            } => context! {
                application => application.display_name.as_str(),
                switch => switch.to_string(),
                target => target.as_str(),
                message => message.as_str().trim(),
            },
            Body::VersionInTest {
                application,
                version,
                test_address,
            } => context! {
                application => application.display_name.as_str(),
                version => version.as_str(),
                test_address => test_address.as_str(),
            },
            Body::CatalogInRecovery { message } => context! {
                message => message.as_str().trim(),
            },
            Body::AccessRemoved {
                application,
                tenant,
                message,
            } => context! {
                application => application.display_name.as_str(),
                tenant => tenant.display_name.as_str(),
                message => message.as_str().trim(),
            },
        }
    }
}

/// Joins what mail programs look for in texts, so that `evil.example` as a name stays a name: a word
/// joiner takes no space and stands in no address.
fn unlinked(name: &str) -> String {
    let mut shown = String::with_capacity(name.len());
    let mut chars = name.chars().peekable();
    while let Some(c) = chars.next() {
        shown.push(c);
        let inside = chars.peek().is_some_and(|next| !next.is_whitespace());
        if inside && matches!(c, '.' | ':' | '/' | '@' | '#') {
            shown.push('\u{2060}');
        }
    }
    // `www` is looked for even without what follows it.
    shown
        .replace("www", "w\u{2060}ww")
        .replace("WWW", "W\u{2060}WW")
}

#[cfg(test)]
mod tests;
