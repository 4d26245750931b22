//! `switchover tenants …`

use clap::Subcommand;
use contract::TenantId;
use prost_types::FieldMask;
use proto::provisioning::v1::{
    CreateTenantRequest, DeleteTenantRequest, GetTenantRequest, ListTenantsRequest, Tenant,
    UpdateTenantRequest,
};

use super::{Verb, pages, present};
use crate::{
    args::{Contact, Paging, TenantArg},
    connect::{Service::Provisioning, Session},
    error::Error,
    show::{Screen, provisioning},
};

/// What to do with tenants.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Creates a tenant
    Create {
        /// Its id: 2 to 8 lower-case letters and digits; part of host names, never changes
        tenant: TenantId,
        /// What people call it; its id if left out
        #[arg(long, value_name = "TEXT")]
        display_name: Option<String>,
        /// Who gets its mails and may decide, repeatable
        #[arg(long = "contact", value_name = "EMAIL[=NAME]")]
        contacts: Vec<Contact>,
        /// How many people it has: what a denial tells that it would lock out
        #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
        users: i64,
    },
    /// Shows one tenant
    Get {
        /// The tenant
        tenant: TenantArg,
    },
    /// Lists tenants
    #[command(visible_alias = "ls")]
    List(Paging),
    /// Changes what is given, and nothing else
    Update {
        /// The tenant
        tenant: TenantArg,
        /// What people call it
        #[arg(long, value_name = "TEXT")]
        display_name: Option<String>,
        /// All who get its mails and may decide, repeatable
        #[arg(long = "contact", value_name = "EMAIL[=NAME]")]
        contacts: Vec<Contact>,
        /// Nobody gets its mails any more
        #[arg(long, conflicts_with = "contacts")]
        no_contacts: bool,
        /// How many people it has; 0 if that is not known
        #[arg(long, value_name = "N")]
        users: Option<i64>,
        /// Only while it still has this etag
        #[arg(long, default_value = "", hide_default_value = true)]
        etag: String,
    },
    /// Deletes a tenant that uses nothing any more
    Delete {
        /// The tenant
        tenant: TenantArg,
        /// Only while it still has this etag
        #[arg(long, default_value = "", hide_default_value = true)]
        etag: String,
    },
}

impl Verb for Command {
    async fn run(self, session: &Session, screen: &Screen) -> Result<(), Error> {
        match self {
            Self::Create {
                tenant,
                display_name,
                contacts,
                users,
            } => {
                let request = CreateTenantRequest {
                    tenant_id: tenant.to_string(),
                    tenant: Some(Tenant {
                        display_name: display_name.unwrap_or_else(|| tenant.to_string()),
                        contacts: contacts.into_iter().map(Contact::wire).collect(),
                        users,
                        ..Tenant::default()
                    }),
                    request_id: session.request_id().to_string(),
                };
                let answer = session
                    .ask(Provisioning, session.tenants().create_tenant(request))
                    .await?;
                let tenant = present(session, answer.tenant.clone())?;
                screen.answer(&answer, |view| provisioning::tenant(&tenant, view))
            }
            Self::Get { tenant } => {
                let request = GetTenantRequest {
                    name: tenant.full(),
                };
                let answer = session
                    .ask(Provisioning, session.tenants().get_tenant(request))
                    .await?;
                let tenant = present(session, answer.tenant.clone())?;
                screen.answer(&answer, |view| provisioning::tenant(&tenant, view))
            }
            Self::List(paging) => {
                let mut request = ListTenantsRequest::default();
                pages!(
                    session,
                    screen,
                    paging,
                    Provisioning,
                    tenants.list_tenants(request),
                    tenants,
                    provisioning::tenants
                )
            }
            Self::Update {
                tenant,
                display_name,
                contacts,
                no_contacts,
                users,
                etag,
            } => {
                let mut paths = Vec::new();
                if display_name.is_some() {
                    paths.push("display_name".to_owned());
                }
                if no_contacts || !contacts.is_empty() {
                    paths.push("contacts".to_owned());
                }
                if users.is_some() {
                    paths.push("users".to_owned());
                }
                if paths.is_empty() {
                    let hint =
                        "Give --display-name, --contact, --no-contacts or --users.".to_owned();
                    return Err(Error::usage("Nothing is to be changed.", Some(hint)));
                }
                let request = UpdateTenantRequest {
                    tenant: Some(Tenant {
                        name: tenant.full(),
                        display_name: display_name.unwrap_or_default(),
                        contacts: contacts.into_iter().map(Contact::wire).collect(),
                        users: users.unwrap_or_default(),
                        ..Tenant::default()
                    }),
                    update_mask: Some(FieldMask { paths }),
                    etag,
                };
                let answer = session
                    .ask(Provisioning, session.tenants().update_tenant(request))
                    .await?;
                let tenant = present(session, answer.tenant.clone())?;
                screen.answer(&answer, |view| provisioning::tenant(&tenant, view))
            }
            Self::Delete { tenant, etag } => {
                let request = DeleteTenantRequest {
                    name: tenant.full(),
                    etag,
                };
                let answer = session
                    .ask(Provisioning, session.tenants().delete_tenant(request))
                    .await?;
                screen.answer(&answer, |_| format!("{tenant} is deleted.\n"))
            }
        }
    }
}
