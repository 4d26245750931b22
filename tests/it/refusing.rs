//! Bad input gets a clear error: a code, a stable reason and the field at fault; and nothing is
//! lost by it.

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use contract::{Code, Problem};
use http::{Method, StatusCode};
use proto::{
    catalog::v1::{
        Application, CancelSwitchRequest, ConfirmUpdateRequest, CreateVersionRequest, Icon,
        ListApplicationsRequest, Role, UpdateApplicationRequest, Version,
    },
    provisioning::v1::{CreateTenantRequest, Tenant},
};
use tests::{
    api::{Api, Confirm, version_name},
    consent_page::{Choice, decide},
    http_client::{get, send},
    world::{Database, Part, World},
};
use tonic::Status;

/// What was expected of a refusal.
struct Expected<'a> {
    code: Code,
    reason: &'a str,
    field: &'a str,
    says: &'a str,
}

fn check<T: std::fmt::Debug>(
    what: &str,
    answer: Result<T, Status>,
    expected: &Expected<'_>,
) -> Result<()> {
    let status = answer
        .err()
        .with_context(|| format!("{what}: was accepted"))?;
    let problem = Problem::from(status);
    let fields: Vec<&str> = problem.fields().iter().map(|field| &*field.field).collect();
    let told = format!("{what}: {problem:?}");
    ensure!(problem.code() == expected.code, "{told}");
    ensure!(problem.reason().as_str() == expected.reason, "{told}");
    ensure!(
        expected.field.is_empty() || fields.contains(&expected.field),
        "{told}"
    );
    let words = problem
        .fields()
        .iter()
        .map(|field| field.description.clone())
        .collect::<String>()
        + problem.message();
    ensure!(words.contains(expected.says), "{told}");
    Ok(())
}

fn invalid<'a>(field: &'a str) -> Expected<'a> {
    Expected {
        code: Code::InvalidArgument,
        reason: "INVALID_FIELDS",
        field,
        says: "",
    }
}

fn upstream_refused() -> Expected<'static> {
    Expected {
        field: "version.upstream",
        ..refused(Code::InvalidArgument, "UPSTREAM_REFUSED")
    }
}

