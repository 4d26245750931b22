//! Mails are signed such that others can check it: with records as the command line prints them, and
//! an implementation of DKIM that is not ours.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use anyhow::{Context as _, Result, ensure};
use contract::Role;
use proto::notification::v1::{
    CatalogInRecovery, Notice, OperatorRecipient, PublishNoticesRequest,
    notice::{Body, Recipient},
    notice_service_client::NoticeServiceClient,
};
use runtime::{Credentials, connect_lazy};
use tests::{
    mailbox::Mailbox,
    ports,
    process::{Process, built},
    until::until,
};

const KEYS: [(&str, &str); 2] = [
    (
        "r1",
        include_str!("../../services/notification/src/dkim/tests/rsa.pem"),
    ),
    (
        "e1",
        include_str!("../../services/notification/src/dkim/tests/ed25519.pem"),
    ),
];
const FROM: &str = "Acme <switchover@acme.example>";

#[tokio::test(flavor = "multi_thread")]
async fn another_implementation_accepts_both_signatures_of_a_mail_and_none_of_a_changed_one()
-> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut keys = Vec::new();
    for (selector, pem) in KEYS {
        let path = folder.path().join(format!("{selector}.pem"));
        fs::write(&path, pem)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
        keys.push(format!("--dkim-key={selector}={}", path.display()));
    }
    let records = records(&keys)?;
    let mailbox = Mailbox::start(folder.path()).await?;
    let port = ports::free()?;
    let mut words = vec![
        "serve".to_owned(),
        "notification".to_owned(),
        format!("--listen=127.0.0.1:{port}"),
        format!("--database=sqlite:{}", folder.path().join("n.db").display()),
        format!("--smtp={}", mailbox.smtp_url()),
        format!("--mail-from={FROM}"),
        "--operator-mail=ops@acme.example".to_owned(),
        "--operator-name=Größe & Söhne".to_owned(),
        "--mail-language=de".to_owned(),
        "--edge-url=http://127.0.0.1:1".to_owned(),
    ];
    words.extend(keys);
    let mut service = Process::new("notification", built("switchover")?, words, folder.path());
    service.start()?;
    let endpoint = format!("http://127.0.0.1:{port}").parse()?;
    let credentials = Credentials::claimed(Role::Service, "catalog")?;
    let notices = NoticeServiceClient::new(connect_lazy(&endpoint, &credentials)?);
    let publish = || async {
        let request = PublishNoticesRequest {
            notices: vec![notice()],
        };
        Ok(notices.clone().publish_notices(request).await?.into_inner())
    };
    until("notification", publish, |_| true).await?;
    mailbox.mail("the mail", |_| true).await?;
    let mail = kept(&folder.path().join("mails"))?;

    let checked = check(&mail, &records)?;
    ensure!(
        checked.status.success() && checked.stdout.starts_with(b"2"),
        "{checked:?}\n{}",
        fs::read_to_string(&mail)?
    );
    let text = fs::read_to_string(&mail)?;
    for (from, to) in [
        ("Subject: ", "Subject: Re: "),
        ("From: ", "From: <evil@evil.example>\r\nFrom: "),
        ("gateways/", "gateway/"),
    ] {
        let changed = text.replacen(from, to, 1);
        ensure!(changed != text, "{from} is not in the mail");
        let path = folder.path().join("changed.eml");
        fs::write(&path, changed)?;
        let checked = check(&path, &records)?;
        ensure!(!checked.status.success(), "{from}: {checked:?}");
    }
    service.kill().await
}

fn notice() -> Notice {
    Notice {
        cause: "signing".to_owned(),
        time: Some(contract::time::write(runtime::Clock::real().now())),
        recipient: Some(Recipient::Operator(OperatorRecipient {})),
        body: Some(Body::CatalogInRecovery(CatalogInRecovery {
            message: "gateways/g-2 knows more than the catalog.".to_owned(),
        })),
        ..Notice::default()
    }
}

fn records(keys: &[String]) -> Result<Vec<u8>> {
    let output = Command::new(built("switchover")?)
        .args(["mail", "dkim-record", "--json", "--mail-from", FROM])
        .args(keys)
        .output()?;
    ensure!(output.status.success(), "{output:?}");
    Ok(output.stdout)
}

/// Returns the file of the only mail that the server keeps.
fn kept(folder: &Path) -> Result<PathBuf> {
    let files = fs::read_dir(folder)?.collect::<Result<Vec<_>, _>>()?;
    let mail = files
        .into_iter()
        .map(|file| file.path())
        .find(|path| path.extension().is_some_and(|end| end == "eml"));
    mail.context("the mail as it came")
}

fn check(mail: &Path, records: &[u8]) -> Result<Output> {
    let tools = built("switchover")?;
    let tools = tools
        .ancestors()
        .map(|folder| folder.join("tools/dkimpy"))
        .find(|folder| folder.join("dkim").exists())
        .context("dkimpy is not installed; run: cargo xtask tools")?;
    let script = tests::program::tools().join("verify_dkim.py");
    let input = mail.with_extension("records");
    fs::write(&input, records)?;
    let checked = Command::new("python3")
        .env("PYTHONPATH", tools)
        .arg(script)
        .arg(mail)
        .stdin(Stdio::from(fs::File::open(input)?))
        .output();
    checked.context("python3")
}
