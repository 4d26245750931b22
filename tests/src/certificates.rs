//! An authority of one installation, and the certificates by which its parts know each other.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Result;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, SanType, date_time_ymd,
};

/// An authority, with its files in a folder of its own.
pub struct Authority {
    folder: PathBuf,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// The files of a certificate.
#[derive(Debug, Clone)]
pub struct Certificate {
    /// The certificate.
    pub cert: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

impl Authority {
    /// Draws an authority.
    ///
    /// # Errors
    /// When its file cannot be written.
    pub fn new(folder: &Path, name: &str) -> Result<Self> {
        let folder = folder.join(name);
        fs::create_dir_all(&folder)?;
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
        let authority = Self { folder, issuer };
        fs::write(authority.certificate(), authority.issuer.pem())?;
        Ok(authority)
    }

    /// Returns the file of its own certificate.
    #[must_use]
    pub fn certificate(&self) -> PathBuf {
        self.folder.join("ca.pem")
    }

    /// Issues a certificate for this machine with a name such as
    /// `spiffe://switchover/service/catalog`, until the end of a year. One of the same file is
    /// replaced.
    ///
    /// # Errors
    /// When its files cannot be written.
    pub fn issue(&self, file: &str, name: &str, year: i32) -> Result<Certificate> {
        let hosts = ["localhost", "127.0.0.1"].map(String::from);
        let mut params = CertificateParams::new(hosts)?;
        params
            .subject_alt_names
            .push(SanType::URI(name.try_into()?));
        params.not_after = date_time_ymd(year, 12, 31);
        let pair = KeyPair::generate()?;
        let certificate = params.signed_by(&pair, &self.issuer)?;
        let path = |end: &str| self.folder.join(format!("{file}.{end}"));
        let (cert, key) = (path("pem"), path("key"));
        fs::write(&key, pair.serialize_pem())?;
        fs::write(&cert, certificate.pem())?;
        Ok(Certificate { cert, key })
    }
}
