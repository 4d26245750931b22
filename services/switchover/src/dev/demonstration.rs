//! The demonstration: an application with two versions, and three tenants.

use demo::{Release, Role};
use proto::{
    catalog::v1::{AppCredentialsNeed, Application, SwitchPolicy, Version},
    provisioning::v1::{Contact, Tenant},
};

/// The application's name.
pub(crate) const APPLICATION: &str = "shop";

/// How long requests may go on on the version that left. Short: an open page holds a WebSocket and
/// an event stream for as long as it may, and somebody watches the switch.
const DRAIN: prost_types::Duration = prost_types::Duration {
    seconds: 5,
    nanos: 0,
};

/// Returns the versions, oldest first. Only the second needs app credentials.
pub(crate) fn versions() -> [Release; 2] {
    let role = |name: &str, description: &str| Role {
        name: name.to_owned(),
        description: description.to_owned(),
    };
    let buyer = role("buyer", "May look around, order and pay.");
    let clerk = role(
        "clerk",
        "May see all orders and answer questions about them.",
    );
    [
        Release {
            version: "1.0".to_owned(),
            hue: 215,
            summary: "The shop as everybody knows it.".to_owned(),
            roles: vec![buyer.clone(), clerk.clone()],
            scopes: Vec::new(),
        },
        Release {
            version: "2.0".to_owned(),
            hue: 150,
            summary: "New: orders what runs low by itself, in your name.".to_owned(),
            roles: vec![
                buyer,
                clerk,
                role("planner", "May say what is ordered by itself, and when."),
            ],
            scopes: vec!["orders.read".to_owned(), "orders.write".to_owned()],
        },
    ]
}

/// Returns the application as the catalog is told of it.
pub(crate) fn application() -> Application {
    Application {
        display_name: "Demo Shop".to_owned(),
        r#abstract: "Sells what a workshop needs. Every page says its version.".to_owned(),
        policy: Some(SwitchPolicy {
            drain_timeout: Some(DRAIN),
            ..SwitchPolicy::default()
        }),
        ..Application::default()
    }
}

/// Returns a version as the catalog is told of it.
pub(crate) fn version(release: &Release, upstream: String) -> Version {
    let roles = release.roles.iter().map(|role| proto::catalog::v1::Role {
        name: role.name.clone(),
        description: role.description.clone(),
    });
    let scopes = release.scopes.clone();
    Version {
        upstream,
        roles: roles.collect(),
        app_credentials: (!scopes.is_empty()).then_some(AppCredentialsNeed { scopes }),
        ..Version::default()
    }
}

/// Returns the tenants: each id with what provisioning is told of it.
pub(crate) fn tenants() -> [(&'static str, Tenant); 3] {
    let tenant = |display_name: &str, email: &str, name: &str| Tenant {
        display_name: display_name.to_owned(),
        contacts: vec![Contact {
            email: email.to_owned(),
            display_name: name.to_owned(),
        }],
        ..Tenant::default()
    };
    [
        (
            "anna",
            tenant("Anna's Garden", "anna@garden.example", "Anna Arendt"),
        ),
        (
            "bert",
            tenant("Bert's Books", "bert@books.example", "Bert Brandt"),
        ),
        (
            "cleo",
            tenant("Cleo's Clocks", "cleo@clocks.example", "Cleo Conrad"),
        ),
    ]
}
