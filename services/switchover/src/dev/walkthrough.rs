//! What to open and what to try, in order, as text for people and as addresses for programs.

use std::{
    collections::BTreeMap,
    env,
    path::{Path, PathBuf},
};

use demo::Release;
use serde::Serialize;

use super::{
    Config,
    demonstration::{self, APPLICATION},
    keys::Keys,
    places::Places,
};
use crate::show::{
    View,
    paper::{Paper, Word, busy, dim, strong},
};

/// Everything that runs, and where.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Installation {
    operator: String,
    application: &'static str,
    /// gRPC of the services.
    catalog: String,
    provisioning: String,
    notification: String,
    gateway: String,
    /// Where users reach applications, by tenant.
    pub(crate) tenants: BTreeMap<&'static str, String>,
    /// Where testers reach the version in test.
    pub(crate) test_address: String,
    /// The console, its API, and the pages behind links in mails.
    edge: String,
    /// The versions themselves, oldest first.
    versions: Vec<RunningVersion>,
    mailbox: Option<String>,
    /// The file of the demo operator's key.
    key_file: PathBuf,
    #[serde(skip)]
    mails_wait: bool,
    #[serde(skip)]
    usual: bool,
    #[serde(skip)]
    program: String,
}

#[derive(Debug, Clone, Serialize)]
struct RunningVersion {
    version: String,
    upstream: String,
}

impl Installation {
    /// Says where everything is.
    pub(crate) fn new(
        config: &Config,
        keys: &Keys,
        places: &Places,
        releases: &[Release; 2],
        upstreams: &[String; 2],
    ) -> Self {
        let operator = config.operator.to_string();
        let port = places.apps.port();
        let tenants = demonstration::tenants().map(|(tenant, _)| {
            (
                tenant,
                format!("http://{tenant}-{APPLICATION}-{operator}.localhost:{port}"),
            )
        });
        let versions = releases
            .iter()
            .zip(upstreams)
            .map(|(release, upstream)| RunningVersion {
                version: release.version.clone(),
                upstream: upstream.clone(),
            });
        Self {
            application: APPLICATION,
            catalog: format!("http://{}", places.catalog),
            provisioning: format!("http://{}", places.provisioning),
            notification: format!("http://{}", places.notification),
            gateway: format!("http://{}", places.control),
            tenants: tenants.into(),
            test_address: format!("http://{APPLICATION}-{operator}.test.localhost:{port}"),
            edge: format!("http://localhost:{}", places.edge.port()),
            versions: versions.collect(),
            mailbox: config.mailbox_url.clone(),
            key_file: keys.operator(),
            mails_wait: config.smtp.is_none(),
            usual: places.usual(),
            program: program(
                &env::args().next().unwrap_or_default(),
                &env::current_dir().unwrap_or_default(),
            ),
            operator,
        }
    }

    /// Returns the name of the demonstration's first version.
    pub(crate) fn first_version(&self) -> &str {
        &self.versions[0].version
    }

    /// Returns all addresses as one line of JSON.
    pub(crate) fn json(&self) -> String {
        let text = serde_json::to_string(self).expect("addresses are text");
        format!("{text}\n")
    }

