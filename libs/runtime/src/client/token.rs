//! A file with an access token, which somebody renews while it is used.

use std::{
    fmt, fs,
    path::{Path, PathBuf},
};

use contract::{Identity, Problem, reason};
use tonic::{
    Status,
    metadata::{Ascii, MetadataValue},
};

use crate::{caller, error::Error};

/// Where an access token is, and which of the roles that it grants is meant.
#[derive(Clone)]
pub struct TokenFile {
    path: PathBuf,
    chosen: Option<Identity>,
}

impl TokenFile {
    /// Takes a file that holds a token and nothing else. It is read for each call.
    ///
    /// # Errors
    /// There is no token in it now.
    pub fn open(path: &Path, chosen: Option<&Identity>) -> Result<Self, Error> {
        let file = Self {
            path: path.to_owned(),
            chosen: chosen.cloned(),
        };
        file.read().map_err(|why| Error::file(path, why))?;
        Ok(file)
    }

    /// Returns what says which role is meant. The person is the token's in any case.
    pub(super) fn choice(&self) -> Vec<(&'static str, String)> {
        let Some(identity) = &self.chosen else {
            return Vec::new();
        };
        let mut pairs = vec![(caller::ROLE, identity.role().to_string())];
        if let Identity::TenantAdmin(_) = identity {
            pairs.push((caller::SUBJECT, identity.subject()));
        }
        pairs
    }

    /// Returns the header for one call.
    pub(super) fn bearer(&self) -> Result<MetadataValue<Ascii>, Status> {
        self.read().map_err(|why| {
            let message = format!("{}: {why}", self.path.display());
            Problem::unauthenticated(reason::UNAUTHENTICATED, message)
                .next("Sign in again, and put the access token into the file.")
                .into()
        })
    }

    fn read(&self) -> Result<MetadataValue<Ascii>, String> {
        let size = fs::metadata(&self.path)
            .map_err(|error| error.to_string())?
            .len();
        if size > oidc::TOKEN_BYTES_MAX as u64 + 2 {
            return Err("is larger than a token may be".to_owned());
        }
        let text = fs::read_to_string(&self.path).map_err(|error| error.to_string())?;
        let token = text.trim();
        let value = format!("Bearer {token}").parse::<MetadataValue<Ascii>>();
        match value {
            Ok(mut value) if !token.is_empty() && !token.contains(' ') => {
                value.set_sensitive(true);
                Ok(value)
            }
            Ok(_) | Err(_) => Err("does not hold a token and nothing else".to_owned()),
        }
    }
}

impl fmt::Debug for TokenFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenFile({})", self.path.display())
    }
}

#[cfg(test)]
mod tests {
    use contract::Role;
    use tonic::{Request, service::Interceptor as _};

    use super::*;
    use crate::client::{Credentials, Identify};

    #[test]
    fn a_token_that_is_renewed_in_its_file_is_the_one_of_the_next_call() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        assert!(TokenFile::open(&path, None).is_err());
        fs::write(&path, "one\n").unwrap();
        let tenant = Identity::new(Role::TenantAdmin, "tenants/bert").unwrap();
        let file = TokenFile::open(&path, Some(&tenant)).unwrap();
        let mut identify = Identify::new(&Credentials::Token(file)).unwrap();
        let mut call = || identify.call(Request::new(()));
        let text = |request: &Request<()>, name: &str| {
            let value = request.metadata().get(name).unwrap();
            value.to_str().unwrap().to_owned()
        };
        let request = call().unwrap();
        assert_eq!(text(&request, caller::AUTHORIZATION), "Bearer one");
        assert_eq!(text(&request, caller::ROLE), "tenant-admin");
        assert_eq!(text(&request, caller::SUBJECT), "tenants/bert");
        assert!(!format!("{request:?}").contains("one"));
        fs::write(&path, "two").unwrap();
        assert_eq!(text(&call().unwrap(), caller::AUTHORIZATION), "Bearer two");
        for wrong in ["", "two words", "line\nline", "\u{7}", &"x".repeat(20_000)] {
            fs::write(&path, wrong).unwrap();
            let problem = Problem::from(call().unwrap_err());
            assert!(problem.is(&reason::UNAUTHENTICATED));
            assert!(wrong.is_empty() || !problem.message().contains(wrong));
        }
    }

    #[test]
    fn of_a_person_only_the_role_is_chosen() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        fs::write(&path, "one").unwrap();
        let viewer = Identity::new(Role::OperatorViewer, "people/local").unwrap();
        let file = TokenFile::open(&path, Some(&viewer)).unwrap();
        assert_eq!(
            file.choice(),
            [(caller::ROLE, "operator-viewer".to_owned())]
        );
    }
}
