//! What a confirm is about to do, before anybody says Yes.

use proto::catalog::v1::{Application, SwitchKind, Version};

use super::{
    View,
    paper::{Paper, Word, busy, dim, good, strong},
    words::{Said as _, count, id},
};

/// What is known before a switch.
#[derive(Debug, Clone)]
pub struct Preview {
    /// Which way it goes.
    pub kind: SwitchKind,
    /// The application as it is now.
    pub application: Application,
    /// The active version; none before the first activation.
    pub source: Option<Version>,
    /// The version to be made the active one.
    pub target: Version,
    /// Tenants that use the application now.
    pub tenants: i64,
}

impl Preview {
    /// Words it for people.
    pub fn people(&self, view: &View) -> String {
        let source = match &self.source {
            None => dim("none: this is the first activation"),
            Some(source) => id(&source.name).into(),
        };
        let tenants = match self.tenants {
            0 => "none uses it yet".to_owned(),
            tenants => format!("{} moved along", count(tenants, "tenant")),
        };
        let users = match self.source {
            None => "can use it from then on",
            Some(_) => "keep working; requests wait a moment while it is switched",
        };
        Paper::new(view)
            .line([
                self.kind.said(),
                strong(id(&self.application.name)),
                dim(&self.application.display_name),
            ])
            .facts([
                ("from", source),
                ("to", good(id(&self.target.name))),
                ("tenants", tenants.into()),
                ("mails", self.mails()),
                ("new roles", self.roles(&self.target, self.source.as_ref())),
                (
                    "roles that go",
                    self.source.as_ref().map_or_else(
                        || dim("none"),
                        |source| self.roles(source, Some(&self.target)),
                    ),
                ),
                ("users", users.into()),
            ])
            .finish()
    }

    /// Says whether the tenants are told how to deny, and why.
    fn mails(&self) -> Word {
        let needs = |version: &Version| version.app_credentials.is_some();
        let needing = if needs(&self.target) {
            Some(&self.target)
        } else {
            self.source.as_ref().filter(|source| needs(source))
        };
        match (needing, self.tenants) {
            (None, _) => dim("none: neither version needs app credentials"),
            (Some(_), 0) => dim("none: there is no tenant to tell"),
            (Some(version), _) => busy(format!(
                "one to each contact, with a link to deny: {} needs app credentials",
                id(&version.name)
            )),
        }
    }

    /// Names the roles of one version that another lacks.
    fn roles(&self, of: &Version, other: Option<&Version>) -> Word {
        let names: Vec<_> = of
            .roles
            .iter()
            .map(|role| role.name.as_str())
            .filter(|name| {
                !other.is_some_and(|other| other.roles.iter().any(|role| role.name == *name))
            })
            .collect();
        if names.is_empty() {
            dim("none")
        } else {
            names.join(", ").into()
        }
    }
}