    /// Words it for people.
    pub(crate) fn walkthrough(&self, view: &View) -> String {
        let mailbox = match (&self.mailbox, self.mails_wait) {
            (Some(url), false) => url.as_str().into(),
            (None, false) => dim("where --smtp leads"),
            (_, true) => busy("mails wait: start a mail server and say --smtp URL"),
        };
        let grpc = format!(
            "catalog {}, provisioning {}, notification {}, gateway {}",
            bare(&self.catalog),
            bare(&self.provisioning),
            bare(&self.notification),
            bare(&self.gateway)
        );
        let mut places: Vec<(String, Word)> = Vec::new();
        for (tenant, url) in &self.tenants {
            places.push((
                format!("Demo Shop, users of {tenant}"),
                strong(format!("{url}/")),
            ));
        }
        places.push(("console".to_owned(), strong(format!("{}/", self.edge))));
        places.push(("mails".to_owned(), mailbox));
        for version in &self.versions {
            places.push((
                format!("version {} itself", version.version),
                dim(&version.upstream),
            ));
        }
        places.push(("gRPC".to_owned(), dim(grpc)));
        let key = format!(
            "the demo operator's: commands and the console find it, {} keys dev writes it",
            self.program
        );
        places.push(("key".to_owned(), dim(key)));
        let mut paper = Paper::new(view)
            .line([strong("Switchover runs."), "Ctrl-C stops it; started again, it goes on where it was.".into()])
            .gap()
            .facts(places)
            .gap()
            .line([strong("Open one of the tenants' pages, keep it open, and in another terminal, in this order:")]);
        for (number, step) in self.steps().into_iter().enumerate() {
            paper = paper
                .gap()
                .line([Word::from(format!("{}.", number + 1)), step.what.into()]);
            for command in step.commands {
                paper = paper.line([Word::from("  "), strong(command)]);
            }
        }
        paper.gap().finish()
    }

    /// The steps, each with commands that can be pasted as they are.
    fn steps(&self) -> Vec<Step> {
        let so = &self.program;
        let bert = &self.tenants["bert"];
        let (old, new) = (&self.versions[0].version, &self.versions[1].version);
        let shop = APPLICATION;
        let test = &self.test_address;
        let mut steps = vec![
            Step::new(
                format!("Register {new} to test: testers reach it, and nobody else"),
                [format!(
                    "TOKEN=$({so} versions register-to-test {shop} {new} --token-only)"
                )],
            ),
            Step::new(
                format!("Be a tester; in a browser, open {test}/ and give it the token"),
                [format!(
                    "curl -s -H \"switchover-tester-token: $TOKEN\" {test}/api/whoami"
                )],
            ),
            Step::new(
                format!("Switch all users to {new}, and watch the open page"),
                [format!(
                    "{so} versions confirm-update {shop} {new} --wait --yes"
                )],
            ),
            Step::new(
                match (&self.mailbox, self.mails_wait) {
                    (Some(url), false) => format!(
                        "Look at the mails at {url}, and deny with the link in bert's; or say it for bert"
                    ),
                    (_, _) => "Deny for bert, as the link in its mail would".to_owned(),
                },
                [
                    format!("{so} deliveries list"),
                    format!("{so} provisionings deny bert {shop} {new}"),
                ],
            ),
            Step::new(
                format!(
                    "See that bert is refused (a page at {bert}/, JSON for programs), and that the operator knows"
                ),
                [
                    format!("curl -si -H 'accept: application/json' {bert}/api/whoami"),
                    format!("{so} inbox list --tab events"),
                ],
            ),
            Step::new(
                format!("Switch back: {old} needs no app credentials, and bert has not denied it"),
                [
                    format!("{so} versions confirm-reactivate {shop} {old} --wait --yes"),
                    format!("curl -s {bert}/api/whoami"),
                    format!("{so} apps history {shop}"),
                ],
            ),
        ];
        let first = if self.usual {
            Step::new("Look at what there is", [format!("{so} versions list")])
        } else {
            Step::new(
                "Say where the services are, and look at what there is",
                [
                    format!(
                        "export SWITCHOVER_CATALOG={} SWITCHOVER_PROVISIONING={} SWITCHOVER_NOTIFICATION={} SWITCHOVER_GATEWAY_CONTROL={}",
                        self.catalog, self.provisioning, self.notification, self.gateway
                    ),
                    format!("{so} versions list"),
                ],
            )
        };
        steps.insert(0, first);
        steps
    }
}

struct Step {
    what: String,
    commands: Vec<String>,
}

impl Step {
    fn new(what: impl Into<String>, commands: impl Into<Vec<String>>) -> Self {
        Self {
            what: what.into(),
            commands: commands.into(),
        }
    }
}

fn bare(url: &str) -> &str {
    url.trim_start_matches("http://")
}

