//! Which person it was where somebody speaks for a tenant, and that two are two: people by tokens of an
//! issuer that is not ours, and by keys.

use std::{fs, path::Path, process::Command};

use anyhow::{Context as _, Result, ensure};
use contract::{Problem, reason};
use proto::{
    audit::v1::{AuditEntry, ListAuditEntriesRequest, audit_service_client::AuditServiceClient},
    catalog::v1::{
        Application, ApprovalPolicy, ApproveProposalRequest, ProposalState,
        UpdateApplicationRequest, proposal_service_client::ProposalServiceClient,
    },
    provisioning::v1::{DecideProvisioningRequest, Decision, Provisioning},
};
use runtime::{Credentials, connect_lazy};
use tests::{api::Api, guarded::Guarded, process::built, until::until};

/// How the command line says that a log is not as it was written.
const TAMPERED: i32 = 7;
const DENIED: &str = "tenants/bert/applications/shop/provisionings/1.0";

#[tokio::test(flavor = "multi_thread")]
async fn who_speaks_for_a_tenant_is_named_with_it_wherever_that_is_kept() -> Result<()> {
    let guarded = Guarded::start().await?;
    let done = async {
        let olga = guarded.person("olga").await?;
        denied(&guarded, &olga).await?;
        exported(&guarded)
    };
    done.await.map_err(|fault| guarded.explain(fault))
}

async fn denied(guarded: &Guarded, olga: &Credentials) -> Result<()> {
    let api = guarded.api(olga)?;
    api.create_application("shop", "Shop").await?;
    api.create_version("shop", "1.0", "https://shop.example", &[])
        .await?;
    api.create_tenant("bert", "admin@bert.example").await?;
    api.provision("bert", "shop", "1.0").await?;

    let tom = guarded.api(&guarded.person_for("tom", "bert").await?)?;
    let denied = decide(&tom, Decision::Deny).await?;
    ensure!(
        denied.state_actor == "tenants/bert (people/tom)",
        "{denied:?}"
    );
    let key = guarded.key("tenant-admin", "tenants/bert", "")?;
    let robot = guarded.api(&key)?;
    let accepts = || decide(&robot, Decision::Accept);
    let accepted = until("the key", accepts, |_| true).await?;
    ensure!(accepted.state_actor == "tenants/bert", "{accepted:?}");

    let by_person = entries(guarded, olga, "people/tom").await?;
    let [entry] = by_person.as_slice() else {
        anyhow::bail!("one entry of tom was expected: {by_person:?}");
    };
    ensure!(
        (&*entry.actor, &*entry.person, &*entry.resource) == ("tenants/bert", "people/tom", DENIED),
        "{entry:?}"
    );
    let by_tenant = entries(guarded, olga, "tenants/bert").await?;
    let persons: Vec<&str> = by_tenant.iter().map(|entry| &*entry.person).collect();
    ensure!(persons == ["", "people/tom"], "{by_tenant:?}");
    let own = entries(guarded, olga, "people/olga").await?;
    ensure!(
        own.len() == 2 && own.iter().all(|entry| entry.person.is_empty()),
        "{own:?}"
    );
    // What is told of it must be taken by whoever tells it.
    let denials = async || {
        let mut events = api.events("operator/inbox").await?;
        events.retain(|event| event.kind == "version_denied");
        Ok(events)
    };
    let told = until("the operator to be told", denials, |told| !told.is_empty()).await?;
    ensure!(
        told[0].text.contains("tenants/bert (people/tom)"),
        "{told:?}"
    );
    Ok(())
}

async fn decide(api: &Api, decision: Decision) -> Result<Provisioning> {
    let request = DecideProvisioningRequest {
        name: DENIED.to_owned(),
        decision: decision.into(),
        reason: "not now".to_owned(),
    };
    let answer = api.consent.clone().decide_provisioning(request).await?;
    answer.into_inner().provisioning.context("a provisioning")
}

async fn entries(
    guarded: &Guarded,
    credentials: &Credentials,
    actor: &str,
) -> Result<Vec<AuditEntry>> {
    let client = connect_lazy(&guarded.places()?.provisioning, credentials)?;
    let request = ListAuditEntriesRequest {
        parent: "services/provisioning".to_owned(),
        actor: actor.to_owned(),
        ..ListAuditEntriesRequest::default()
    };
    let mut client = AuditServiceClient::new(client);
    let answer = client.list_audit_entries(request).await?;
    Ok(answer.into_inner().entries)
}

