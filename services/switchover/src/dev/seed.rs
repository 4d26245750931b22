//! Makes the demonstration through the public RPCs. What is there already stays as it is, so that
//! every start, and one after a crash, comes to the same.

use std::{net::SocketAddr, time::Duration};

use contract::{Problem, Reason, reason};
use demo::Release;
use proto::{
    catalog::v1::{
        Application, ConfirmUpdateRequest, CreateApplicationRequest, CreateVersionRequest,
        GetApplicationRequest, GetVersionRequest, RegisterToTestRequest, RotateTesterTokenRequest,
        SwitchState, WaitSwitchRequest,
    },
    provisioning::v1::{
        ConsentOnRecord, CreateProvisioningRequest, CreateTenantRequest, ListProvisioningsRequest,
        create_provisioning_request::Consent,
    },
};
use runtime::Shell;
use tokio::net::TcpListener;

use super::{
    demonstration::{self, APPLICATION},
    knock::Knock,
    places::Places,
    walkthrough::Installation,
};
use crate::{
    connect::{
        Service::{Catalog, Provisioning},
        Session,
    },
    error::Error,
    show::progress,
};

/// Why the demonstration's first switch is confirmed, and its tenants are provisioned.
const WHY: &str = "The demonstration begins.";
/// How long one call waits for a switch.
const TURN: prost_types::Duration = prost_types::Duration {
    seconds: 60,
    nanos: 0,
};
/// How long the first switch may take in all.
const FIRST_SWITCH: Duration = Duration::from_secs(120);

/// Makes the application and its versions, serves the versions, and returns where.
pub(crate) async fn versions(
    session: &Session,
    releases: &[Release; 2],
    places: &Places,
    shell: &Shell,
) -> Result<[String; 2], runtime::Error> {
    let request = CreateApplicationRequest {
        application_id: APPLICATION.to_owned(),
        application: Some(demonstration::application()),
        request_id: String::new(),
    };
    let created = session
        .ask(
            Catalog,
            Box::pin(session.applications().create_application(request)),
        )
        .await;
    unless(created.map(drop), &reason::ALREADY_EXISTS).map_err(failed)?;
    let [first, second] = releases;
    Ok([
        serve(session, first, places.first, shell).await?,
        serve(session, second, places.second, shell).await?,
    ])
}

/// Serves one version where the catalog knows it to be, or, if it does not, where it has a place.
async fn serve(
    session: &Session,
    release: &Release,
    place: SocketAddr,
    shell: &Shell,
) -> Result<String, runtime::Error> {
    let request = GetVersionRequest {
        name: full_version(&release.version),
    };
    let known = session
        .ask(Catalog, session.applications().get_version(request))
        .await;
    let upstream = match known {
        Ok(answer) => answer.version.map(|version| version.upstream),
        Err(Error::Service { problem, .. }) if problem.is(&reason::NOT_FOUND) => None,
        Err(error) => return Err(failed(error)),
    };
    let address = match &upstream {
        None => place,
        Some(upstream) => upstream
            .trim_start_matches("http://")
            .parse()
            .map_err(|_| runtime::Error::Usage(format!(
                "version {} is said to be at {upstream}, which is not this demonstration's; --fresh begins anew",
                release.version
            )))?,
    };
    let listener = TcpListener::bind(address).await.map_err(|error| {
        let why = format!(
            "{error}; version {} was there before, --fresh begins anew",
            release.version
        );
        runtime::Error::unavailable(address.to_string(), why)
    })?;
    let stop = shell.stopping();
    let task = format!("demo {}", release.version);
    shell.spawn(
        task,
        demo::serve(listener, release.clone(), async move {
            stop.cancelled().await;
        }),
    );
    let url = format!("http://{address}");
    if upstream.is_none() {
        let request = CreateVersionRequest {
            parent: format!("applications/{APPLICATION}"),
            version_id: release.version.clone(),
            version: Some(demonstration::version(release, url.clone())),
            request_id: String::new(),
        };
        let created = session
            .ask(Catalog, session.applications().create_version(request))
            .await;
        created.map_err(failed)?;
    }
    Ok(url)
}

/// Makes the tenants, the first version the active one, and lets the tenants use it. Returns once
/// their addresses answer.
pub(crate) async fn tenants_and_first_activation(
    session: &Session,
    installation: &Installation,
    places: &Places,
) -> Result<(), runtime::Error> {
    for (tenant, facts) in demonstration::tenants() {
        let request = CreateTenantRequest {
            tenant_id: tenant.to_owned(),
            tenant: Some(facts),
            request_id: String::new(),
        };
        let created = session
            .ask(Provisioning, session.tenants().create_tenant(request))
            .await;
        unless(created.map(drop), &reason::ALREADY_EXISTS).map_err(failed)?;
    }
    let application = application(session).await?;
    if application.active_version.is_empty() {
        activate(session, &application, installation, places).await?;
    }
    for (tenant, _) in demonstration::tenants() {
        provision(session, tenant).await.map_err(failed)?;
    }
    for url in installation.tenants.values() {
        // One who has denied the version in use stays refused.
        let statuses = &[200, 403];
        Knock {
            address: places.apps,
            url,
            tester_token: None,
            statuses,
        }
        .until_answered()
        .await?;
    }
    Ok(())
}

