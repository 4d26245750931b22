//! Registering a version to test: testers reach it, and nobody else (I5). One version at a time.

use contract::VersionRef;

use crate::{
    Catalog,
    application::{Act, Application, Standing, Test, Version},
    credentials::{self, Issued, Order},
    error::Error,
    notice::{Body, Notice, Subject},
    registration,
    store::{
        applications::{self, Touch},
        gateways,
        history::{self, Action},
        versions,
    },
    tester_token::TesterToken,
    trail,
};

/// A version in test, with what is shown once and kept nowhere.
#[derive(Debug)]
pub(crate) struct Registered {
    pub(crate) version: Version,
    /// What testers show.
    pub(crate) token: TesterToken,
    /// Client id and secret of its backend, if it was issued any.
    pub(crate) pair: Option<Issued>,
}

/// Puts a healthy version in test.
pub(crate) async fn register(
    catalog: &Catalog,
    name: &VersionRef,
    act: &Act,
) -> Result<Registered, Error> {
    let (looked, listeners) = ::store::read!(catalog.db, |tx| {
        let (_, version) = may_be_tested(tx, name).await?;
        Ok::<_, Error>((version, gateways::listeners(tx).await?))
    })?;
    catalog.healthy(&looked, &listeners).await?;
    let token = TesterToken::generate();
    let pair = Issued::for_test(&catalog.clock, &looked, act).await?;
    let order = Order::register(&looked, pair.as_ref());
    let test = Test {
        version: name.version.clone(),
        token: token.hash(),
        since: act.at,
    };
    let (version, owed) = ::store::write!(catalog.db, |tx| {
        let (application, version) = may_be_tested(tx, name).await?;
        // What was found healthy is what testers are to reach.
        version.seen_as(Some(looked.revision.into()))?;
        if !applications::put_test(tx, &application.name, &test).await? {
            return Err(Error::Broken("a test came between reading and writing"));
        }
        changed(tx, &application, name, Action::RegisteredToTest, act).await?;
        notice(catalog, &application, &version, act)
            .owe(tx, &catalog.clock)
            .await?;
        let owed = match &order {
            Some(order) => Some(order.owe(tx, act).await?),
            None => None,
        };
        let after = registration::version(tx, name).await?;
        let why = act.reason.as_str();
        trail::version(tx, act.at, why, Some(&version), Some(&after)).await?;
        Ok((after, owed))
    })?;
    if let Some(number) = owed {
        credentials::taken(catalog, &name.application, number).await;
    }
    Ok(Registered {
        version,
        token,
        pair,
    })
}

/// Ends the test of a version; its token is void, and app credentials of one that was never active
/// become worthless.
pub(crate) async fn cancel(
    catalog: &Catalog,
    name: &VersionRef,
    act: &Act,
) -> Result<Version, Error> {
    ::store::write!(catalog.db, |tx| {
        let application = in_test(tx, name).await?;
        let before = registration::version(tx, name).await?;
        application.no_open_switch()?;
        applications::end_test(tx, &application.name, &name.version).await?;
        changed(tx, &application, name, Action::TestCancelled, act).await?;
        let version = registration::version(tx, name).await?;
        if let Some(order) = Order::deregister(&version, act.at) {
            order.owe(tx, act).await?;
        }
        let why = act.reason.as_str();
        trail::version(tx, act.at, why, Some(&before), Some(&version)).await?;
        Ok(version)
    })
}

/// Gives a test a new token; the one before is void.
pub(crate) async fn rotate_token(
    catalog: &Catalog,
    name: &VersionRef,
) -> Result<TesterToken, Error> {
    let token = TesterToken::generate();
    let now = catalog.clock.now();
    ::store::write!(catalog.db, |tx| {
        let application = in_test(tx, name).await?;
        let before = registration::version(tx, name).await?;
        let test = Test {
            version: name.version.clone(),
            token: token.hash(),
            since: now,
        };
        if !applications::put_test(tx, &application.name, &test).await? {
            return Err(Error::Broken("a test ended between reading and writing"));
        }
        applications::touch(tx, &application.name, Touch::Routed, now).await?;
        let after = registration::version(tx, name).await?;
        trail::version(tx, now, "", Some(&before), Some(&after)).await
    })?;
    Ok(token)
}

async fn may_be_tested(
    tx: &mut ::store::Tx,
    name: &VersionRef,
) -> Result<(Application, Version), Error> {
    let version = registration::version(tx, name).await?;
    let application = registration::application(tx, &name.application).await?;
    match version.standing {
        Standing::Active => {
            return Err(Error::VersionActive {
                version: name.clone(),
            });
        }
        Standing::InTest { .. } => {
            return Err(Error::VersionInTest {
                version: name.clone(),
            });
        }
        Standing::Registered | Standing::Retired => {}
    }
    if let Some(test) = &application.test {
        return Err(Error::OtherVersionInTest {
            other: application.version_ref(&test.version),
        });
    }
    application.no_open_switch()?;
    Ok((application, version))
}

async fn in_test(tx: &mut ::store::Tx, name: &VersionRef) -> Result<Application, Error> {
    registration::version(tx, name).await?;
    let application = registration::application(tx, &name.application).await?;
    if application.tests(&name.version) {
        Ok(application)
    } else {
        Err(Error::VersionNotInTest {
            version: name.clone(),
        })
    }
}

async fn changed(
    tx: &mut ::store::Tx,
    application: &Application,
    name: &VersionRef,
    action: Action,
    act: &Act,
) -> Result<(), Error> {
    versions::touch(tx, &application.name, &name.version).await?;
    applications::touch(tx, &application.name, Touch::Routed, act.at).await?;
    Ok(history::add(tx, &application.name, &name.version, action, None, act).await?)
}

fn notice(catalog: &Catalog, application: &Application, version: &Version, act: &Act) -> Notice {
    Notice {
        // A version may be tested again: each time is news.
        cause: format!("{}:{}", version.name, version.revision),
        request_id: act.request_id.clone(),
        time: act.at,
        subject: Some(Subject::of(application)),
        body: Body::VersionInTest {
            version: version.name.version.clone(),
            test_address: catalog.addresses.testers(&application.name),
        },
    }
}
