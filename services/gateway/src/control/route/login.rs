//! Whether users must sign in, as the catalog tells it. What cannot be read is refused: a rule that is
//! not understood must not be one that is not there.

use contract::path::PathPrefixError;
use proto::catalog::v1 as wire;

use super::{Fault, at};
use crate::apps::{LoginPolicy, LoginRule, Needs};

/// The most rules, and methods of one.
const RULES_MAX: usize = 100;
const METHODS_MAX: usize = 10;
/// The most characters of a method, and of a role.
const METHOD_MAX: usize = 20;
const ROLE_MAX: usize = 50;

pub(super) fn read(told: &wire::LoginPolicy) -> Result<LoginPolicy, Fault> {
    if told.rules.len() > RULES_MAX {
        let fault = format!("has {} rules, at most {RULES_MAX} may be", told.rules.len());
        return Err(Fault("login", fault));
    }
    let rules = told.rules.iter().map(rule).collect::<Result<_, _>>()?;
    Ok(LoginPolicy { rules })
}

fn rule(told: &wire::LoginRule) -> Result<LoginRule, Fault> {
    use wire::login_rule::Needs as Wire;
    let wrong = |fault: &str| Fault("login.rules", fault.to_owned());
    let is_method = |method: &String| {
        (1..=METHOD_MAX).contains(&method.len()) && method.bytes().all(|b| b.is_ascii_uppercase())
    };
    if told.methods.len() > METHODS_MAX || !told.methods.iter().all(is_method) {
        return Err(wrong(
            "a method is not 1 to 20 upper-case letters, or there are too many",
        ));
    }
    Ok(LoginRule {
        prefix: told
            .prefix
            .parse()
            .map_err(at::<PathPrefixError>("login.rules.prefix"))?,
        methods: told.methods.iter().map(|it| it.as_str().into()).collect(),
        needs: match &told.needs {
            Some(Wire::Public(_)) => Needs::Nothing,
            Some(Wire::SignedIn(_)) => Needs::SignedIn,
            Some(Wire::Role(role)) if (1..=ROLE_MAX).contains(&role.len()) => {
                Needs::Role(role.as_str().into())
            }
            Some(Wire::Role(_)) => return Err(wrong("a role is not 1 to 50 characters")),
            None => {
                return Err(wrong(
                    "a rule needs something that this release does not know",
                ));
            }
        },
    })
}

#[cfg(test)]
mod tests {
    use wire::login_rule::{Needs as Wire, Public};

    use super::*;
    use crate::control::route::tests::{parse, told};

    fn with(rule: wire::LoginRule) -> wire::Route {
        let mut route = told("crm", 5, 1);
        route.login = Some(wire::LoginPolicy { rules: vec![rule] });
        route
    }

    fn rule(prefix: &str, needs: Option<Wire>) -> wire::LoginRule {
        wire::LoginRule {
            prefix: prefix.to_owned(),
            methods: vec!["GET".to_owned()],
            needs,
        }
    }

    #[test]
    fn a_route_says_whether_users_must_sign_in() {
        let gate = || crate::apps::GateOrder::Never;
        assert_eq!(parse(told("crm", 5, 1)).app_route(gate()).login, None);
        let route = with(rule("/open", Some(Wire::Public(Public {}))));
        let login = parse(route).app_route(gate()).login.unwrap();
        assert_eq!(login.rules[0].prefix.as_str(), "/open");
        assert_eq!(login.rules[0].needs, Needs::Nothing);
    }

    #[test]
    fn a_rule_that_is_not_understood_is_no_rule_that_is_not_there() {
        let public = || Some(Wire::Public(Public {}));
        let mut odd_method = rule("/a", public());
        odd_method.methods = vec!["get".to_owned()];
        for odd in [
            rule("/a", None),
            rule("/A", public()),
            rule("", public()),
            rule("/a", Some(Wire::Role(String::new()))),
            odd_method,
        ] {
            let error = super::super::Route::parse(with(odd.clone())).unwrap_err();
            assert!(error.to_string().starts_with("login"), "{odd:?}: {error}");
        }
        let mut many = with(rule("/a", public()));
        let login = many.login.as_mut().unwrap();
        login.rules = vec![rule("/a", public()); 101];
        assert!(super::super::Route::parse(many).is_err());
    }
}
