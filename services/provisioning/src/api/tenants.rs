//! Tenants.

use contract::{
    Checked, Etag, Line, Mask, Page, PageSize, RequestId, TenantId, TenantRef, Violations, time,
};
use proto::provisioning::v1::{
    self as wire, CreateTenantRequest, CreateTenantResponse, DeleteTenantRequest,
    DeleteTenantResponse, GetTenantRequest, GetTenantResponse, ListTenantsRequest,
    ListTenantsResponse, UpdateTenantRequest, UpdateTenantResponse,
    tenant_service_server::TenantService,
};
use tonic::{Request, Response, Status};

use super::{Api, own};
use crate::tenant::{self, CONTACTS_MAX, Contact, Profile, Tenant, USERS_MAX};

const SIZES: PageSize = PageSize {
    default: 50,
    max: 1000,
};

#[tonic::async_trait]
impl TenantService for Api {
    async fn create_tenant(
        &self,
        request: Request<CreateTenantRequest>,
    ) -> Result<Response<CreateTenantResponse>, Status> {
        let CreateTenantRequest {
            tenant_id,
            tenant,
            request_id,
        } = request.into_inner();
        let mut v = Violations::new();
        let id = v.parse::<TenantId>("tenant_id", &tenant_id);
        let request = v.optional::<RequestId>("request_id", &request_id);
        let given = tenant.unwrap_or_default();
        let profile = v.within("tenant", |v| {
            let display_name = v.parse::<Line<100>>("display_name", &given.display_name);
            let contacts = contacts(v, &given.contacts);
            let users = users(v, given.users);
            v.join((display_name, contacts, users))
        });
        let (id, request, (display_name, contacts, users)) = v.all((id, request, profile))?;
        let profile = Profile {
            display_name,
            contacts,
            users,
        };
        let tenant = tenant::create(&self.service, &id, &profile, request.as_ref()).await?;
        Ok(Response::new(CreateTenantResponse {
            tenant: Some(render(&tenant)),
        }))
    }

    async fn get_tenant(
        &self,
        request: Request<GetTenantRequest>,
    ) -> Result<Response<GetTenantResponse>, Status> {
        let name: TenantRef = own(&request, "name", &request.get_ref().name)?;
        let tenant = tenant::find(&self.service, &name.tenant).await?;
        Ok(Response::new(GetTenantResponse {
            tenant: Some(render(&tenant)),
        }))
    }

    async fn list_tenants(
        &self,
        request: Request<ListTenantsRequest>,
    ) -> Result<Response<ListTenantsResponse>, Status> {
        let ListTenantsRequest {
            page_size,
            page_token,
        } = request.into_inner();
        let mut v = Violations::new();
        let page = Page::<TenantId>::read(&mut v, page_size, &page_token, &["tenants"], SIZES);
        let page = v.all(page)?;
        let mut tenants = tenant::list(&self.service, page.after(), page.limit()).await?;
        let next_page_token = page.finish(&mut tenants, |tenant| tenant.id.clone());
        let tenants = tenants.iter().map(render).collect();
        Ok(Response::new(ListTenantsResponse {
            tenants,
            next_page_token,
        }))
    }

    async fn update_tenant(
        &self,
        request: Request<UpdateTenantRequest>,
    ) -> Result<Response<UpdateTenantResponse>, Status> {
        let UpdateTenantRequest {
            tenant,
            update_mask,
            etag,
        } = request.into_inner();
        let given = tenant.unwrap_or_default();
        let mut v = Violations::new();
        let name = v.parse::<TenantRef>("tenant.name", &given.name);
        let etag = v.optional::<Etag>("etag", &etag);
        let mask = Mask::read(
            &mut v,
            update_mask.as_ref(),
            &["display_name", "contacts", "users"],
        );
        let covers = |path, populated| {
            mask.value()
                .is_some_and(|mask| mask.covers(path, populated))
        };
        let (renamed, recontacted, recounted) = (
            covers("display_name", !given.display_name.is_empty()),
            covers("contacts", !given.contacts.is_empty()),
            covers("users", given.users != 0),
        );
        let profile = v.within("tenant", |v| {
            let display_name = if renamed {
                v.parse::<Line<100>>("display_name", &given.display_name)
                    .map(Some)
            } else {
                Checked::right(None)
            };
            let contacts = if recontacted {
                contacts(v, &given.contacts).map(Some)
            } else {
                Checked::right(None)
            };
            let users = if recounted {
                users(v, given.users).map(Some)
            } else {
                Checked::right(None)
            };
            v.join((display_name, contacts, users))
        });
        let (name, etag, _, (display_name, contacts, users)) =
            v.all((name, etag, mask, profile))?;
        let tenant = tenant::update(
            &self.service,
            &name.tenant,
            etag,
            display_name.as_ref(),
            contacts.as_ref(),
            users,
        )
        .await?;
        Ok(Response::new(UpdateTenantResponse {
            tenant: Some(render(&tenant)),
        }))
    }

    async fn delete_tenant(
        &self,
        request: Request<DeleteTenantRequest>,
    ) -> Result<Response<DeleteTenantResponse>, Status> {
        let DeleteTenantRequest { name, etag } = request.into_inner();
        let mut v = Violations::new();
        let name = v.parse::<TenantRef>("name", &name);
        let etag = v.optional::<Etag>("etag", &etag);
        let (name, etag) = v.all((name, etag))?;
        tenant::delete(&self.service, &name.tenant, etag).await?;
        Ok(Response::new(DeleteTenantResponse {}))
    }
}

pub(super) fn contacts(v: &mut Violations, given: &[wire::Contact]) -> Checked<Vec<Contact>> {
    let mut seen = std::collections::BTreeSet::new();
    v.each("contacts", given, 0..=CONTACTS_MAX, |v, contact| {
        let email = v.parse("email", &contact.email);
        let display_name = v.optional::<Line<100>>("display_name", &contact.display_name);
        let new = email
            .value()
            .is_none_or(|email: &contract::EmailAddress| seen.insert(email.clone()));
        v.check(new, "email", contract::Fault::Conflicting, "is there twice");
        v.join((email, display_name))
            .map(|(email, display_name)| Contact {
                email,
                display_name,
            })
    })
}

/// Reads how many people a tenant has; 0 is that nobody knows.
fn users(v: &mut Violations, users: i64) -> Checked<Option<i64>> {
    v.check(
        (0..=USERS_MAX).contains(&users),
        "users",
        contract::Fault::OutOfRange,
        "must be between 0 and 1000000000",
    );
    Checked::right(Some(users).filter(|users| *users > 0))
}

pub(crate) fn render(tenant: &Tenant) -> wire::Tenant {
    let contacts = tenant.profile.contacts.iter().map(|contact| wire::Contact {
        email: contact.email.to_string(),
        display_name: contact
            .display_name
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default(),
    });
    wire::Tenant {
        name: TenantRef::from(tenant.id.clone()).to_string(),
        display_name: tenant.profile.display_name.to_string(),
        contacts: contacts.collect(),
        users: tenant.profile.users.unwrap_or_default(),
        create_time: Some(time::write(tenant.created_at)),
        update_time: Some(time::write(tenant.updated_at)),
        etag: Etag::from(tenant.revision).to_string(),
    }
}
