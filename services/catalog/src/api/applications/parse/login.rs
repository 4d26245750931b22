//! Whether users must sign in, and what paths need.

use std::collections::BTreeSet;

use contract::{Checked, Fault, PathPrefix, Violations};
use proto::catalog::v1 as wire;

use crate::application::{Login, LoginRule, Method, Needs, RoleName};

const RULES_MAX: usize = 100;
const METHODS_MAX: usize = 10;

pub(super) fn read(
    v: &mut Violations,
    login: Option<&wire::LoginPolicy>,
) -> Checked<Option<Login>> {
    let Some(login) = login else {
        return Checked::right(None);
    };
    // For each prefix, what rules before have said: a method, or all of them.
    let mut said: BTreeSet<(PathPrefix, Option<Method>)> = BTreeSet::new();
    v.within("login", |v| {
        v.each("rules", &login.rules, 0..=RULES_MAX, |v, given| {
            let rule = rule(v, given);
            if let Some(rule) = rule.value() {
                let methods = rule.methods.iter().cloned().map(Some);
                let all = rule.methods.is_empty().then_some(None);
                for method in methods.chain(all) {
                    if !said.insert((rule.prefix.clone(), method)) {
                        let why = "an earlier rule says what this prefix and method need";
                        v.add("", Fault::Conflicting, why);
                    }
                }
            }
            rule
        })
    })
    .map(|rules| Some(Login { rules }))
}

fn rule(v: &mut Violations, rule: &wire::LoginRule) -> Checked<LoginRule> {
    use wire::login_rule::Needs as Wire;
    let prefix = v.parse::<PathPrefix>("prefix", &rule.prefix);
    let methods = v.each("methods", &rule.methods, 0..=METHODS_MAX, |v, method| {
        v.parse::<Method>("", method)
    });
    let needs = match &rule.needs {
        Some(Wire::Public(_)) => Checked::right(Needs::Nothing),
        Some(Wire::SignedIn(_)) => Checked::right(Needs::SignedIn),
        Some(Wire::Role(role)) => v.parse::<RoleName>("role", role).map(Needs::Role),
        None => v.wrong(
            "needs",
            Fault::Missing,
            "must be one of public, signed_in and role",
        ),
    };
    v.join((prefix, methods, needs))
        .map(|(prefix, methods, needs)| LoginRule {
            prefix,
            methods: methods.into_iter().collect(),
            needs,
        })
}

#[cfg(test)]
mod tests {
    use contract::Problem;
    use wire::login_rule::{Needs as Wire, Public, SignedIn};

    use super::*;

    fn rule(prefix: &str, methods: &[&str], needs: Option<Wire>) -> wire::LoginRule {
        wire::LoginRule {
            prefix: prefix.to_owned(),
            methods: methods.iter().map(|it| (*it).to_owned()).collect(),
            needs,
        }
    }

    fn public() -> Option<Wire> {
        Some(Wire::Public(Public {}))
    }

    fn read(rules: Vec<wire::LoginRule>) -> Result<Option<Login>, Problem> {
        let mut v = Violations::new();
        let read = super::read(&mut v, Some(&wire::LoginPolicy { rules }));
        v.all(read)
    }

    fn wrong(rules: Vec<wire::LoginRule>) -> Vec<String> {
        let problem = read(rules).unwrap_err();
        problem.fields().iter().map(|it| it.field.clone()).collect()
    }

    #[test]
    fn a_login_without_rules_is_one() {
        assert_eq!(read(Vec::new()).unwrap(), Some(Login::default()));
        let mut v = Violations::new();
        let none = super::read(&mut v, None);
        assert_eq!(v.all(none).unwrap(), None);
    }

    #[test]
    fn everything_wrong_with_rules_is_named() {
        let role = |name: &str| Some(Wire::Role(name.to_owned()));
        let fields = wrong(vec![
            rule("/Admin", &[], public()),
            rule("/a/../b", &["get", "HEAD"], role("a b")),
            rule("/a", &[], None),
            rule("", &["POST"], Some(Wire::SignedIn(SignedIn {}))),
        ]);
        assert_eq!(
            fields,
            [
                "login.rules[0].prefix",
                "login.rules[1].prefix",
                "login.rules[1].methods[0]",
                "login.rules[1].methods[1]",
                "login.rules[1].role",
                "login.rules[2].needs",
                "login.rules[3].prefix",
            ]
        );
    }

    #[test]
    fn no_two_rules_say_what_the_same_request_needs() {
        let fields = wrong(vec![
            rule("/a", &[], public()),
            rule("/a", &["GET"], public()),
            rule("/a", &["GET", "POST"], public()),
            rule("/a", &[], public()),
            rule("/b", &["GET"], public()),
        ]);
        assert_eq!(fields, ["login.rules[2]", "login.rules[3]"]);
    }

    #[test]
    fn there_are_so_many_rules_and_methods_at_most() {
        let many = |count: usize| (0..count).map(|n| rule(&format!("/{n}"), &[], public()));
        assert_eq!(read(many(100).collect()).unwrap().unwrap().rules.len(), 100);
        assert_eq!(wrong(many(101).collect()), ["login.rules"]);
        let letters: Vec<String> = ('A'..='K').map(String::from).collect();
        let letters: Vec<&str> = letters.iter().map(String::as_str).collect();
        assert_eq!(
            wrong(vec![rule("/a", &letters, public())]),
            ["login.rules[0].methods"]
        );
    }
}
