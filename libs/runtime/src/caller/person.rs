//! What a token grants, and as what of it somebody calls: decided without any I/O.

use std::collections::BTreeSet;

use contract::{Identity, Subject, TenantId};

/// The most bytes of a subject before it is shortened.
const SUBJECT_MAX: usize = Subject::MAX;

/// What a person may be.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Granted {
    /// The operator's roles, the strongest last.
    operator: BTreeSet<Strength>,
    tenants: BTreeSet<TenantId>,
}

/// The operator's roles in the order of what they may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Strength {
    Tester,
    Viewer,
    Admin,
}

/// Why somebody is nobody here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum NoRole {
    #[error("The token grants no role here.")]
    Nothing,
    #[error(
        "The token is for admins of several tenants: say for which of them by x-switchover-subject."
    )]
    Several,
    #[error("The token does not grant the role that was chosen.")]
    NotGranted,
}

impl Granted {
    /// Reads the roles that a token lists; what is not a role of ours is somebody else's.
    pub(super) fn read<'a>(words: impl IntoIterator<Item = &'a str>) -> Self {
        let mut granted = Self::default();
        for word in words {
            let strength = match word {
                "operator-admin" => Strength::Admin,
                "operator-viewer" => Strength::Viewer,
                "tester" => Strength::Tester,
                _ => {
                    let tenant = word.strip_prefix("tenant-admin:");
                    granted
                        .tenants
                        .extend(tenant.and_then(|name| name.parse().ok()));
                    continue;
                }
            };
            granted.operator.insert(strength);
        }
        granted
    }

    /// Decides as what a person calls who may have chosen a role, and a tenant by `tenants/{tenant}`.
    pub(super) fn identity(
        &self,
        person: &Subject,
        role: Option<&str>,
        subject: Option<&str>,
    ) -> Result<Identity, NoRole> {
        if self.operator.is_empty() && self.tenants.is_empty() {
            return Err(NoRole::Nothing);
        }
        let tenant = subject.and_then(|subject| subject.strip_prefix("tenants/"));
        // Who names another person is not that person.
        if subject.is_some_and(|subject| tenant.is_none() && subject != person.as_str()) {
            return Err(NoRole::NotGranted);
        }
        let strength = match role {
            Some("operator-admin") => Some(Strength::Admin),
            Some("operator-viewer") => Some(Strength::Viewer),
            Some("tester") => Some(Strength::Tester),
            Some("tenant-admin") => None,
            Some(_) => return Err(NoRole::NotGranted),
            None if tenant.is_some() => None,
            None => self.operator.last().copied(),
        };
        match strength {
            Some(strength) if tenant.is_some() || !self.operator.contains(&strength) => {
                Err(NoRole::NotGranted)
            }
            Some(Strength::Admin) => Ok(Identity::OperatorAdmin(person.clone())),
            Some(Strength::Viewer) => Ok(Identity::OperatorViewer(person.clone())),
            Some(Strength::Tester) => Ok(Identity::Tester(person.clone())),
            None => self.tenant(tenant).map(Identity::TenantAdmin),
        }
    }

    fn tenant(&self, chosen: Option<&str>) -> Result<TenantId, NoRole> {
        let mut fitting = self
            .tenants
            .iter()
            .filter(|tenant| chosen.is_none_or(|chosen| chosen == tenant.as_str()));
        match (fitting.next(), fitting.next()) {
            (None, _) => Err(NoRole::NotGranted),
            (Some(tenant), None) => Ok(tenant.clone()),
            (Some(_), Some(_)) => Err(NoRole::Several),
        }
    }
}

impl NoRole {
    /// Returns the role's name that goes into logs.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Nothing => "NO_ROLE",
            Self::Several => "ROLE_NOT_CHOSEN",
            Self::NotGranted => "ROLE_NOT_GRANTED",
        }
    }
}

