//! Registers, changes and deletes applications and versions.

use std::net::SocketAddr;

use ::store::Tx;
use contract::{
    ApplicationName, ApplicationRef, Etag, Line, Prose, Revision, Timeline, VersionRef,
};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::{
    Catalog,
    application::{
        Act, AppCredentials, Application, Approval, Creation, HealthCheck, Icon, Login, Policy,
        Role, Serving, Standing, Version, VersionFacts,
    },
    credentials::Order,
    error::Error,
    place::Place,
    proposal::{self, Proposal, What},
    store::{
        applications::{self, Touch},
        gateways,
        history::{self, Action},
        versions,
    },
    trail,
};

/// What an operator says of a new application.
#[derive(Debug, Clone)]
pub(crate) struct NewApplication {
    pub(crate) name: ApplicationName,
    pub(crate) display_name: Line<50>,
    pub(crate) summary: Prose<500>,
    pub(crate) icon: Option<Icon>,
    pub(crate) policy: Policy,
    pub(crate) approval: Approval,
    pub(crate) login: Option<Login>,
    pub(crate) request_id: Option<contract::RequestId>,
}

/// What an operator changes of an application; none stays as it is.
#[derive(Debug, Clone)]
pub(crate) struct ApplicationChange {
    pub(crate) display_name: Option<Line<50>>,
    pub(crate) summary: Option<Prose<500>>,
    /// None inside takes the icon away.
    pub(crate) icon: Option<Option<Icon>>,
    pub(crate) policy: Option<Policy>,
    pub(crate) approval: Option<Approval>,
    /// None inside has requests passed through.
    pub(crate) login: Option<Option<Login>>,
}

impl ApplicationChange {
    /// Tells whether it changes the approval policy and nothing else.
    fn approval_alone(&self) -> bool {
        let Self {
            display_name,
            summary,
            icon,
            policy,
            approval: _,
            login,
        } = self;
        display_name.is_none()
            && summary.is_none()
            && icon.is_none()
            && policy.is_none()
            && login.is_none()
    }
}

/// An application as a change has left it.
pub(crate) struct Changed {
    pub(crate) application: Application,
    pub(crate) icon: Option<Icon>,
    /// What waits for a second person instead.
    pub(crate) proposal: Option<Proposal>,
}

/// What an operator says of a new version.
#[derive(Debug, Clone)]
pub(crate) struct NewVersion {
    pub(crate) name: VersionRef,
    pub(crate) facts: VersionFacts,
    pub(crate) request_id: Option<contract::RequestId>,
}

/// What an operator changes of a version; none stays as it is.
#[derive(Debug, Clone)]
pub(crate) struct VersionChange {
    pub(crate) upstream: Option<Place>,
    pub(crate) health: Option<HealthCheck>,
    pub(crate) roles: Option<Vec<Role>>,
    pub(crate) app_credentials: Option<AppCredentials>,
}

/// Finds an application, or refuses.
pub(crate) async fn application(tx: &mut Tx, name: &ApplicationName) -> Result<Application, Error> {
    applications::find(tx, name)
        .await?
        .ok_or_else(|| Error::NotFound(ApplicationRef::from(name.clone()).to_string()))
}

/// Finds a version, or refuses.
pub(crate) async fn version(tx: &mut Tx, name: &VersionRef) -> Result<Version, Error> {
    versions::find(tx, name)
        .await?
        .ok_or_else(|| Error::NotFound(name.to_string()))
}

/// Creates an application. The same request again answers with what is there.
pub(crate) async fn create_application(
    catalog: &Catalog,
    new: &NewApplication,
) -> Result<(Application, Option<Icon>), Error> {
    let now = catalog.clock.now();
    let icon = new
        .icon
        .as_ref()
        .map(|icon| (icon.media.as_str(), &icon.data));
    let created = Application {
        name: new.name.clone(),
        display_name: new.display_name.clone(),
        summary: new.summary.clone(),
        policy: new.policy.clone(),
        approval: new.approval,
        login: new.login.clone(),
        serving: Serving::Never,
        test: None,
        open_switch: None,
        timeline: Timeline::new(catalog.clock.random()),
        route_revision: Revision::ZERO.next(),
        revision: Revision::ZERO.next(),
        creation: Creation {
            request_id: new.request_id.clone(),
            digest: created_as(new, icon),
        },
        created_at: now,
        updated_at: now,
    };
    ::store::write!(catalog.db, |tx| {
        if let Some(existing) = applications::find(tx, &new.name).await? {
            return if existing.creation.repeats(&created.creation)? {
                let icon = applications::icon(tx, &new.name).await?;
                Ok((existing, icon))
            } else {
                Err(Error::AlreadyExists(existing.resource().to_string()))
            };
        }
        known_roles(tx, &created).await?;
        if !applications::insert(tx, &created).await? {
            return Err(Error::AlreadyExists(created.resource().to_string()));
        }
        applications::set_icon(tx, &new.name, new.icon.as_ref()).await?;
        let made = application(tx, &new.name).await?;
        trail::application(tx, catalog, None, Some((&made, new.icon.clone()))).await?;
        Ok((made, new.icon.clone()))
    })
}