/// Tests the first version and makes it the active one.
async fn activate(
    session: &Session,
    application: &Application,
    installation: &Installation,
    places: &Places,
) -> Result<(), runtime::Error> {
    let version = full_version(installation.first_version());
    let switch = if application.open_switch.is_empty() {
        let token = if application.test_version == version {
            let request = RotateTesterTokenRequest {
                version: version.clone(),
            };
            let rotated = session
                .ask(Catalog, session.switches().rotate_tester_token(request))
                .await;
            rotated.map_err(failed)?.tester_token
        } else {
            let request = RegisterToTestRequest {
                version: version.clone(),
                reason: WHY.to_owned(),
            };
            let registered = session
                .ask(Catalog, session.switches().register_to_test(request))
                .await;
            registered.map_err(failed)?.tester_token
        };
        let knock = Knock {
            address: places.apps,
            url: &installation.test_address,
            tester_token: Some(&token),
            statuses: &[200],
        };
        knock.until_answered().await?;
        let request = ConfirmUpdateRequest {
            version,
            reason: WHY.to_owned(),
            ..Default::default()
        };
        let confirmed = session
            .ask(Catalog, session.switches().confirm_update(request))
            .await;
        confirmed.map_err(failed)?.switch.unwrap_or_default().name
    } else {
        application.open_switch.clone()
    };
    let ended = tokio::time::timeout(FIRST_SWITCH, async {
        loop {
            let request = WaitSwitchRequest {
                name: switch.clone(),
                timeout: Some(TURN),
            };
            let waited = session
                .wait(Catalog, session.switches().wait_switch(request))
                .await;
            let switch = waited.map_err(failed)?.switch.unwrap_or_default();
            if progress::ended(&switch) {
                return Ok::<_, runtime::Error>(switch);
            }
        }
    });
    let switch = ended
        .await
        .map_err(|_| runtime::Error::unavailable("the first switch", "it does not end"))??;
    match switch.state() {
        SwitchState::Succeeded => Ok(()),
        _ => {
            let why = switch.failure.unwrap_or_default().message;
            Err(runtime::Error::unavailable(
                "the demonstration's first version",
                why,
            ))
        }
    }
}

/// Lets a tenant use the version in use, unless it has been asked about the application before.
async fn provision(session: &Session, tenant: &str) -> Result<(), Error> {
    let tenant = format!("tenants/{tenant}");
    let request = ListProvisioningsRequest {
        parent: tenant.clone(),
        application: format!("applications/{APPLICATION}"),
        page_size: 1,
        ..ListProvisioningsRequest::default()
    };
    let listed = session
        .ask(
            Provisioning,
            session.provisionings().list_provisionings(request),
        )
        .await;
    if !listed?.provisionings.is_empty() {
        return Ok(());
    }
    let request = GetApplicationRequest {
        name: format!("applications/{APPLICATION}"),
    };
    let application = session
        .ask(Catalog, session.applications().get_application(request))
        .await;
    let request = CreateProvisioningRequest {
        tenant,
        version: application?.application.unwrap_or_default().active_version,
        consent: Some(Consent::OnRecord(ConsentOnRecord {
            reference: WHY.to_owned(),
        })),
    };
    let call = async { session.provisionings().create_provisioning(request).await };
    unless(
        session.ask(Provisioning, call).await.map(drop),
        &reason::ALREADY_PROVISIONED,
    )
}

async fn application(session: &Session) -> Result<Application, runtime::Error> {
    let request = GetApplicationRequest {
        name: format!("applications/{APPLICATION}"),
    };
    let answer = session
        .ask(Catalog, session.applications().get_application(request))
        .await;
    Ok(answer.map_err(failed)?.application.unwrap_or_default())
}

fn full_version(version: &str) -> String {
    format!("applications/{APPLICATION}/versions/{version}")
}

/// Takes a refusal for this reason as done already.
fn unless(result: Result<(), Error>, done: &Reason) -> Result<(), Error> {
    match result {
        Err(Error::Service { problem, .. }) if problem.is(done) => Ok(()),
        other => other,
    }
}

fn failed(error: Error) -> runtime::Error {
    let why = match error {
        Error::Service { problem, .. } => worded(&problem),
        other => other.to_string(),
    };
    runtime::Error::unavailable("the demonstration", why)
}

fn worded(problem: &Problem) -> String {
    match problem.hint() {
        None => problem.message().to_owned(),
        Some(hint) => format!("{} {hint}", problem.message()),
    }
}
