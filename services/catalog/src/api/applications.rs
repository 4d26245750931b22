//! Applications and versions: standard methods.

mod parse;
pub(super) mod render;

use std::sync::Arc;

use contract::{
    ApplicationName, ApplicationRef, Etag, OrAll, Page, PageSize, Problem, Prose, VersionRef,
    Violations,
};
use proto::catalog::v1 as wire;
use tonic::{Request, Response, Status};

use super::{parse as common, shown};
use crate::{
    Catalog,
    application::Serving,
    error::Error,
    registration,
    store::{applications, versions},
};

/// The service.
pub(super) struct Applications(pub(super) Arc<Catalog>);

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl wire::application_service_server::ApplicationService for Applications {
    async fn create_application(
        &self,
        request: Request<wire::CreateApplicationRequest>,
    ) -> Answer<wire::CreateApplicationResponse> {
        let new = parse::new_application(request.into_inner())?;
        let (created, icon) = registration::create_application(&self.0, &new)
            .await
            .map_err(Problem::from)?;
        Ok(Response::new(wire::CreateApplicationResponse {
            application: Some(render::application(&self.0.addresses, &created, icon)),
        }))
    }

    async fn get_application(
        &self,
        request: Request<wire::GetApplicationRequest>,
    ) -> Answer<wire::GetApplicationResponse> {
        let mut v = Violations::new();
        let name = v.parse::<ApplicationRef>("name", &request.get_ref().name);
        let name = v.all(name)?.application;
        let read = ::store::read!(self.0.db, |tx| {
            let application = registration::application(tx, &name).await?;
            Ok::<_, Error>((application, applications::icon(tx, &name).await?))
        });
        let (application, icon) = read.map_err(Problem::from)?;
        Ok(Response::new(wire::GetApplicationResponse {
            application: Some(render::application(&self.0.addresses, &application, icon)),
        }))
    }

    async fn list_applications(
        &self,
        request: Request<wire::ListApplicationsRequest>,
    ) -> Answer<wire::ListApplicationsResponse> {
        let request = request.into_inner();
        let mut v = Violations::new();
        let filter = ["applications"];
        let page: contract::Checked<Page<ApplicationName>> = Page::read(
            &mut v,
            request.page_size,
            &request.page_token,
            &filter,
            PageSize::USUAL,
        );
        let page = v.all(page)?;
        let read = ::store::read!(self.0.db, |tx| {
            Ok::<_, Error>(applications::list(tx, page.after(), page.limit()).await?)
        });
        let mut rows = read.map_err(Problem::from)?;
        let next_page_token = page.finish(&mut rows, |row| row.name.clone());
        let applications = rows
            .iter()
            .map(|row| render::application(&self.0.addresses, row, None))
            .collect();
        Ok(Response::new(wire::ListApplicationsResponse {
            applications,
            next_page_token,
        }))
    }

    async fn update_application(
        &self,
        request: Request<wire::UpdateApplicationRequest>,
    ) -> Answer<wire::UpdateApplicationResponse> {
        let act = self.act(&request, None)?;
        let (name, change, etag) = parse::application_change(request.into_inner())?;
        let changed = registration::update_application(&self.0, &name, &change, etag, &act)
            .await
            .map_err(Problem::from)?;
        let application = &changed.application;
        Ok(Response::new(wire::UpdateApplicationResponse {
            application: Some(render::application(
                &self.0.addresses,
                application,
                changed.icon,
            )),
            proposal: changed.proposal.as_ref().map(shown::proposal),
        }))
    }

    async fn delete_application(
        &self,
        request: Request<wire::DeleteApplicationRequest>,
    ) -> Answer<wire::DeleteApplicationResponse> {
        let act = self.act(&request, None)?;
        let request = request.into_inner();
        let mut v = Violations::new();
        let name = v.parse::<ApplicationRef>("name", &request.name);
        let etag = v.optional::<Etag>("etag", &request.etag);
        let (name, etag) = v.all((name, etag))?;
        registration::delete_application(&self.0, &name.application, etag, &act)
            .await
            .map_err(Problem::from)?;
        Ok(Response::new(wire::DeleteApplicationResponse {}))
    }

    async fn create_version(
        &self,
        request: Request<wire::CreateVersionRequest>,
    ) -> Answer<wire::CreateVersionResponse> {
        let new = parse::new_version(request.get_ref())?;
        let act = self.act(&request, new.request_id.as_ref())?;
        let version = registration::create_version(&self.0, &new, &act)
            .await
            .map_err(Problem::from)?;
        Ok(Response::new(wire::CreateVersionResponse {
            version: Some(render::version(&version)),
        }))
    }

    async fn get_version(
        &self,
        request: Request<wire::GetVersionRequest>,
    ) -> Answer<wire::GetVersionResponse> {
        let mut v = Violations::new();
        let name = v.parse::<VersionRef>("name", &request.get_ref().name);
        let name = v.all(name)?;
        let read = ::store::read!(self.0.db, |tx| registration::version(tx, &name).await);
        let version = read.map_err(Problem::from)?;
        Ok(Response::new(wire::GetVersionResponse {
            version: Some(render::version(&version)),
        }))
    }

    async fn list_versions(
        &self,
        request: Request<wire::ListVersionsRequest>,
    ) -> Answer<wire::ListVersionsResponse> {
        let request = request.into_inner();
        let mut v = Violations::new();
        let parent = v.parse::<OrAll<ApplicationRef>>("parent", &request.parent);
        let filter = ["versions", request.parent.as_str()];
        let page: contract::Checked<Page<versions::Key>> = Page::read(
            &mut v,
            request.page_size,
            &request.page_token,
            &filter,
            PageSize::USUAL,
        );
        let (parent, page) = v.all((parent, page))?;
        let parent = parent.one().map(|parent| parent.application);
        let read = ::store::read!(self.0.db, |tx| {
            if let Some(parent) = &parent {
                registration::application(tx, parent).await?;
            }
            let (after, limit) = (page.after(), page.limit());
            Ok::<_, Error>(versions::list(tx, parent.as_ref(), after, limit).await?)
        });
        let mut rows = read.map_err(Problem::from)?;
        let next_page_token = page.finish(&mut rows, versions::key);
        Ok(Response::new(wire::ListVersionsResponse {
            versions: rows.iter().map(render::version).collect(),
            next_page_token,
        }))
    }

    async fn update_version(
        &self,
        request: Request<wire::UpdateVersionRequest>,
    ) -> Answer<wire::UpdateVersionResponse> {
        let (name, change, etag) = parse::version_change(request.get_ref())?;
        let act = self.act(&request, None)?;
        let version = registration::update_version(&self.0, &name, &change, etag, &act)
            .await
            .map_err(Problem::from)?;
        Ok(Response::new(wire::UpdateVersionResponse {
            version: Some(render::version(&version)),
        }))
    }

    async fn delete_version(
        &self,
        request: Request<wire::DeleteVersionRequest>,
    ) -> Answer<wire::DeleteVersionResponse> {
        let act = self.act(&request, None)?;
        let request = request.into_inner();
        let mut v = Violations::new();
        let name = v.parse::<VersionRef>("name", &request.name);
        let etag = v.optional::<Etag>("etag", &request.etag);
        let (name, etag) = v.all((name, etag))?;
        registration::delete_version(&self.0, &name, etag, &act)
            .await
            .map_err(Problem::from)?;
        Ok(Response::new(wire::DeleteVersionResponse {}))
    }

    async fn get_settings(
        &self,
        request: Request<wire::GetSettingsRequest>,
    ) -> Answer<wire::GetSettingsResponse> {
        let mut v = Violations::new();
        let name = v.parse::<ApplicationRef>("application", &request.get_ref().application);
        let name = v.all(name)?;
        let read = ::store::read!(self.0.db, |tx| {
            let application = registration::application(tx, &name.application).await?;
            let Serving::Active {
                version,
                generation,
            } = &application.serving
            else {
                return Err(Error::NeverActivated {
                    application: name.clone(),
                });
            };
            let active = application.version_ref(version);
            Ok((registration::version(tx, &active).await?, *generation))
        });
        let (version, generation) = read.map_err(Problem::from)?;
        Ok(Response::new(wire::GetSettingsResponse {
            version: version.name.to_string(),
            generation: generation.get(),
            roles: render::roles(&version.facts.roles),
        }))
    }
}

impl Applications {
    fn act<T>(
        &self,
        request: &Request<T>,
        named: Option<&contract::RequestId>,
    ) -> Result<crate::application::Act, Problem> {
        let mut v = Violations::new();
        let reason = v.parse::<Prose<500>>("reason", "");
        let reason = v.all(reason)?;
        Ok(common::act(&self.0.clock, request, named, reason))
    }
}