fn refused<'a>(code: Code, reason: &'a str) -> Expected<'a> {
    Expected {
        code,
        reason,
        field: "",
        says: "",
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_input_is_refused_with_code_reason_and_field() -> Result<()> {
    let mut world = World::start(Database::Sqlite, 1).await?;
    match refusals(&mut world).await {
        Ok(()) => Ok(()),
        Err(fault) => Err(world.explain(fault)),
    }
}

async fn refusals(world: &mut World) -> Result<()> {
    let old = world.upstream("1.0").await?;
    let new = world.upstream("2.0").await?;
    let api = world.api.clone();
    api.create_application("shop", "Shop").await?;
    api.create_version("shop", "1.0", &old, &[]).await?;
    api.create_version("shop", "2.0", &new, &["orders.read"])
        .await?;
    api.create_tenant("anna", "admin@anna.example").await?;

    let version = create_version(&api, "1.0", "http://10.9.9.9:80").await;
    check(
        "a second version with the same name",
        version,
        &refused(Code::AlreadyExists, "ALREADY_EXISTS"),
    )?;
    let version = create_version(&api, "3.0", "ftp://10.9.9.9").await;
    check("an upstream that is not http", version, &upstream_refused())?;
    let own = world.doors().first().context("a gateway")?.address;
    for upstream in [
        format!("http://{own}"),
        format!("http://{}", world.user_host("anna", "shop")),
    ] {
        let version = create_version(&api, "3.0", &upstream).await;
        let expected = upstream_refused();
        check("an upstream that is the gateway itself", version, &expected)?;
    }
    let mask = update(&api, Application::default(), &["colour"], "").await;
    check(
        "an unknown path in a field mask",
        mask,
        &invalid("update_mask.paths"),
    )?;
    let icon = Icon {
        media_type: "image/png".to_owned(),
        data: Bytes::from(vec![0; 64 * 1024 + 1]),
    };
    let icon = update(
        &api,
        Application {
            icon: Some(icon),
            ..Application::default()
        },
        &["icon"],
        "",
    )
    .await;
    check("an oversized icon", icon, &invalid("application.icon.data"))?;
    let renamed = Application {
        display_name: "Shop 2".to_owned(),
        ..Application::default()
    };
    let stale = update(&api, renamed, &["display_name"], "r0").await;
    check("a stale etag", stale, &refused(Code::Aborted, "STALE_ETAG"))?;
    let page = ListApplicationsRequest {
        page_size: 100_000,
        ..ListApplicationsRequest::default()
    };
    check(
        "an oversized page",
        api.applications.clone().list_applications(page).await,
        &invalid("page_size"),
    )?;
    let capitals = CreateTenantRequest {
        tenant_id: "Anna".to_owned(),
        tenant: Some(Tenant::default()),
        ..CreateTenantRequest::default()
    };
    check(
        "a tenant id with capitals",
        api.tenants.clone().create_tenant(capitals).await,
        &invalid("tenant_id"),
    )?;

    let early = confirm(&api, "1.0").await;
    check(
        "confirm of a version not in test",
        early,
        &refused(Code::FailedPrecondition, "VERSION_NOT_IN_TEST"),
    )?;
    let never = reactivate(&api, "1.0").await;
    check(
        "reactivate of a version never active",
        never,
        &refused(Code::FailedPrecondition, "VERSION_NEVER_ACTIVE"),
    )?;

    api.register_to_test("shop", "1.0").await?;
    send(
        Method::POST,
        &format!("{old}/health/red"),
        &[],
        Bytes::new(),
    )
    .await?;
    let red = Expected {
        says: "503",
        ..refused(Code::FailedPrecondition, "VERSION_UNHEALTHY")
    };
    check("a red health check", confirm(&api, "1.0").await, &red)?;
    send(
        Method::POST,
        &format!("{old}/health/green"),
        &[],
        Bytes::new(),
    )
    .await?;

    // Without provisioning the switch stays open.
    world.kill(Part::Provisioning).await?;
    let open = api.confirm(Confirm::Update, "shop", "1.0").await?;
    let second = Expected {
        says: &open.name,
        ..refused(Code::Aborted, "SWITCH_OPEN")
    };
    check(
        "confirm while a switch is open",
        confirm(&api, "1.0").await,
        &second,
    )?;
    api.switches
        .clone()
        .cancel_switch(CancelSwitchRequest {
            name: open.name.clone(),
            ..CancelSwitchRequest::default()
        })
        .await?;
    world.restart(Part::Provisioning).await?;
    api.ended(&open.name).await?;

    api.provision("anna", "shop", "1.0").await?;
    api.switch_to(Confirm::Update, "shop", "1.0").await?;
    api.register_to_test("shop", "2.0").await?;
    api.switch_to(Confirm::Update, "shop", "2.0").await?;
    links(world).await
}

/// Unknown, malformed and used links.
async fn links(world: &World) -> Result<()> {
    let mail = world
        .mailbox
        .mail("anna's mail", |mail| {
            mail.is_to("admin@anna.example") && mail.consent_link().is_ok()
        })
        .await?;
    let link = mail.consent_link()?;
    let (bare, _) = link.split_once('?').context("a link with a language")?;
    let (base, token) = bare
        .rsplit_once('/')
        .context("a token at the end of the link")?;
    let unknown = format!("{base}/{}", token.chars().rev().collect::<String>());
    let pages = [
        get(&unknown, &[]).await?,
        get(&format!("{base}/x"), &[]).await?,
    ];
    ensure!(
        pages
            .iter()
            .all(|page| page.status == StatusCode::NOT_FOUND),
        "{pages:?}"
    );
    ensure!(
        pages[0].text() == pages[1].text(),
        "unknown and malformed links must look the same"
    );

    let first = decide(link, Choice::Deny).await?;
    let again = decide(link, Choice::Deny).await?;
    ensure!(
        first.status == StatusCode::OK && again.status == StatusCode::OK,
        "{first:?} {again:?}"
    );
    ensure!(
        first.text().contains("denied") && again.text().contains("denied"),
        "{}",
        again.text()
    );
    Ok(())
}

async fn create_version(api: &Api, id: &str, upstream: &str) -> Result<(), Status> {
    let role = Role {
        name: "user".to_owned(),
        description: "Uses it".to_owned(),
    };
    let version = Version {
        upstream: upstream.to_owned(),
        roles: vec![role],
        ..Version::default()
    };
    let request = CreateVersionRequest {
        parent: "applications/shop".to_owned(),
        version_id: id.to_owned(),
        version: Some(version),
        ..CreateVersionRequest::default()
    };
    api.applications
        .clone()
        .create_version(request)
        .await
        .map(drop)
}

async fn update(
    api: &Api,
    application: Application,
    paths: &[&str],
    etag: &str,
) -> Result<(), Status> {
    let mask = prost_types::FieldMask {
        paths: paths.iter().map(ToString::to_string).collect(),
    };
    let request = UpdateApplicationRequest {
        application: Some(Application {
            name: "applications/shop".to_owned(),
            ..application
        }),
        update_mask: Some(mask),
        etag: etag.to_owned(),
    };
    api.applications
        .clone()
        .update_application(request)
        .await
        .map(drop)
}

async fn confirm(api: &Api, version: &str) -> Result<(), Status> {
    let request = ConfirmUpdateRequest {
        version: version_name("shop", version),
        ..ConfirmUpdateRequest::default()
    };
    api.switches.clone().confirm_update(request).await.map(drop)
}

async fn reactivate(api: &Api, version: &str) -> Result<(), Status> {
    let request = proto::catalog::v1::ConfirmReactivateRequest {
        version: version_name("shop", version),
        ..Default::default()
    };
    api.switches
        .clone()
        .confirm_reactivate(request)
        .await
        .map(drop)
}