/// Returns how this program can be called from the present folder: as it was, if somebody typed it.
fn program(called: &str, folder: &Path) -> String {
    let path = Path::new(called);
    match path.strip_prefix(folder) {
        Ok(below) if path.is_absolute() => format!("./{}", below.display()),
        Ok(_) | Err(_) if called.is_empty() => "switchover".to_owned(),
        Ok(_) | Err(_) => called.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::{
        dev::places::tests::usual,
        show::samples::{plain, view},
    };

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        config: Config,
    }

    fn installation(flags: &[&str], places: &Places) -> Installation {
        let line = std::iter::once(&"x").chain(flags);
        let config = Line::try_parse_from(line).unwrap().config;
        let upstreams = [places.first, places.second].map(|address| format!("http://{address}"));
        let data = tempfile::tempdir().unwrap();
        let keys = Keys::open(data.path()).unwrap();
        Installation {
            program: "switchover".to_owned(),
            ..Installation::new(
                &config,
                &keys,
                places,
                &demonstration::versions(),
                &upstreams,
            )
        }
    }

    #[test]
    fn the_walkthrough_reads_well() {
        let mails = [
            "--smtp=smtp://127.0.0.1:1025",
            "--mailbox-url=http://127.0.0.1:1080",
        ];
        let text = installation(&mails, &usual()).walkthrough(&view());
        insta::assert_snapshot!("walkthrough", plain(&text));
    }

    #[test]
    fn without_a_mail_server_it_says_that_mails_wait() {
        let text = plain(&installation(&[], &usual()).walkthrough(&view()));
        assert!(text.contains("mails wait"), "{text}");
    }

    #[test]
    fn on_other_ports_the_clients_are_told() {
        let mut places = usual();
        places.catalog.set_port(9);
        let text = plain(&installation(&[], &places).walkthrough(&view()));
        assert!(
            text.contains("export SWITCHOVER_CATALOG=http://127.0.0.1:9 "),
            "{text}"
        );
    }

    #[test]
    fn every_command_of_the_walkthrough_is_one_that_the_client_takes() {
        let mut seen = 0;
        for step in installation(&[], &usual()).steps() {
            for command in step.commands {
                let Some(line) = command
                    .split("switchover ")
                    .nth(1)
                    .filter(|_| !command.starts_with("curl"))
                else {
                    continue;
                };
                let words = line.trim_end_matches(')').split_whitespace();
                let words = std::iter::once("switchover").chain(words);
                if let Err(error) = crate::Cli::grammar().try_get_matches_from(words) {
                    panic!("{command}: {error}");
                }
                seen += 1;
            }
        }
        assert!(seen >= 8, "{seen}");
    }

    #[test]
    fn programs_get_every_address() {
        let json: serde_json::Value =
            serde_json::from_str(&installation(&[], &usual()).json()).unwrap();
        assert_eq!(json["catalog"], "http://127.0.0.1:7101");
        assert_eq!(json["gateway"], "http://127.0.0.1:7104");
        assert_eq!(
            json["tenants"]["anna"],
            "http://anna-shop-acme.localhost:8080"
        );
        assert_eq!(json["testAddress"], "http://shop-acme.test.localhost:8080");
        assert_eq!(json["versions"][1]["upstream"], "http://127.0.0.1:7112");
        assert_eq!(json["mailbox"], serde_json::Value::Null);
        let key_file = json["keyFile"].as_str().unwrap();
        assert!(key_file.ends_with("/keys/operator.key"), "{key_file}");
    }

    #[test]
    fn the_program_is_called_as_it_was_or_from_here() {
        let here = Path::new("/home/anna/switchover");
        for (called, shown) in [
            ("switchover", "switchover"),
            ("target/debug/switchover", "target/debug/switchover"),
            (
                "/home/anna/switchover/target/debug/switchover",
                "./target/debug/switchover",
            ),
            ("/usr/bin/switchover", "/usr/bin/switchover"),
            ("", "switchover"),
        ] {
            assert_eq!(program(called, here), shown);
        }
    }
}
