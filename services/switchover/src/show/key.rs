//! A new key, this once, and the entry by which services know it.

use contract::{Identity, Scope};
use jiff::Timestamp;
use runtime::Key;
use serde_json::{Value, json};

use super::{
    View,
    paper::{Paper, dim, strong},
};

/// A key that has just been made.
#[derive(Debug)]
pub struct Made {
    /// The secret.
    pub key: Key,
    /// Who its holder is.
    pub identity: Identity,
    /// Until when it is valid; for ever if none.
    pub expires: Option<Timestamp>,
    /// What it may be used for.
    pub scope: Scope,
}

impl Made {
    /// Returns the entry of the keys file.
    pub fn entry(&self) -> String {
        let mut entry = format!(
            "[[key]]\nsha256 = \"{}\"\nrole = \"{}\"\nsubject = \"{}\"\n",
            self.key.digest(),
            self.identity.role(),
            self.identity.subject(),
        );
        if let Some(expires) = self.expires {
            entry.push_str(&format!("expires = \"{expires}\"\n"));
        }
        let mut list = |name: &str, items: Vec<String>| {
            if !items.is_empty() {
                entry.push_str(&format!("{name} = {items:?}\n"));
            }
        };
        list("methods", texts(&self.scope.methods));
        list("applications", texts(&self.scope.applications));
        if self.key.is_for_development() {
            entry.push_str("development = true\n");
        }
        entry
    }

    /// Words it for people.
    pub fn people(&self, view: &View) -> String {
        Paper::new(view)
            .line([dim("The key, shown this once; its holder keeps it in a file of mode 0600 (--key-file):")])
            .gap()
            .line([strong(self.key.expose())])
            .gap()
            .line([dim("Its entry in the services' keys file (--keys):")])
            .gap()
            .line([self.entry().trim_end()])
            .finish()
    }

    /// Words it for programs.
    pub fn json(&self) -> Value {
        json!({ "key": self.key.expose(), "entry": self.entry() })
    }
}

fn texts<T: ToString>(all: impl IntoIterator<Item = T>) -> Vec<String> {
    all.into_iter().map(|one| one.to_string()).collect()
}

#[cfg(test)]
mod tests {
    use contract::Role;
    use runtime::{Access, Clock};

    use super::*;

    #[test]
    fn the_entry_is_one_that_services_take_and_does_not_hold_the_key() {
        let made = Made {
            key: Key::generate(),
            identity: Identity::new(Role::TenantAdmin, "tenants/bert").unwrap(),
            expires: Some("2030-01-01T00:00:00Z".parse().unwrap()),
            scope: Scope {
                methods: ["switchover.catalog.v1.SwitchService/*".parse().unwrap()].into(),
                applications: ["crm".parse().unwrap(), "erp".parse().unwrap()].into(),
            },
        };
        assert!(made.entry().ends_with(
            "methods = [\"switchover.catalog.v1.SwitchService/*\"]\napplications = [\"crm\", \"erp\"]\n"
        ));
        assert!(!made.entry().contains(made.key.expose()));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.toml");
        std::fs::write(&path, made.entry()).unwrap();
        Access::keys(path, Clock::real()).unwrap();
        assert_eq!(made.json()["key"], made.key.expose());
    }
}