/// Changes an application. That no second person is needed any more is proposed to one.
pub(crate) async fn update_application(
    catalog: &Catalog,
    name: &ApplicationName,
    change: &ApplicationChange,
    etag: Option<Etag>,
    act: &Act,
) -> Result<Changed, Error> {
    let now = act.at;
    ::store::write!(catalog.db, |tx| {
        let mut changed = application(tx, name).await?;
        changed.seen_as(etag)?;
        let off = changed.approval == Approval::SecondPerson
            && change.approval == Some(Approval::NotRequired);
        if off {
            if !change.approval_alone() {
                return Err(Error::ApprovalAlone);
            }
            let what = What::ApprovalOff;
            let proposal = proposal::propose(tx, catalog, &changed, what, act, |c| c).await?;
            return Ok(Changed {
                icon: applications::icon(tx, name).await?,
                application: changed,
                proposal: Some(proposal),
            });
        }
        if let Some(approval) = change.approval {
            changed.approval = approval;
        }
        let before = (changed.clone(), applications::icon(tx, name).await?);
        // Gateways are told the display name, how long they hold and drain, and who must sign in.
        let routed =
            change.display_name.is_some() || change.policy.is_some() || change.login.is_some();
        if let Some(display_name) = &change.display_name {
            changed.display_name = display_name.clone();
        }
        if let Some(summary) = &change.summary {
            changed.summary = summary.clone();
        }
        if let Some(policy) = &change.policy {
            let fixed = changed.serving != Serving::Never || changed.open_switch.is_some();
            if fixed && policy.fleet != changed.policy.fleet {
                return Err(Error::FleetModeFixed {
                    application: changed.resource(),
                });
            }
            changed.policy = policy.clone();
        }
        if let Some(login) = &change.login {
            changed.login = login.clone();
            known_roles(tx, &changed).await?;
        }
        applications::save(tx, &changed).await?;
        if let Some(icon) = &change.icon {
            applications::set_icon(tx, name, icon.as_ref()).await?;
        }
        let touch = if routed { Touch::Routed } else { Touch::Shown };
        applications::touch(tx, name, touch, now).await?;
        let icon = applications::icon(tx, name).await?;
        let after = application(tx, name).await?;
        let (was, had) = (&before.0, before.1.clone());
        trail::application(tx, catalog, Some((was, had)), Some((&after, icon.clone()))).await?;
        Ok(Changed {
            application: after,
            icon,
            proposal: None,
        })
    })
}

/// Deletes an application that never had an active version, with its versions and their app credentials.
pub(crate) async fn delete_application(
    catalog: &Catalog,
    name: &ApplicationName,
    etag: Option<Etag>,
    act: &Act,
) -> Result<(), Error> {
    ::store::write!(catalog.db, |tx| {
        let deleted = application(tx, name).await?;
        deleted.seen_as(etag)?;
        if deleted.serving != Serving::Never {
            return Err(Error::ApplicationActive {
                application: deleted.resource(),
            });
        }
        deleted.no_open_switch()?;
        for version in versions::list(tx, Some(name), None, i64::MAX).await? {
            deregister(tx, &version, act).await?;
        }
        trail::deleted(tx, catalog, &deleted).await?;
        Ok(applications::delete(tx, name).await?)
    })
}

/// Registers a version. The same request again answers with what is there.
pub(crate) async fn create_version(
    catalog: &Catalog,
    new: &NewVersion,
    act: &Act,
) -> Result<Version, Error> {
    let created = Version {
        name: new.name.clone(),
        facts: new.facts.clone(),
        standing: Standing::Registered,
        active_at: None,
        revision: Revision::ZERO.next(),
        creation: Creation {
            request_id: new.request_id.clone(),
            digest: digest(&new.facts),
        },
        created_at: act.at,
    };
    ::store::write!(catalog.db, |tx| {
        let parent = application(tx, &new.name.application).await?;
        if let Some(existing) = versions::find(tx, &new.name).await? {
            return if existing.creation.repeats(&created.creation)? {
                Ok(existing)
            } else {
                Err(Error::AlreadyExists(new.name.to_string()))
            };
        }
        allowed(
            catalog,
            &new.facts.upstream,
            &gateways::listeners(tx).await?,
        )?;
        if !versions::insert(tx, &created).await? {
            return Err(Error::AlreadyExists(new.name.to_string()));
        }
        note(tx, &parent, &new.name, Action::Created, act).await?;
        let made = version(tx, &new.name).await?;
        trail::version(tx, act.at, "", None, Some(&made)).await?;
        Ok(made)
    })
}

