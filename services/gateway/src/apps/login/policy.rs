//! What an application's paths need of those who ask.

use contract::{CanonicalPath, PathPrefix};
use http::Method;

/// Users must sign in. Where no rule fits, anybody who has may.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LoginPolicy {
    /// In any order.
    pub rules: Vec<LoginRule>,
}

/// What is needed below one path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginRule {
    /// Below which.
    pub prefix: PathPrefix,
    /// For which methods; none: all of them. `GET` is `HEAD` too.
    pub methods: Vec<Box<str>>,
    /// Who may.
    pub needs: Needs,
}

/// Who may.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Needs {
    /// Anybody, signed in or not.
    Nothing,
    /// Anybody who is signed in.
    SignedIn,
    /// Whoever has this role.
    Role(Box<str>),
}

impl LoginRule {
    fn fits(&self, method: &str, path: &CanonicalPath) -> bool {
        let named = || self.methods.iter().any(|it| **it == *method);
        self.prefix.covers(path) && (self.methods.is_empty() || named())
    }
}

impl LoginPolicy {
    /// Returns what a request needs: what the rule with the longest prefix that fits says, of two
    /// with one prefix the one that names the method.
    pub(in crate::apps) fn needs(&self, method: &Method, path: &CanonicalPath) -> &Needs {
        let method = match method.as_str() {
            "HEAD" => "GET",
            method => method,
        };
        self.rules
            .iter()
            .filter(|rule| rule.fits(method, path))
            .max_by_key(|rule| (rule.prefix.as_str().len(), !rule.methods.is_empty()))
            .map_or(&Needs::SignedIn, |rule| &rule.needs)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rule(prefix: &str, methods: &[&str], needs: Needs) -> LoginRule {
        LoginRule {
            prefix: prefix.parse().unwrap(),
            methods: methods.iter().map(|it| (*it).into()).collect(),
            needs,
        }
    }

    fn role(name: &str) -> Needs {
        Needs::Role(name.into())
    }

    #[test]
    fn the_longest_prefix_decides_and_then_the_method() {
        let policy = LoginPolicy {
            rules: vec![
                rule("/", &[], role("user")),
                rule("/api", &["GET"], Needs::SignedIn),
                rule("/api", &[], role("editor")),
                rule("/api/open", &["GET"], Needs::Nothing),
                rule("/api/open/admin", &[], role("admin")),
            ],
        };
        for (method, path, needs) in [
            (Method::GET, "/", role("user")),
            (Method::GET, "/apiary", role("user")),
            (Method::GET, "/api/x", Needs::SignedIn),
            (Method::HEAD, "/api/x", Needs::SignedIn),
            (Method::POST, "/API/x", role("editor")),
            (Method::GET, "/api/open", Needs::Nothing),
            (Method::HEAD, "/api/open/", Needs::Nothing),
            // What a longer prefix says of other methods is not looked at.
            (Method::POST, "/api/open", role("editor")),
            (Method::GET, "/api/open/%41dmin;x/y", role("admin")),
        ] {
            let path = path.parse().unwrap();
            assert_eq!(*policy.needs(&method, &path), needs, "{method} {path:?}");
        }
        let none = LoginPolicy::default();
        let anywhere = "/x".parse().unwrap();
        assert_eq!(*none.needs(&Method::GET, &anywhere), Needs::SignedIn);
    }

    proptest! {
        /// Whatever is done to the spelling of a path, a rule is not walked around.
        #[test]
        fn no_spelling_of_a_path_gets_around_its_rule(
            ways in prop::collection::vec(0_usize..9, 5),
            behind in "(/[a-z]{1,3}){0,2}/?",
        ) {
            let policy = LoginPolicy {
                rules: vec![
                    rule("/", &[], Needs::Nothing),
                    rule("/admin", &[], role("admin")),
                ],
            };
            let letters = "admin".chars().zip(ways).map(|(letter, way)| match way {
                0 => letter.to_ascii_uppercase().to_string(),
                1 => format!("%{:02x}", u32::from(letter)),
                2 => format!("%{:02X}", u32::from(letter.to_ascii_uppercase())),
                3 => format!("%25{:02x}", u32::from(letter)),
                _ => letter.to_string(),
            });
            let spelt: String = letters.collect();
            for end in ["", ";x=1", "%3bx", ".", "%20", "..", "%2e"] {
                for begin in ["/", "//", "/./", "/x/../", "/%2f", "/;/", "/%20"] {
                    let path = format!("{begin}{spelt}{end}{behind}");
                    if let Ok(path) = path.parse::<CanonicalPath>() {
                        let needs = policy.needs(&Method::GET, &path);
                        prop_assert_eq!(needs, &role("admin"), "{:?}", path);
                    }
                }
            }
        }
    }
}
