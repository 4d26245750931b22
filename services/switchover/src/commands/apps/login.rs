//! Whether users must sign in, as flags.

use std::str::FromStr;

use clap::{Args, ValueEnum};
use proto::catalog::v1::{
    LoginPolicy, LoginRule,
    login_rule::{Needs, Public, SignedIn},
};

/// What is said of signing in.
#[derive(Debug, Clone, Args)]
pub(super) struct Login {
    /// Whether gateways have users sign in before they let requests through
    #[arg(long, value_name = "LOGIN")]
    login: Option<Whether>,
    /// What a path needs: '/admin=admin' (a role of the application), '/health=public',
    /// '/=signed-in', or for some methods 'POST,DELETE /api=editor'; where no rule fits, a sign-in is
    /// enough. May be repeated, replaces those said before; a role that is called public or signed-in
    /// is written role:public
    #[arg(long, value_name = "PREFIX=NEEDS")]
    login_rule: Vec<Rule>,
}

#[derive(Debug, Clone, Copy, PartialEq, ValueEnum)]
enum Whether {
    /// Users must sign in
    Required,
    /// Requests are passed through
    PassThrough,
}

/// What `--login-rule` says.
#[derive(Debug, Clone, PartialEq)]
struct Rule(LoginRule);

impl FromStr for Rule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (place, needs) = text
            .rsplit_once('=')
            .ok_or("must be written PREFIX=NEEDS, such as /admin=admin or /health=public")?;
        let (methods, prefix) = match place.split_once(" /") {
            Some((methods, _)) => (methods, &place[methods.len() + 1..]),
            None => ("", place),
        };
        let needs = match needs.trim() {
            "" => return Err("says what is needed: a role, public or signed-in".to_owned()),
            "public" => Needs::Public(Public {}),
            "signed-in" => Needs::SignedIn(SignedIn {}),
            role => Needs::Role(role.strip_prefix("role:").unwrap_or(role).to_owned()),
        };
        let methods = methods
            .split([',', ' '])
            .filter(|method| !method.is_empty());
        Ok(Self(LoginRule {
            prefix: prefix.trim().to_owned(),
            methods: methods.map(str::to_uppercase).collect(),
            needs: Some(needs),
        }))
    }
}

impl Login {
    /// Tells whether anything is said.
    pub(super) fn is_given(&self) -> bool {
        self.login.is_some() || !self.login_rule.is_empty()
    }

    /// Returns the policy as it is to be, from the present one. Rules alone mean that a sign-in is
    /// required.
    ///
    /// # Errors
    /// Rules for requests that are passed through.
    pub(super) fn onto(
        &self,
        present: Option<LoginPolicy>,
    ) -> Result<Option<LoginPolicy>, &'static str> {
        let rules = self.login_rule.iter().map(|Rule(rule)| rule.clone());
        match self.login {
            Some(Whether::PassThrough) if !self.login_rule.is_empty() => {
                Err("Where requests are passed through, no rule is looked at.")
            }
            Some(Whether::PassThrough) => Ok(None),
            Some(Whether::Required) | None if self.login_rule.is_empty() => {
                let required = self.login.is_some().then(LoginPolicy::default);
                Ok(present.or(required))
            }
            Some(Whether::Required) | None => Ok(Some(LoginPolicy {
                rules: rules.collect(),
            })),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(text: &str) -> LoginRule {
        let Rule(rule) = text.parse().unwrap();
        rule
    }

    #[test]
    fn a_rule_is_a_path_and_what_it_needs_and_maybe_methods() {
        let admin = rule("/admin=admin");
        assert_eq!((admin.prefix.as_str(), admin.methods.len()), ("/admin", 0));
        assert_eq!(admin.needs, Some(Needs::Role("admin".to_owned())));
        assert_eq!(rule("/health=public").needs, Some(Needs::Public(Public {})));
        assert_eq!(
            rule("/=signed-in").needs,
            Some(Needs::SignedIn(SignedIn {}))
        );
        let named = rule("/x=role:public").needs;
        assert_eq!(named, Some(Needs::Role("public".to_owned())));
        let some = rule("post,DELETE /a b=c=editor");
        assert_eq!(some.prefix, "/a b=c");
        assert_eq!(some.methods, ["POST", "DELETE"]);
        for wrong in ["/admin", "/admin=", ""] {
            assert!(wrong.parse::<Rule>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_is_not_said_stays_as_it_is() {
        let said = |login, rules: &[&str]| Login {
            login,
            login_rule: rules.iter().map(|it| it.parse().unwrap()).collect(),
        };
        let present = LoginPolicy {
            rules: vec![rule("/=signed-in")],
        };
        let required = said(Some(Whether::Required), &[]);
        assert_eq!(required.onto(None), Ok(Some(LoginPolicy::default())));
        assert_eq!(
            required.onto(Some(present.clone())),
            Ok(Some(present.clone()))
        );
        let rules = said(None, &["/x=public"]);
        let replaced = rules.onto(Some(present.clone())).unwrap().unwrap();
        assert_eq!(replaced.rules, [rule("/x=public")]);
        let through = said(Some(Whether::PassThrough), &[]);
        assert_eq!(through.onto(Some(present)), Ok(None));
        assert!(
            said(Some(Whether::PassThrough), &["/x=public"])
                .onto(None)
                .is_err()
        );
    }
}
