//! Checks logs: in the services, or in a file without them.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use audit::{Entry, GENESIS, Service};
use clap::Args;

use super::{
    Services,
    log::{self, Looked},
};
use crate::{
    connect::Session,
    error::Error,
    show::{Screen, audit::Checked},
};

/// What is checked.
#[derive(Debug, Args)]
pub struct Verify {
    /// A file that `export` has written; the services themselves if left out
    #[arg(value_name = "FILE")]
    path: Option<PathBuf>,
    /// Of these services
    #[command(flatten)]
    services: Services,
    /// A head that an earlier check has printed: it must still be there; may be given several times
    #[arg(long = "head", value_name = "HASH", value_parser = head)]
    heads: Vec<String>,
}

impl Verify {
    pub(super) async fn run(self, session: &Session, screen: &Screen) -> Result<(), Error> {
        let heads: BTreeSet<String> = self.heads.into_iter().collect();
        let looked = match &self.path {
            Some(path) => {
                let bytes = fs::read(path).map_err(|error| runtime::Error::file(path, error))?;
                of_file(&bytes, &self.services).map_err(|why| Error::Tampered {
                    what: format!("{}: {why}", path.display()),
                })?
            }
            None => {
                let mut looked = Vec::new();
                for service in self.services.all() {
                    looked.push((service, log::export(session, service, |_| Ok(())).await?));
                }
                looked
            }
        };
        tell(looked, heads, self.path.as_deref(), screen)
    }
}

/// Shows what was found, and fails if anything is wrong.
pub(super) fn tell(
    looked: Vec<(Service, Looked)>,
    mut heads: BTreeSet<String>,
    path: Option<&Path>,
    screen: &Screen,
) -> Result<(), Error> {
    heads.remove(GENESIS);
    for (_, looked) in &looked {
        heads.retain(|head| !looked.met.contains(head));
    }
    let broken = looked.iter().any(|(_, looked)| looked.outcome.is_err());
    let checked = Checked {
        path: path.map(Path::to_path_buf),
        logs: looked
            .into_iter()
            .map(|(service, looked)| (service, looked.outcome))
            .collect(),
        missing_heads: heads.into_iter().collect(),
    };
    screen.made(&checked)?;
    if broken || !checked.missing_heads.is_empty() {
        Err(Error::Tampered {
            what: "the audit log is not as it was written".to_owned(),
        })
    } else {
        Ok(())
    }
}

/// Reads a file, and looks at the log of each service in it.
fn of_file(bytes: &[u8], services: &Services) -> Result<Vec<(Service, Looked)>, String> {
    let mut logs: BTreeMap<Service, Vec<Entry>> = BTreeMap::new();
    let lines = match bytes {
        [] => return Err("is empty: entries were cut off, or none was exported".to_owned()),
        _ => bytes
            .strip_suffix(b"\n")
            .ok_or("ends in the middle of a line")?,
    };
    for (number, line) in lines.split(|byte| *byte == b'\n').enumerate() {
        let entry = Entry::read(line).map_err(|why| format!("line {} {why}", number + 1))?;
        logs.entry(entry.service).or_default().push(entry);
    }
    let all = logs
        .into_iter()
        .filter(|(service, _)| services.all().contains(service));
    Ok(all
        .map(|(service, entries)| (service, Looked::at(service, &entries, None)))
        .collect())
}

fn head(text: &str) -> Result<String, String> {
    let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    if text.len() == 64 && text.bytes().all(hex) {
        Ok(text.to_owned())
    } else {
        Err("give a head as verify prints it: 64 hexadecimal digits".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(service: Service, length: i64) -> (String, Vec<String>) {
        let (mut text, mut hashes) = (String::new(), vec![GENESIS.to_owned()]);
        for number in 1..=length {
            let mut entry = Entry {
                service,
                number,
                at: jiff::Timestamp::UNIX_EPOCH,
                role: None,
                actor: "tenants/acme".to_owned(),
                person: String::new(),
                method: "/switchover.provisioning.v1.ConsentService/DecideOffer".to_owned(),
                resource: "tenants/acme/applications/crm/provisionings/2".to_owned(),
                reason: String::new(),
                request_id: "r".to_owned(),
                asked: "{}".to_owned(),
                before: String::new(),
                after: String::new(),
                previous: hashes.last().cloned().unwrap_or_default(),
                hash: String::new(),
            };
            entry.hash = entry.digest();
            hashes.push(entry.hash.clone());
            text.push_str(&format!("{}\n", entry.line()));
        }
        (text, hashes)
    }

    fn all() -> Services {
        Services { named: Vec::new() }
    }

    #[test]
    fn a_file_of_several_services_is_several_chains() {
        let (catalog, _) = file(Service::Catalog, 3);
        let (provisioning, hashes) = file(Service::Provisioning, 2);
        let looked = of_file(format!("{catalog}{provisioning}").as_bytes(), &all()).unwrap();
        let ends: Vec<_> = looked
            .iter()
            .map(|(service, looked)| (*service, looked.outcome.clone().unwrap().number))
            .collect();
        assert_eq!(ends, [(Service::Catalog, 3), (Service::Provisioning, 2)]);
        assert!(looked[1].1.met.contains(&hashes[2]));
        let only = Services {
            named: vec![Service::Provisioning],
        };
        assert_eq!(of_file(catalog.as_bytes(), &only).unwrap().len(), 0);
    }

    #[test]
    fn what_is_wrong_with_a_file_is_told_with_its_line() {
        let (text, _) = file(Service::Catalog, 3);
        let said = |text: &str| of_file(text.as_bytes(), &all()).map(drop).unwrap_err();
        assert!(said("").contains("is empty"));
        assert!(said(text.trim_end()).contains("in the middle"));
        assert!(said(&format!("{text}\n")).contains("line 4 is no entry"));
        let changed = text.replacen("acme", "beta", 1);
        let looked = of_file(changed.as_bytes(), &all()).unwrap();
        assert_eq!(looked[0].1.outcome.clone().unwrap_err().number(), 1);
        let spaced = text.replacen("\"actor\":", "\"actor\": ", 1);
        assert!(said(&spaced).contains("line 1 is not written as it was exported"));
    }
}
