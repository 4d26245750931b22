//! Which thing is meant: by its short id, or by its resource name as answers show it.

use std::{fmt, str::FromStr};

use clap::Args;
use contract::{
    ApplicationName, ApplicationRef, CredentialName, DeliveryId, DeliveryName, EventId, EventName,
    GatewayName, GatewayRef, InboxName, ProvisioningName, SwitchId, SwitchName, TenantId,
    TenantRef, VersionName, VersionRef,
};

use crate::error::Error;

/// Declares an argument that takes a short id or a resource name.
macro_rules! short_or_full {
    ($(#[$docs:meta])* $name:ident($full:ident { $field:ident: $short:ty })) => {
        $(#[$docs])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $name(pub $short);

        impl $name {
            /// Returns the resource name.
            pub fn full(&self) -> String {
                $full { $field: self.0.clone() }.to_string()
            }
        }

        impl FromStr for $name {
            type Err = contract::NameError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match text.parse() {
                    Ok($full { $field }) => Ok(Self($field)),
                    Err(_) => text.parse().map(Self),
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

short_or_full! {
    /// `shop` or `applications/shop`.
    ApplicationArg(ApplicationRef { application: ApplicationName })
}
short_or_full! {
    /// `anna` or `tenants/anna`.
    TenantArg(TenantRef { tenant: TenantId })
}
short_or_full! {
    /// `gateway-1` or `gateways/gateway-1`.
    GatewayArg(GatewayRef { gateway: GatewayName })
}
short_or_full! {
    /// A delivery's id or resource name.
    DeliveryArg(DeliveryName { delivery: DeliveryId })
}

/// `shop 2.0`, or one resource name.
#[derive(Debug, Clone, Args)]
pub struct VersionArgs {
    /// The application, or the version's resource name
    #[arg(value_name = "APPLICATION")]
    application: String,
    /// The version
    #[arg(value_name = "VERSION")]
    version: Option<VersionName>,
}

impl VersionArgs {
    /// Returns which version is meant.
    pub fn name(&self) -> Result<VersionRef, Error> {
        match &self.version {
            None => full(
                &self.application,
                "Name application and version, such as: shop 2.0",
            ),
            Some(version) => Ok(VersionRef {
                application: short::<ApplicationArg>(&self.application)?.0,
                version: version.clone(),
            }),
        }
    }
}

/// `shop` for the application's newest switch, `shop ID`, or one resource name.
#[derive(Debug, Clone, Args)]
pub struct SwitchArgs {
    /// The application (its newest switch is meant), or the switch's resource name
    #[arg(value_name = "APPLICATION|SWITCH")]
    application: String,
    /// The switch's id
    #[arg(value_name = "ID")]
    id: Option<SwitchId>,
}

/// Which switch is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SwitchChoice {
    /// This one.
    Named(SwitchName),
    /// The newest one of the application.
    Newest(ApplicationName),
}

impl SwitchArgs {
    /// Returns which switch is meant.
    pub fn choice(&self) -> Result<SwitchChoice, Error> {
        if let Ok(name) = self.application.parse::<SwitchName>() {
            return Ok(SwitchChoice::Named(name));
        }
        let application = short::<ApplicationArg>(&self.application)?.0;
        Ok(match self.id {
            None => SwitchChoice::Newest(application),
            Some(switch) => SwitchChoice::Named(SwitchName {
                application,
                switch,
            }),
        })
    }
}

/// `anna shop 2.0`, or one resource name.
#[derive(Debug, Clone, Args)]
pub struct ProvisioningArgs {
    /// The tenant, or the provisioning's resource name
    #[arg(value_name = "TENANT")]
    tenant: String,
    /// The application
    #[arg(value_name = "APPLICATION")]
    application: Option<ApplicationArg>,
    /// The version
    #[arg(value_name = "VERSION")]
    version: Option<VersionName>,
}

impl ProvisioningArgs {
    /// Returns which provisioning is meant.
    pub fn name(&self) -> Result<ProvisioningName, Error> {
        match (&self.application, &self.version) {
            (Some(application), Some(version)) => Ok(ProvisioningName {
                tenant: short::<TenantArg>(&self.tenant)?.0,
                application: application.0.clone(),
                version: version.clone(),
            }),
            (None, _) | (_, None) => full(
                &self.tenant,
                "Name tenant, application and version, such as: anna shop 2.0",
            ),
        }
    }
}

/// `anna shop`: a tenant and an application.
#[derive(Debug, Clone, Args)]
pub struct TenantApplicationArgs {
    /// The tenant
    pub tenant: TenantArg,
    /// The application
    pub application: ApplicationArg,
}

/// A credential's resource name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CredentialArg(pub CredentialName);

impl FromStr for CredentialArg {
    type Err = contract::NameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

/// An event of an inbox: its id, or its resource name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventArg {
    /// Within the inbox that the command is about.
    Id(EventId),
    /// As answers show it.
    Named(EventName),
}

impl EventArg {
    /// Returns the resource name, within `inbox` if only the id was given.
    pub fn full(&self, inbox: &InboxName) -> String {
        match self {
            Self::Id(event) => EventName {
                inbox: inbox.clone(),
                event: *event,
            }
            .to_string(),
            Self::Named(name) => name.to_string(),
        }
    }
}

impl FromStr for EventArg {
    type Err = contract::NameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.parse() {
            Ok(id) => Ok(Self::Id(id)),
            Err(_) => text.parse().map(Self::Named),
        }
    }
}

fn short<T: FromStr<Err = contract::NameError>>(text: &str) -> Result<T, Error> {
    text.parse().map_err(|error| Error::usage(error, None))
}

fn full<T: FromStr<Err = contract::NameError>>(text: &str, hint: &str) -> Result<T, Error> {
    text.parse().map_err(|error| {
        let hint = Some(hint.to_owned());
        if text.contains('/') {
            Error::usage(error, hint)
        } else {
            Error::usage("That is not all that is needed.", hint)
        }
    })
}
