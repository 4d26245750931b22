//! Who calls, as the service that was asked sees it.

use proto::access::v1::{Caller, Proof, Role};

use super::{
    View,
    paper::{Paper, Word, dim, strong},
    words::{id, time},
};

/// Words it for people.
pub fn told(caller: &Caller, view: &View) -> String {
    if caller.role() == Role::Unspecified {
        return Paper::new(view)
            .line(["Nobody: the service does not know who you are."])
            .line([dim(
                "Give a key (--key-file) or an access token (--token-file).",
            )])
            .finish();
    }
    let mut facts = vec![
        ("role", Word::from(role(caller.role()))),
        ("proved", proof(caller).into()),
    ];
    if !caller.person.is_empty() {
        facts.push(("person", caller.person.as_str().into()));
    }
    if !caller.methods.is_empty() {
        facts.push(("methods alone", caller.methods.join(", ").into()));
    }
    if !caller.applications.is_empty() {
        let applications: Vec<_> = caller.applications.iter().map(|name| id(name)).collect();
        facts.push(("applications alone", applications.join(", ").into()));
    }
    facts.push((
        "valid until",
        match caller.expire_time {
            None => dim("it is withdrawn"),
            end => time(end, view),
        },
    ));
    Paper::new(view)
        .line([strong(caller.subject.as_str())])
        .facts(facts)
        .finish()
}

fn role(role: Role) -> &'static str {
    match role {
        Role::Unspecified | Role::Anyone => "none",
        Role::OperatorAdmin => "operator admin: may change things",
        Role::OperatorViewer => "operator viewer: may look at everything",
        Role::Tester => "tester: sees versions in test",
        Role::TenantAdmin => "tenant admin: decides for this tenant",
        Role::Gateway => "gateway",
        Role::Service => "service",
    }
}

fn proof(caller: &Caller) -> &'static str {
    match caller.proof() {
        Proof::Key if caller.development => "by the key of switchover dev",
        Proof::Unspecified => "not at all",
        Proof::Word => "by word: this service believes everybody on its machine",
        Proof::Key => "by an API key",
        Proof::Token => "by an access token",
        Proof::Certificate => "by a client certificate",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_the_service_says_is_told() {
        let view = crate::show::samples::view();
        let tenant = Caller {
            role: Role::TenantAdmin.into(),
            subject: "tenants/bert".to_owned(),
            proof: Proof::Token.into(),
            expire_time: Some(prost_types::Timestamp::default()),
            tenant: "tenants/bert".to_owned(),
            person: "people/anna".to_owned(),
            ..Caller::default()
        };
        let text = told(&tenant, &view);
        for part in [
            "tenants/bert",
            "tenant admin",
            "access token",
            "people/anna",
            "1970",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
        let key = Caller {
            role: Role::Gateway.into(),
            subject: "gateways/g-1".to_owned(),
            proof: Proof::Key.into(),
            methods: vec!["switchover.catalog.v1.SwitchService/*".to_owned()],
            applications: vec!["applications/crm".to_owned()],
            ..Caller::default()
        };
        let text = told(&key, &view);
        for part in ["withdrawn", "SwitchService/*", "crm"] {
            assert!(text.contains(part), "{part} in {text}");
        }
        assert!(told(&Caller::default(), &view).contains("--token-file"));
        let demo = Caller {
            development: true,
            ..key
        };
        assert!(told(&demo, &view).contains("by the key of switchover dev"));
    }
}