fn exported(guarded: &Guarded) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("audit.jsonl");
    let service = ["--service", "provisioning"];
    let (code, said) = audit(guarded, &["export", text(&path)?, service[0], service[1]])?;
    ensure!(code == Some(0), "{said}");
    let (code, said) = audit(guarded, &["list", service[0], service[1]])?;
    ensure!(
        code == Some(0) && said.contains("tenants/bert (people/tom)"),
        "{said}"
    );

    let whole = fs::read_to_string(&path)?;
    let named = r#""person":"people/tom","#;
    ensure!(whole.matches(named).count() == 1, "{whole}");
    ensure!(whole.lines().count() > 3, "{whole}");
    let (code, said) = audit(guarded, &["verify", text(&path)?])?;
    ensure!(code == Some(0), "{said}");
    for other in [r#""person":"people/tim","#, r#""person":"","#, ""] {
        fs::write(&path, whole.replace(named, other))?;
        let (code, said) = audit(guarded, &["verify", text(&path)?])?;
        ensure!(code == Some(TAMPERED), "{other:?}: {said}");
    }
    Ok(())
}

/// Runs `switchover audit` as olga; returns the exit code and what it says.
fn audit(guarded: &Guarded, words: &[&str]) -> Result<(Option<i32>, String)> {
    let places = guarded.places()?;
    let output = Command::new(built("switchover")?)
        .arg("audit")
        .args(words)
        .arg("--token-file")
        .arg(guarded.file("olga.token"))
        .arg("--tls-ca")
        .arg(guarded.authority.certificate())
        .env("SWITCHOVER_CATALOG", places.catalog.to_string())
        .env("SWITCHOVER_PROVISIONING", places.provisioning.to_string())
        .env("SWITCHOVER_NOTIFICATION", places.notification.to_string())
        .output()?;
    let text = [output.stdout, output.stderr].concat();
    Ok((output.status.code(), String::from_utf8(text)?))
}

fn text(path: &Path) -> Result<&str> {
    path.to_str().context("a path of plain text")
}

#[tokio::test(flavor = "multi_thread")]
async fn one_person_by_a_token_and_by_a_key_is_no_second_person() -> Result<()> {
    let guarded = Guarded::start().await?;
    let done = approved(&guarded).await;
    done.map_err(|fault| guarded.explain(fault))
}

async fn approved(guarded: &Guarded) -> Result<()> {
    let olga = guarded.person("olga").await?;
    let api = guarded.api(&olga)?;
    api.create_application("shop", "Shop").await?;
    let ask = async |approval: ApprovalPolicy| {
        let request = UpdateApplicationRequest {
            application: Some(Application {
                name: "applications/shop".to_owned(),
                approval: approval.into(),
                ..Application::default()
            }),
            ..UpdateApplicationRequest::default()
        };
        let answer = api.applications.clone().update_application(request).await?;
        anyhow::Ok(answer.into_inner().proposal)
    };
    ensure!(ask(ApprovalPolicy::SecondPerson).await?.is_none());
    let proposal = ask(ApprovalPolicy::NotRequired).await?;
    let proposal = proposal.context("a proposal")?;
    ensure!(proposal.proposed_by == "people/olga", "{proposal:?}");

    let approve = async |credentials: &Credentials| {
        let client = connect_lazy(&guarded.catalog()?, credentials)?;
        let request = ApproveProposalRequest {
            name: proposal.name.clone(),
            reason: "as agreed".to_owned(),
        };
        let answer = ProposalServiceClient::new(client)
            .approve_proposal(request)
            .await;
        anyhow::Ok(answer.map_err(Problem::from))
    };
    let key = guarded.key("operator-admin", "people/olga", "")?;
    for same in [&olga, &key] {
        // A key is nobody's until the catalog has read it.
        let asked = async || approve(same).await;
        let alone = |answer: &Result<_, Problem>| {
            answer
                .as_ref()
                .is_err_and(|problem| problem.is(&reason::SECOND_PERSON_NEEDED))
        };
        until("the refusal", asked, alone).await?.err();
    }
    let other = guarded.key("operator-admin", "people/otto", "")?;
    let asked = async || Ok(approve(&other).await??.into_inner());
    let approved = until("the other key", asked, |_| true).await?;
    let approved = approved.proposal.context("the proposal")?;
    ensure!(
        approved.state() == ProposalState::Approved && approved.decided_by == "people/otto",
        "{approved:?}"
    );
    Ok(())
}
