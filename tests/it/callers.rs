//! Who calls: people by tokens of an issuer that is not ours, services and gateways by certificates,
//! automation by keys for one application; and nobody else, whatever they show.

use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use contract::{Problem, Role, reason};
use proto::{
    access::v1::{
        self as access, GetCallerRequest, Proof, access_service_client::AccessServiceClient,
    },
    catalog::v1::{
        GetApplicationRequest, ListApplicationsRequest,
        application_service_client::ApplicationServiceClient,
    },
    notification::v1::WatchInboxRequest,
};
use runtime::{Client, ClientTls, Credentials, Endpoint, Key, TlsArgs, connect_lazy};
use serde_json::{Value, json};
use tests::{
    api::{Api, Confirm},
    certificates::{Authority, Certificate},
    guarded::{Guarded, VALID},
    issuer::AUDIENCE,
    keys::{Callers, Keys},
    load::Load,
    process::built,
    shop,
    until::until,
    world::{Database, World},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_person_with_a_token_of_another_issuer_switches_where_all_parts_show_certificates()
-> Result<()> {
    let mut guarded = Guarded::start().await?;
    let done = switches(&mut guarded).await;
    done.map_err(|fault| guarded.explain(fault))
}

async fn switches(guarded: &mut Guarded) -> Result<()> {
    let olga = guarded.person("olga").await?;
    let api = guarded.api(&olga)?;
    let urls = (
        guarded.upstream("1.0").await?,
        guarded.upstream("2.0").await?,
    );
    api.create_application("shop", "Shop").await?;
    api.create_version("shop", "1.0", &urls.0, &[]).await?;
    api.create_version("shop", "2.0", &urls.1, &[]).await?;
    api.create_tenant("anna", "admin@anna.example").await?;
    api.provision("anna", "shop", "1.0").await?;
    for version in ["1.0", "2.0"] {
        api.register_to_test("shop", version).await?;
        api.switch_to(Confirm::Update, "shop", version).await?;
        let answer = guarded.visit("anna", "shop").await?;
        ensure!(answer.contains(version), "{answer}");
    }

    // The gateway came by its certificate, and so did provisioning, whose mails notification took.
    let vera = guarded.person("vera").await?;
    let vera = guarded.api(&vera)?;
    let mails = async || Ok(vera.all_deliveries().await?.len());
    until("mails", mails, |mails| *mails > 0).await?;
    let refused = vera.create_application("other", "Other").await.err();
    let refused = refused.context("refused")?;
    let status: &tonic::Status = refused.downcast_ref().context("a status")?;
    ensure!(status.code() == tonic::Code::PermissionDenied, "{status:?}");

    // A key that is withdrawn and another that comes need no restart.
    let before = guarded.issuer.token("olga", AUDIENCE).await?;
    guarded.issuer.rotate("two").await?;
    let again = guarded.person("olga").await?;
    let places = guarded.places()?;
    for place in [&places.catalog, &places.provisioning, &places.notification] {
        let client = client(place, &again)?;
        let asked = async || Ok(who(&client).await?);
        let caller = until("the new key", asked, |_| true).await?;
        ensure!(caller.subject == "people/olga", "{caller:?}");
        let late = who(&self::client(place, &guarded.bearer("late", &before)?)?).await;
        ensure!(is_unauthenticated(&late), "{late:?}");
    }
    let api = guarded.api(&again)?;
    api.switch_to(Confirm::Reactivate, "shop", "1.0").await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_ends_with_its_key_and_a_gateway_goes_on_with_a_new_one() -> Result<()> {
    let mut world = World::start_with(Database::Sqlite, 1, Callers::Keyed).await?;
    let done = replaced(&mut world).await;
    done.map_err(|fault| world.explain(fault))
}

async fn replaced(world: &mut World) -> Result<()> {
    shop::open(world, &["anna"]).await?;
    let keys = Keys::new(world.folder())?;
    let vera = keys.credentials(Role::OperatorViewer, "people/vera", "vera")?;
    let vera = Api::new(&world.places()?, &vera)?;
    let request = WatchInboxRequest {
        name: "operator/inbox".to_owned(),
        ..WatchInboxRequest::default()
    };
    let open = async || Ok(vera.inbox.clone().watch_inbox(request.clone()).await?);
    let mut watched = until("the key to be known", open, |_| true).await?;
    let before = Credentials::Key(Key::read(&keys.own("gateway-0"))?);

    let load = Load::start(&world.doors(), &shop::users(world, &["anna"]), 4, 80);
    keys.replace("gateways/gateway-0", "gateway-0")?;
    keys.withdraw("people/vera")?;
    let ended = loop {
        match watched.get_mut().message().await {
            Ok(Some(_)) => {}
            Ok(None) => anyhow::bail!("it ended without a word"),
            Err(status) => break Problem::from(status),
        }
    };
    ensure!(ended.is(&reason::UNAUTHENTICATED), "{ended}");
    ensure!(ended.message().contains("no longer taken"), "{ended}");

    // Nothing that follows by the old key goes on: the switch needs the gateway's word, by the new one.
    let places = world.places()?;
    for place in [&places.catalog, &places.provisioning] {
        let old = client(place, &before)?;
        let asked = async || Ok(is_unauthenticated(&who(&old).await));
        until("the old key to be refused", asked, |refused| *refused).await?;
    }
    let api = world.api.clone();
    api.register_to_test("shop", "2.0").await?;
    api.switch_to(Confirm::Update, "shop", "2.0").await?;
    let record = load.finish().await;
    let faults: Vec<String> = record.faults().collect();
    ensure!(faults.is_empty() && record.requests() > 0, "{faults:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_else_is_let_in_whatever_they_show() -> Result<()> {
    let guarded = Guarded::start().await?;
    let done = async {
        forged_tokens(&guarded).await?;
        certificates(&guarded).await?;
        keys(&guarded).await?;
        command_line(&guarded).await
    };
    done.await.map_err(|fault| guarded.explain(fault))
}

async fn forged_tokens(guarded: &Guarded) -> Result<()> {
    let catalog = guarded.catalog()?;
    let good = guarded.issuer.token("olga", AUDIENCE).await?;
    let caller = who(&client(&catalog, &guarded.bearer("olga", &good)?)?).await?;
    ensure!(
        caller.proof() == Proof::Token && caller.expire_time.is_some(),
        "{caller:?}"
    );
    let [header, claims, signature] = good.split('.').collect::<Vec<_>>()[..] else {
        anyhow::bail!("three parts");
    };
    let changed = |part: &str, name: &str, value: Value| -> Result<String> {
        let mut object: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part)?)?;
        object[name] = value;
        Ok(URL_SAFE_NO_PAD.encode(object.to_string()))
    };
    let unsigned = changed(header, "alg", json!("none"))?;
    let stranger = changed(header, "jwk", json!({ "kty": "EC" }))?;
    let unknown = changed(header, "kid", json!("three"))?;
    let stronger = changed(claims, "switchover_roles", json!(["operator-admin"]))?;
    let forged = [
        format!("{unsigned}.{claims}."),
        format!("{stranger}.{claims}.{signature}"),
        format!("{unknown}.{claims}.{signature}"),
        format!("{header}.{stronger}x.{signature}"),
        format!("{header}.{claims}."),
        format!("{good}."),
        good[..good.len() - 3].to_owned(),
        guarded
            .issuer
            .token("olga", "https://elsewhere.example")
            .await?,
    ];
    for token in &forged {
        let bearer = guarded.bearer("forged", token)?;
        for place in [
            &catalog,
            &guarded.places()?.provisioning,
            &guarded.control()?,
        ] {
            let answer = who(&client(place, &bearer)?).await;
            ensure!(is_unauthenticated(&answer), "{token}: {answer:?}");
        }
    }
    // Somebody whom the issuer calls a service is none.
    let eve = who(&client(&catalog, &guarded.person("eve").await?)?).await;
    ensure!(
        eve.as_ref()
            .is_err_and(|p| p.is(&reason::PERMISSION_DENIED)),
        "{eve:?}"
    );
    let logs = guarded.logs()?;
    for why in [
        "TOKEN_ALGORITHM",
        "TOKEN_HEADER",
        "TOKEN_UNKNOWN_KEY",
        "TOKEN_AUDIENCE",
    ] {
        ensure!(logs.contains(why), "no log says {why}");
    }
    for token in forged.iter().chain([&good]) {
        ensure!(!logs.contains(&**token), "a log holds a token");
        let signature = token.rsplit('.').next().unwrap_or_default();
        ensure!(
            signature.len() < 20 || !logs.contains(signature),
            "a log holds a signature"
        );
    }
    Ok(())
}

async fn certificates(guarded: &Guarded) -> Result<()> {
    let catalog = guarded.catalog()?;
    let ours = guarded.authority.certificate();
    let folder = tempfile::tempdir()?;
    let foreign = Authority::new(folder.path(), "foreign")?;
    let name = "spiffe://switchover/service/provisioning";
    let show = async |certificate: &Certificate| -> Result<_> {
        let args = TlsArgs {
            tls_cert: Some(certificate.cert.clone()),
            tls_key: Some(certificate.key.clone()),
            tls_ca: Some(ours.clone()),
            ..TlsArgs::default()
        };
        let service = runtime::ServiceArgs {
            tls: Box::new(args),
            ..runtime::ServiceArgs::default()
        };
        let credentials = service.credentials(Role::Service, "provisioning")?;
        Ok(who(&client(&catalog, &credentials)?).await)
    };
    let caller = show(&guarded.authority.issue("test", name, VALID)?).await??;
    ensure!(caller.proof() == Proof::Certificate, "{caller:?}");
    ensure!(caller.subject == "provisioning", "{caller:?}");
    for elsewhere in [
        "spiffe://elsewhere/service/provisioning",
        "spiffe://switchover/people/olga",
    ] {
        let answer = show(&guarded.authority.issue("test", elsewhere, VALID)?).await?;
        ensure!(is_unauthenticated(&answer), "{elsewhere}: {answer:?}");
    }
    let expired = show(&guarded.authority.issue("test", name, 2020)?).await?;
    ensure!(is_cut(&expired), "{expired:?}");
    let other = show(&foreign.issue("test", name, VALID)?).await?;
    ensure!(is_cut(&other), "{other:?}");

    let word = Credentials::claimed(Role::Service, "provisioning")?;
    let over = |tls| Credentials::Over(tls, Box::new(word.clone()));
    let nobody = who(&client(&catalog, &over(guarded.tls()?))?).await?;
    ensure!(
        nobody == access::Caller::default(),
        "a word is no proof: {nobody:?}"
    );
    let distrusting = ClientTls::trusting(Some(&foreign.certificate()))?;
    let distrusting = who(&client(&catalog, &over(distrusting))?).await;
    ensure!(is_cut(&distrusting), "{distrusting:?}");
    let plain: Endpoint = catalog.to_string().replace("https", "http").parse()?;
    let plain = who(&client(&plain, &word)?).await;
    ensure!(is_cut(&plain), "{plain:?}");
    Ok(())
}

async fn keys(guarded: &Guarded) -> Result<()> {
    let olga = guarded.api(&guarded.person("olga").await?)?;
    for id in ["crm", "erp"] {
        olga.create_application(id, id).await?;
    }
    let scoped = guarded.key(
        "operator-viewer",
        "people/robot",
        "applications = [\"crm\"]\nmethods = [\"switchover.catalog.v1.ApplicationService/*\"]",
    )?;
    let catalog = guarded.catalog()?;
    let robot = client(&catalog, &scoped)?;
    let caller = until("the key", async || Ok(who(&robot).await?), |_| true).await?;
    ensure!(caller.applications == ["applications/crm"], "{caller:?}");
    let mut applications = ApplicationServiceClient::new(robot.clone());
    let mut get = async |name: &str| {
        let request = GetApplicationRequest {
            name: name.to_owned(),
        };
        applications
            .get_application(request)
            .await
            .map_err(Problem::from)
    };
    get("applications/crm").await?;
    let foreign = get("applications/erp").await.err().context("refused")?;
    let nothing = get("applications/none").await.err().context("refused")?;
    ensure!(
        foreign == Problem::not_found("applications/erp"),
        "{foreign}"
    );
    ensure!(
        nothing.code() == foreign.code(),
        "whether it exists is not told"
    );
    let all = applications
        .list_applications(ListApplicationsRequest::default())
        .await;
    let all = all.map_err(Problem::from).err().context("refused")?;
    ensure!(all.is(&reason::PERMISSION_DENIED), "{all}");
    let request = proto::catalog::v1::GetSwitchRequest {
        name: "applications/crm/switches/1".to_owned(),
    };
    let mut switches = guarded.api(&scoped)?.switches;
    let switches = switches.get_switch(request).await;
    let switches = switches.map_err(Problem::from).err().context("refused")?;
    ensure!(switches.is(&reason::PERMISSION_DENIED), "{switches}");
    Ok(())
}

async fn command_line(guarded: &Guarded) -> Result<()> {
    let token = guarded.issuer.token("tom", AUDIENCE).await?;
    let token = guarded.keep("tom.token", &token)?;
    let run = |more: &[&str]| -> Result<(bool, String)> {
        let output = Command::new(built("switchover")?)
            .args(["whoami", "--token-file"])
            .arg(&token)
            .arg("--tls-ca")
            .arg(guarded.authority.certificate())
            .args(["--catalog", &guarded.catalog()?.to_string()])
            .args(more)
            .output()?;
        let text = [output.stdout, output.stderr].concat();
        Ok((output.status.success(), String::from_utf8(text)?))
    };
    let (known, text) = run(&["--as", "tenant-admin:bert"])?;
    ensure!(known, "{text}");
    for part in ["tenants/bert", "tenant admin", "people/tom", "access token"] {
        ensure!(text.contains(part), "{part}: {text}");
    }
    let (known, text) = run(&[])?;
    ensure!(!known && text.contains("x-switchover-subject"), "{text}");
    let (known, text) = run(&["--as", "operator-admin"])?;
    ensure!(!known && text.contains("does not grant"), "{text}");
    Ok(())
}

fn client(place: &Endpoint, credentials: &Credentials) -> Result<Client> {
    Ok(connect_lazy(place, credentials)?)
}

async fn who(client: &Client) -> Result<access::Caller, Problem> {
    let mut client = AccessServiceClient::new(client.clone());
    let answer = client.get_caller(GetCallerRequest {}).await;
    answer
        .map(|answer| answer.into_inner().caller.unwrap_or_default())
        .map_err(Problem::from)
}

fn is_unauthenticated(answer: &Result<access::Caller, Problem>) -> bool {
    answer
        .as_ref()
        .is_err_and(|problem| problem.is(&reason::UNAUTHENTICATED))
}

/// Tells that there was no connection at all.
fn is_cut(answer: &Result<access::Caller, Problem>) -> bool {
    answer.is_err() && !is_unauthenticated(answer)
}
