//! Whatever stands in a field of a request, it is refused as wrong and never breaks anything: every field
//! of every request of every RPC, made from the descriptors.

use anyhow::{Result, ensure};
use contract::{Caller, Identity, Role, Rules, access::Decision};
use futures::{StreamExt as _, stream};
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, Value};
use tests::{
    any_rpc::{Answer, AnyRpc, path},
    world::{Database, World},
};
use tonic::Code;

/// Messages inside of messages that are looked into.
const DEPTH_MAX: usize = 4;

/// What no answer may hold: statements, paths, addresses, names of programs inside.
const INSIDES: [&str; 12] = [
    "select ",
    "insert ",
    "update ",
    "sqlx",
    "sqlite",
    "postgres",
    ".db",
    "/tmp",
    "/home",
    "127.0.0.1",
    "panicked",
    "stack backtrace",
];

/// Requests under way at once.
const AT_ONCE: usize = 8;

/// Fields that services write and do not read; what the operator is told has no tenant.
const OUTPUT_ONLY: [&str; 18] = [
    ".subject.tenant",
    ".subject.tenant_display_name",
    ".active_version",
    ".address_template",
    ".create_time",
    ".update_time",
    ".first_active_time",
    ".last_active_time",
    ".test_time",
    ".etag",
    ".generation",
    ".open_switch",
    ".test_address",
    ".test_version",
    "version.state",
    "version.name",
    "tenant.name",
    "application.name",
];

/// Fields of which a request is not told that they are wrong, and why not.
const NOT_NAMED: &[(&str, &str)] = &[
    // The stream has not said hello, or is told of its first fault alone.
    ("/Follow", ""),
    ("/FollowGrants", ""),
    // Whose it is comes first: nobody is told more of what is not theirs.
    ("/ListEvents", ""),
    ("/MarkEvents", ""),
    ("/ArchiveEvents", ""),
    ("/WatchInbox", ""),
    ("/SetSubscription", ""),
    // All links and secrets that are none are answered alike.
    ("", "token"),
    ("", "form_token"),
    ("/IssueToken", "client_secret"),
    ("/ListClientTenants", "client_secret"),
    // Links are looked up first; what a browser says of itself is cut.
    ("/GetOffer", "origin"),
    ("/DecideOffer", "origin.user_agent"),
    ("/WithdrawConsent", "origin.user_agent"),
    ("/DecideOffer", "typed"),
    ("/WithdrawConsent", "typed"),
    // A gateway knows it or does not.
    ("/GetStatus", "application"),
];