/// Changes a version that neither users nor testers have reached.
pub(crate) async fn update_version(
    catalog: &Catalog,
    name: &VersionRef,
    change: &VersionChange,
    etag: Option<Etag>,
    act: &Act,
) -> Result<Version, Error> {
    ::store::write!(catalog.db, |tx| {
        let mut changed = version(tx, name).await?;
        changed.seen_as(etag)?;
        changed.untouched()?;
        let before = changed.clone();
        if let Some(upstream) = &change.upstream {
            allowed(catalog, upstream, &gateways::listeners(tx).await?)?;
            changed.facts.upstream = upstream.clone();
        }
        if let Some(health) = &change.health {
            changed.facts.health = health.clone();
        }
        if let Some(roles) = &change.roles {
            changed.facts.roles = roles.clone();
        }
        if let Some(app_credentials) = &change.app_credentials {
            changed.facts.app_credentials = app_credentials.clone();
        }
        versions::save(tx, name, &changed.facts).await?;
        if !changed.needs_credentials() {
            deregister(tx, &before, act).await?;
        }
        let parent = application(tx, &name.application).await?;
        note(tx, &parent, name, Action::Changed, act).await?;
        let after = version(tx, name).await?;
        trail::version(tx, act.at, "", Some(&before), Some(&after)).await?;
        Ok(after)
    })
}

/// Deletes a version that neither users nor testers have reached, with its app credentials.
pub(crate) async fn delete_version(
    catalog: &Catalog,
    name: &VersionRef,
    etag: Option<Etag>,
    act: &Act,
) -> Result<(), Error> {
    ::store::write!(catalog.db, |tx| {
        let deleted = version(tx, name).await?;
        deleted.seen_as(etag)?;
        deleted.untouched()?;
        deregister(tx, &deleted, act).await?;
        versions::delete(tx, name).await?;
        trail::version(tx, act.at, "", Some(&deleted), None).await
    })
}

/// Lets app credentials go with a version that had them.
async fn deregister(tx: &mut Tx, version: &Version, act: &Act) -> Result<(), Error> {
    match Order::deregister(version, act.at) {
        Some(order) => order.owe(tx, act).await.map(drop),
        None => Ok(()),
    }
}

async fn note(
    tx: &mut Tx,
    application: &Application,
    version: &VersionRef,
    action: Action,
    act: &Act,
) -> Result<(), Error> {
    Ok(history::add(tx, &application.name, &version.version, action, None, act).await?)
}

fn allowed(catalog: &Catalog, upstream: &Place, listeners: &[SocketAddr]) -> Result<(), Error> {
    catalog
        .health
        .rules()
        .check(upstream, listeners)
        .inspect_err(|refusal| tracing::warn!(%upstream, %refusal, "an upstream was refused"))
        .map_err(Error::UpstreamRefused)
}

/// Refuses rules about roles that no version brings. What a rule names once stays, whatever becomes of
/// the versions: it is about users' roles, and never gets weaker.
async fn known_roles(tx: &mut Tx, application: &Application) -> Result<(), Error> {
    let mut unknown = application
        .login
        .as_ref()
        .map_or_else(Default::default, Login::roles);
    if unknown.is_empty() {
        return Ok(());
    }
    let versions = versions::list(tx, Some(&application.name), None, i64::MAX).await?;
    for role in versions.iter().flat_map(|version| &version.facts.roles) {
        unknown.remove(&role.name);
    }
    match unknown.first() {
        None => Ok(()),
        Some(role) => Err(Error::RoleUnknown {
            application: application.resource(),
            role: role.to_string(),
        }),
    }
}

/// Says as what an application was created. What is not said counts not, as before it could be.
fn created_as(new: &NewApplication, icon: Option<(&'static str, &Vec<u8>)>) -> String {
    let facts = (&new.display_name, &new.summary, icon, &new.policy);
    let approval = match new.approval {
        Approval::NotRequired => None,
        Approval::SecondPerson => Some(new.approval.as_str()),
    };
    match (approval, &new.login) {
        (None, None) => digest(&facts),
        (Some(approval), None) => digest(&(facts, approval)),
        (approval, Some(login)) => digest(&(facts, approval, login)),
    }
}

/// SHA-256 of a value's JSON, hex: the same for the same value.
fn digest(value: &impl Serialize) -> String {
    let json = serde_json::to_vec(value).expect("plain data is JSON");
    Sha256::digest(json)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