/// Makes the subject of a person from how an issuer names them: `people/` and the name, where what a
/// subject must not have is written as `%` and two hex digits. Two people never have the same.
pub(super) fn subject(name: &str) -> Subject {
    let mut text = String::from("people/");
    for byte in name.bytes() {
        if byte.is_ascii_graphic() && byte != b'%' {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    if text.len() > SUBJECT_MAX {
        // No name becomes this: a `%` is followed by a hex digit in those above.
        text = format!("people/%sha256-{}", super::key::digest(name));
    }
    text.parse().expect("it was made to fit")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choose(words: &[&str], role: Option<&str>, subject: Option<&str>) -> Result<String, NoRole> {
        let person = super::subject("anna");
        let granted = Granted::read(words.iter().copied());
        let identity = granted.identity(&person, role, subject)?;
        Ok(format!("{} {}", identity.role(), identity.subject()))
    }

    #[test]
    fn the_strongest_of_the_operators_roles_counts_unless_another_is_chosen() {
        let all = [
            "tester",
            "operator-admin",
            "tenant-admin:acme",
            "offline_access",
            "operator-viewer",
        ];
        for (role, subject, expected) in [
            (None, None, Ok("operator-admin people/anna")),
            (None, Some("people/anna"), Ok("operator-admin people/anna")),
            (
                Some("operator-viewer"),
                None,
                Ok("operator-viewer people/anna"),
            ),
            (
                Some("tester"),
                Some("people/anna"),
                Ok("tester people/anna"),
            ),
            (Some("tenant-admin"), None, Ok("tenant-admin tenants/acme")),
            (None, Some("tenants/acme"), Ok("tenant-admin tenants/acme")),
            (
                Some("tenant-admin"),
                Some("tenants/acme"),
                Ok("tenant-admin tenants/acme"),
            ),
            (
                Some("tenant-admin"),
                Some("tenants/bert"),
                Err(NoRole::NotGranted),
            ),
            (
                Some("operator-admin"),
                Some("tenants/acme"),
                Err(NoRole::NotGranted),
            ),
            (
                Some("operator-admin"),
                Some("people/eve"),
                Err(NoRole::NotGranted),
            ),
            (Some("gateway"), None, Err(NoRole::NotGranted)),
            (Some("service"), Some("catalog"), Err(NoRole::NotGranted)),
            (Some("anonymous"), None, Err(NoRole::NotGranted)),
            (Some(""), None, Err(NoRole::NotGranted)),
        ] {
            let chosen = choose(&all, role, subject);
            assert_eq!(chosen, expected.map(str::to_owned), "{role:?} {subject:?}");
        }
        let weak = ["tester", "operator-viewer"];
        assert_eq!(
            choose(&weak, None, None),
            Ok("operator-viewer people/anna".to_owned())
        );
        assert_eq!(
            choose(&weak, Some("operator-admin"), None),
            Err(NoRole::NotGranted)
        );
    }

    #[test]
    fn who_is_admin_of_several_tenants_says_for_which() {
        let two = ["tenant-admin:acme", "tenant-admin:bert"];
        assert_eq!(choose(&two, None, None), Err(NoRole::Several));
        assert_eq!(
            choose(&two, Some("tenant-admin"), None),
            Err(NoRole::Several)
        );
        let bert = choose(&two, None, Some("tenants/bert"));
        assert_eq!(bert, Ok("tenant-admin tenants/bert".to_owned()));
        assert_eq!(
            choose(&two, None, Some("tenants/carl")),
            Err(NoRole::NotGranted)
        );
        let one = choose(&two[..1], None, None);
        assert_eq!(one, Ok("tenant-admin tenants/acme".to_owned()));
    }

    #[test]
    fn neither_services_nor_gateways_nor_anything_unknown_is_granted_by_a_token() {
        for words in [
            &["service", "gateway", "gateway:g-1", "service:catalog"][..],
            &[
                "Operator-Admin",
                "operator_admin",
                "operator-admin ",
                "admin",
            ],
            &[
                "tenant-admin",
                "tenant-admin:",
                "tenant-admin:-",
                "tenant-admin:A/B",
            ],
            &[],
        ] {
            assert_eq!(choose(words, None, None), Err(NoRole::Nothing), "{words:?}");
            assert_eq!(choose(words, Some("service"), None), Err(NoRole::Nothing));
        }
    }

    #[test]
    fn every_name_becomes_a_subject_of_its_own() {
        for (name, expected) in [
            ("anna", "people/anna"),
            ("auth0|5f7c", "people/auth0|5f7c"),
            ("anna@example.com", "people/anna@example.com"),
            ("Anna B", "people/Anna%20B"),
            ("50%20", "people/50%2520"),
            ("Ägir", "people/%C3%84gir"),
            ("a\nb", "people/a%0Ab"),
        ] {
            assert_eq!(subject(name).as_str(), expected);
        }
        let long = "x".repeat(SUBJECT_MAX);
        let short = subject(&long);
        assert!(short.as_str().starts_with("people/%sha256-"));
        assert_ne!(short, subject(&format!("{long}x")));
    }
}