#[tokio::test(flavor = "multi_thread")]
async fn hostile_values_are_refused_as_wrong_and_tell_nothing_of_the_inside() -> Result<()> {
    ask_with_hostile_values(Database::Postgres).await
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_values_are_refused_as_wrong_and_tell_nothing_of_the_inside_on_sqlite() -> Result<()>
{
    ask_with_hostile_values(Database::Sqlite).await
}

async fn ask_with_hostile_values(database: Database) -> Result<()> {
    let world = World::start(database, 1).await?;
    match every_field(&world).await {
        Ok(()) => Ok(()),
        Err(fault) => Err(world.explain(fault)),
    }
}

async fn every_field(world: &World) -> Result<()> {
    let any = AnyRpc::of(world)?;
    let rules = Rules::from_descriptors(proto::DESCRIPTOR_SET)?;
    let callers = callers()?;
    let mut cases = Vec::new();
    for method in any.methods() {
        let allowed = |caller: &&Caller| rules.decide(caller, &path(&method)) == Decision::Allowed;
        if let Some(caller) = callers.iter().find(allowed) {
            let hostile = hostile(&method.input(), DEPTH_MAX).into_iter();
            cases.extend(hostile.map(|case| (method.clone(), caller, case)));
        }
    }
    let asked = cases.iter().map(async |(method, caller, case)| {
        let answer = any.call(method, &case.request, caller).await?;
        Ok(faults(&path(method), case, &answer))
    });
    let asked: Vec<Result<Vec<String>>> = stream::iter(asked).buffered(AT_ONCE).collect().await;
    let faults: Vec<Vec<String>> = asked.into_iter().collect::<Result<_>>()?;
    ensure!(cases.len() > 2000, "only {} hostile requests", cases.len());
    let faults = faults.concat();
    ensure!(faults.is_empty(), "{}", faults.join("\n"));
    Ok(())
}

/// Returns what is not as it should be with an answer.
fn faults(method: &str, case: &Case, answer: &Answer) -> Vec<String> {
    let mut faults = Vec::new();
    let what = format!("{method} with a hostile {}", case.field);
    if [Code::Internal, Code::Unknown, Code::DataLoss].contains(&answer.code()) {
        faults.push(format!("{what}: {:?}", answer.status));
    }
    let problem = answer.problem();
    let said = format!("{} {:?}", answer.status.message(), problem.fields());
    if let Some(inside) = INSIDES
        .iter()
        .find(|inside| said.to_lowercase().contains(**inside))
    {
        faults.push(format!("{what} says {inside:?}: {said}"));
    }
    let excepted = NOT_NAMED
        .iter()
        .any(|(of, field)| method.ends_with(of) && case.field.starts_with(field))
        || OUTPUT_ONLY.iter().any(|end| case.field.ends_with(end));
    let named = problem
        .fields()
        .iter()
        .any(|wrong| without_index(&wrong.field) == case.field);
    if case.never_right && !excepted && !named {
        faults.push(format!(
            "{what} is not told that it is wrong: {} {said}",
            answer.code()
        ));
    }
    faults
}

/// Leaves out which of a list it is: `names[0]`.
fn without_index(field: &str) -> String {
    let (mut plain, mut inside) = (String::new(), false);
    for letter in field.chars() {
        match letter {
            '[' => inside = true,
            ']' => inside = false,
            _ if !inside => plain.push(letter),
            _ => {}
        }
    }
    plain
}

/// A request with one hostile value.
struct Case {
    field: String,
    request: DynamicMessage,
    /// No field may have such a value.
    never_right: bool,
}

/// Returns requests with one hostile value each.
fn hostile(message: &MessageDescriptor, depth: usize) -> Vec<Case> {
    let mut all = Vec::new();
    for field in message.fields().filter(|field| !field.is_map()) {
        for (inside, value, never_right) in values(&field, depth) {
            let mut request = DynamicMessage::new(message.clone());
            let value = match field.is_list() {
                true => Value::List(vec![value]),
                false => value,
            };
            request.set_field(&field, value);
            all.push(Case {
                field: format!("{}{inside}", field.name()),
                request,
                never_right,
            });
        }
    }
    all
}

/// Returns hostile values, where inside of the field they are, and whether no field may have them.
fn values(field: &FieldDescriptor, depth: usize) -> Vec<(String, Value, bool)> {
    let plain = |values: Vec<(Value, bool)>| {
        let values = values.into_iter();
        values
            .map(|(value, never_right)| (String::new(), value, never_right))
            .collect()
    };
    let text = |text: &str| Value::String(text.to_owned());
    match field.kind() {
        Kind::String => plain(vec![
            (text(&"x".repeat(100_000)), true),
            (text("a\0b"), true),
            (text("a\u{1b}[2J\r\nb"), true),
            (text("e\u{301}\u{202e}"), false),
            (text("' or 1=1; --"), false),
            (text("../../etc/passwd"), false),
        ]),
        Kind::Enum(_) => plain(vec![
            (Value::EnumNumber(9999), true),
            (Value::EnumNumber(-1), true),
        ]),
        Kind::Int32 => plain(vec![
            (Value::I32(i32::MIN), false),
            (Value::I32(i32::MAX), false),
        ]),
        Kind::Int64 => plain(vec![
            (Value::I64(i64::MIN), false),
            (Value::I64(i64::MAX), false),
        ]),
        Kind::Uint64 => plain(vec![(Value::U64(u64::MAX), false)]),
        Kind::Bytes => plain(vec![(Value::Bytes(vec![0xff; 100_000].into()), false)]),
        Kind::Message(message) => match message.full_name() {
            "google.protobuf.Duration" | "google.protobuf.Timestamp" => {
                let span = message.full_name().ends_with("Duration");
                let given = [
                    ((-1, 0), span),
                    ((i64::MIN, i32::MIN), true),
                    ((i64::MAX, i32::MAX), true),
                    ((1, -1), true),
                ];
                let time = |(seconds, nanos): (i64, i32)| {
                    let mut time = DynamicMessage::new(message.clone());
                    time.set_field_by_name("seconds", Value::I64(seconds));
                    time.set_field_by_name("nanos", Value::I32(nanos));
                    Value::Message(time)
                };
                plain(given.map(|(given, wrong)| (time(given), wrong)).into())
            }
            _ if depth == 0 => Vec::new(),
            _ => hostile(&message, depth - 1)
                .into_iter()
                .map(|case| {
                    let inside = format!(".{}", case.field);
                    (inside, Value::Message(case.request), case.never_right)
                })
                .collect(),
        },
        _ => Vec::new(),
    }
}

fn callers() -> Result<Vec<Caller>> {
    let known = [
        (Role::OperatorAdmin, "people/olga"),
        (Role::Service, "services/catalog"),
        (Role::Gateway, "gateways/g-1"),
    ];
    let known = known
        .into_iter()
        .map(|(role, subject)| Ok(Caller::Known(Identity::new(role, subject)?)));
    known.chain([Ok(Caller::Anonymous)]).collect()
}
