//! Who may call what, and who learns of what: every RPC as nobody and as each role, on services as they
//! are installed, with messages made from the descriptors.

use anyhow::{Context as _, Result, ensure};
use contract::{
    Caller, Identity, Role, Rules,
    access::{Decision, Effect},
};
use prost_reflect::{DynamicMessage, Kind, MethodDescriptor, Value};
use tests::{
    any_rpc::{Answer, AnyRpc, path},
    shop,
    world::{Database, World},
};
use tonic::Code;

/// Forms of names that a tenant's admin or a gateway may own, with `{}` for whose it is.
const FORMS: [&str; 4] = [
    "tenants/{}",
    "tenants/{}/inbox",
    "tenants/{}/applications/shop/provisionings/1.0",
    "gateways/{}",
];

#[tokio::test(flavor = "multi_thread")]
async fn every_rpc_answers_each_caller_as_its_contract_says() -> Result<()> {
    every_rpc_of_each_caller(Database::Sqlite).await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_rpc_answers_each_caller_as_its_contract_says_on_postgresql() -> Result<()> {
    every_rpc_of_each_caller(Database::Postgres).await
}

async fn every_rpc_of_each_caller(database: Database) -> Result<()> {
    let world = World::start(database, 1).await?;
    let any = AnyRpc::of(&world)?;
    let rules = Rules::from_descriptors(proto::DESCRIPTOR_SET)?;
    let methods = any.methods();
    ensure!(
        methods.len() > 40,
        "only {} methods: the contracts were not read",
        methods.len()
    );
    let (mut let_in, mut turned_away) = (0, 0);
    for method in methods {
        let name = path(&method);
        ensure!(rules.shape(&name).is_some(), "{name} says nothing");
        // The request is empty, so whoever is let in is told what is missing.
        let empty = DynamicMessage::new(method.input());
        for caller in callers()? {
            let answer = any.call(&method, &empty, &caller).await?;
            let expected = match rules.decide(&caller, &name) {
                Decision::Allowed => None,
                Decision::Unauthenticated => Some(Code::Unauthenticated),
                Decision::Denied => Some(Code::PermissionDenied),
                Decision::Undeclared => Some(Code::Unimplemented),
            };
            let refused = Some(answer.code()).filter(|code| {
                [Code::Unauthenticated, Code::PermissionDenied].contains(code)
                    || (*code == Code::Unimplemented && expected.is_some())
            });
            ensure!(
                refused == expected,
                "{name} as {caller:?}: {answer:?}, expected {expected:?}"
            );
            match expected {
                None => let_in += 1,
                Some(_) => turned_away += 1,
            }
        }
    }
    ensure!(
        let_in > 50 && turned_away > 50,
        "{let_in} let in, {turned_away} turned away"
    );
    Ok(())
}

/// The tests of the services that keep logs call every method that leaves an entry; here no other service
/// has one, and nobody but services, gateways and whoever holds a proof of its own changes anything without.
#[test]
fn what_changes_something_is_recorded_where_a_log_is() -> Result<()> {
    let rules = Rules::from_descriptors(proto::DESCRIPTOR_SET)?;
    let admin = Caller::Known(Identity::new(Role::OperatorAdmin, "people/olga")?);
    let tenant = Caller::Known(Identity::new(Role::TenantAdmin, "tenants/anna")?);
    let mut seen = 0;
    for method in rules
        .methods()
        .filter(|method| method.starts_with("/switchover."))
    {
        match rules.effect(method).context("a rule")? {
            Effect::None => {}
            Effect::Recorded => {
                seen += 1;
                let kept = ["catalog", "provisioning", "notification"];
                ensure!(
                    kept.iter()
                        .any(|service| method.starts_with(&format!("/switchover.{service}."))),
                    "{method} is to leave an entry where no log is: say its effect"
                );
            }
            Effect::OwnWork => {
                let by_anyone = rules.decide(&Caller::Anonymous, method) == Decision::Allowed;
                for caller in [&admin, &tenant] {
                    ensure!(
                        by_anyone || rules.decide(caller, method) == Decision::Denied,
                        "{method} changes something for {caller:?} and leaves no entry"
                    );
                }
            }
        }
    }
    ensure!(seen > 30, "only {seen} methods leave an entry");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_learns_of_what_is_not_theirs() -> Result<()> {
    everybody_asks_for_what_is_foreign(Database::Sqlite).await
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_learns_of_what_is_not_theirs_on_postgresql() -> Result<()> {
    everybody_asks_for_what_is_foreign(Database::Postgres).await
}

async fn everybody_asks_for_what_is_foreign(database: Database) -> Result<()> {
    let mut world = World::start(database, 1).await?;
    match owned(&mut world).await {
        Ok(()) => Ok(()),
        Err(fault) => Err(world.explain(fault)),
    }
}

async fn owned(world: &mut World) -> Result<()> {
    shop::open(world, &["acme", "beta"]).await?;
    let any = AnyRpc::of(world)?;
    let rules = Rules::from_descriptors(proto::DESCRIPTOR_SET)?;
    let mut seen = 0;
    // Whatever changes what is owned comes last.
    let mut methods = any.methods();
    methods.sort_by_key(|method| rules.effect(&path(method)) != Some(Effect::None));
    for method in methods {
        let Some(field) = rules.owned(&path(&method)).map(str::to_owned) else {
            continue;
        };
        for (role, own, foreign, missing) in [
            (Role::TenantAdmin, "acme", "beta", "nobody"),
            (Role::Gateway, "gateway-9", "gateway-1", "gateway-8"),
        ] {
            let subject = match role {
                Role::Gateway => format!("gateways/{own}"),
                _ => format!("tenants/{own}"),
            };
            let caller = Caller::Known(Identity::new(role, &subject)?);
            if rules.decide(&caller, &path(&method)) != Decision::Allowed {
                continue;
            }
            seen += 1;
            let ask = async |form: &str, whose: &str| {
                let request = with(&method, &field, &form.replace("{}", whose))?;
                any.call(&method, &request, &caller).await
            };
            let form = form_of(&ask, &method, own).await?;
            let mine = ask(form, own).await?;
            ensure!(
                ![Code::NotFound, Code::PermissionDenied].contains(&mine.code()),
                "{} of its own: {mine:?}",
                path(&method)
            );
            ensure!(
                !mine.json().contains(foreign),
                "{} shows {foreign}: {}",
                path(&method),
                mine.json()
            );
            let theirs = ask(form, foreign).await?;
            let nobodys = ask(form, missing).await?;
            ensure!(
                theirs.code() == Code::NotFound,
                "{} of {foreign}: {theirs:?}",
                path(&method)
            );
            ensure!(
                words(&theirs, foreign) == words(&nobodys, missing),
                "{} tells what is foreign from what is not there: {theirs:?} {nobodys:?}",
                path(&method)
            );
            // A list of all is not for those who see one.
            if let Some(all) = ["tenants/-", "tenants/-/inbox"]
                .into_iter()
                .find(|all| form.replace("{}", "-") == *all)
            {
                let everything = with(&method, &field, all)?;
                let everything = any.call(&method, &everything, &caller).await?;
                ensure!(
                    everything.code() != Code::Ok || !everything.json().contains(foreign),
                    "{} of {all} shows {foreign}: {}",
                    path(&method),
                    everything.json()
                );
            }
        }
    }
    ensure!(seen >= 10, "only {seen} methods with owners were found");
    lists(&any, &rules).await
}

/// What a tenant's admin, a gateway or a tester is shown at all holds nothing of a foreign tenant.
async fn lists(any: &AnyRpc, rules: &Rules) -> Result<()> {
    let mut seen = 0;
    for method in any.methods() {
        if rules.effect(&path(&method)) != Some(Effect::None) {
            continue;
        }
        for (role, subject) in [
            (Role::TenantAdmin, "tenants/acme"),
            (Role::Tester, "people/tom"),
        ] {
            let caller = Caller::Known(Identity::new(role, subject)?);
            if rules.decide(&caller, &path(&method)) != Decision::Allowed {
                continue;
            }
            for parent in [
                "",
                "applications/-",
                "applications/shop",
                "tenants/-",
                "tenants/-/inbox",
                "operator/inbox",
            ] {
                for field in ["parent", "name", "application"] {
                    if method.input().get_field_by_name(field).is_none() {
                        continue;
                    }
                    let request = with(&method, field, parent)?;
                    let answer = any.call(&method, &request, &caller).await?;
                    seen += 1;
                    ensure!(
                        !answer.json().contains("beta"),
                        "{} of {parent:?} as {role}: {}",
                        path(&method),
                        answer.json()
                    );
                }
            }
        }
    }
    ensure!(seen > 50, "only {seen} looks");
    Ok(())
}

/// Returns the form of name that the method takes.
async fn form_of(
    ask: &impl AsyncFn(&str, &str) -> Result<Answer>,
    method: &MethodDescriptor,
    own: &str,
) -> Result<&'static str> {
    for form in FORMS {
        if ask(form, own).await?.code() != Code::InvalidArgument {
            return Ok(form);
        }
    }
    anyhow::bail!("no form of name fits {}", path(method))
}

/// Makes a request whose field at this path has this value; enums are their first, texts empty.
fn with(method: &MethodDescriptor, field: &str, value: &str) -> Result<DynamicMessage> {
    ensure!(!field.contains('.'), "{field} is inside of another one");
    let mut request = DynamicMessage::new(method.input());
    for other in method.input().fields() {
        if let (Kind::Enum(_), false) = (other.kind(), other.is_list()) {
            request.set_field(&other, Value::EnumNumber(1));
        }
    }
    let field = method
        .input()
        .get_field_by_name(field)
        .context("the field")?;
    request.set_field(&field, Value::String(value.to_owned()));
    Ok(request)
}

/// Returns what a refusal says, without whom it is about.
fn words(answer: &Answer, whose: &str) -> (Code, String, String) {
    let problem = answer.problem();
    (
        answer.code(),
        problem.reason().to_string(),
        answer.status.message().replace(whose, "X"),
    )
}

fn callers() -> Result<Vec<Caller>> {
    let subject = |role| match role {
        Role::TenantAdmin => "tenants/anna",
        Role::Gateway => "gateways/g-1",
        Role::Service => "services/catalog",
        Role::OperatorAdmin | Role::OperatorViewer | Role::Tester => "people/olga",
    };
    let known = Role::ALL
        .into_iter()
        .map(|role| Ok(Caller::Known(Identity::new(role, subject(role))?)));
    known.chain([Ok(Caller::Anonymous)]).collect()
}
