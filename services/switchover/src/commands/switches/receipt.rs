//! Receipts: to keep, and to check without any service.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use clap::Args;
use proto::catalog::v1::{GetReceiptRequest, GetReceiptResponse};
use runtime::{PublicKey, sign::sha256_hex};
use serde_json::{Value, json};

use crate::{
    args::SwitchArgs,
    connect::{Service::Catalog, Session},
    error::Error,
    show::Screen,
};

/// Which receipt, and where to.
#[derive(Debug, Args)]
pub struct Get {
    /// Which one.
    #[command(flatten)]
    switch: SwitchArgs,
    /// Writes it to this file instead
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Which receipts, and by which key.
#[derive(Debug, Args)]
pub struct Verify {
    /// Files that `receipt` has written
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The operator's public key, in PEM or base64; else each receipt's own, which proves only that
    /// it is whole
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
}

impl Get {
    /// Shows or keeps it.
    pub async fn run(self, session: &Session, screen: &Screen) -> Result<(), Error> {
        let request = GetReceiptRequest {
            name: super::name(&self.switch, session).await?,
        };
        let answer = session
            .ask(Catalog, session.switches().get_receipt(request))
            .await?;
        let text = format!("{}\n", written(&answer));
        match self.out {
            None => screen.text(&text),
            Some(path) => {
                fs::write(&path, text).map_err(|error| runtime::Error::file(&path, error))?;
                screen.aside(&format!("The receipt is in {}.\n", path.display()))
            }
        }
    }
}

impl Verify {
    /// Checks signatures, and the chain of each application's receipts.
    pub fn run(self, screen: &Screen) -> Result<(), Error> {
        let key = self.key.as_deref().map(public_key).transpose()?;
        let mut receipts = Vec::new();
        for path in &self.files {
            receipts.push(read(path, key.as_ref()).map_err(|why| wrong(path, &why))?);
        }
        let shown = chain(receipts).map_err(|why| Error::usage(why, None))?;
        screen.text(&shown)
    }
}

/// One line of JSON, as it is kept in a file.
fn written(answer: &GetReceiptResponse) -> Value {
    json!({
        "json": answer.json,
        "signature": answer.signature,
        "key_id": answer.key_id,
        "public_key": answer.public_key,
    })
}

/// A receipt whose signature holds.
struct Receipt {
    application: String,
    number: u64,
    switch: String,
    outcome: String,
    previous: String,
    digest: String,
}

fn public_key(path: &Path) -> Result<PublicKey, Error> {
    let text = fs::read_to_string(path).map_err(|error| runtime::Error::file(path, error))?;
    text.parse()
        .map_err(|error| runtime::Error::file(path, error).into())
}

fn wrong(path: &Path, why: &str) -> Error {
    Error::usage(format!("{}: {why}", path.display()), None)
}

fn read(path: &Path, key: Option<&PublicKey>) -> Result<Receipt, String> {
    let text = fs::read_to_string(path).map_err(|error| error.to_string())?;
    checked(&text, key)
}

fn checked(text: &str, key: Option<&PublicKey>) -> Result<Receipt, String> {
    let file: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let part = |value: &Value, name: &str| match &value[name] {
        Value::String(text) => Ok(text.clone()),
        _ => Err(format!("this is no receipt: it has no {name}")),
    };
    let (json, signature) = (part(&file, "json")?, part(&file, "signature")?);
    let signature = STANDARD
        .decode(signature)
        .map_err(|_| "the signature is not base64".to_owned())?;
    let own: PublicKey = part(&file, "public_key")?
        .parse()
        .map_err(|error| format!("public_key {error}"))?;
    let key = key.unwrap_or(&own);
    if !key.verifies(json.as_bytes(), &signature) {
        return Err(format!("key {} has not signed this", key.id()));
    }
    let receipt: Value = serde_json::from_str(&json).map_err(|error| error.to_string())?;
    Ok(Receipt {
        application: part(&receipt, "application")?,
        number: receipt["number"].as_u64().ok_or("it has no number")?,
        switch: part(&receipt, "switch")?,
        outcome: part(&receipt, "outcome")?,
        previous: part(&receipt, "previous_sha256")?,
        digest: sha256_hex(json.as_bytes()),
    })
}

/// Checks that each receipt follows on the one before it, and says what was found.
fn chain(receipts: Vec<Receipt>) -> Result<String, String> {
    let mut chains: BTreeMap<String, BTreeMap<u64, Receipt>> = BTreeMap::new();
    for receipt in receipts {
        let chain = chains.entry(receipt.application.clone()).or_default();
        chain.insert(receipt.number, receipt);
    }
    let mut text = String::new();
    for (application, chain) in chains {
        let mut before: Option<&Receipt> = None;
        for receipt in chain.values() {
            let number = receipt.number;
            match before {
                Some(before) if before.number + 1 != number => {
                    return Err(format!(
                        "{application}: receipt {} is missing before {number}",
                        before.number + 1
                    ));
                }
                Some(before) if before.digest != receipt.previous => {
                    return Err(format!(
                        "{application}: receipt {number} does not follow on the one before it"
                    ));
                }
                None if number == 1 && !receipt.previous.is_empty() => {
                    return Err(format!(
                        "{application}: the first receipt follows on another"
                    ));
                }
                Some(_) | None => {}
            }
            text.push_str(&format!(
                "{} {number}: {}\n",
                receipt.switch, receipt.outcome
            ));
            before = Some(receipt);
        }
    }
    text.push_str("Every signature holds, and none is missing between them.\n");
    Ok(text)
}

#[cfg(test)]
mod tests {
    use runtime::SigningKey;

    use super::*;

    fn file(key: &SigningKey, number: u64, previous: &str) -> (String, String) {
        let json = json!({
            "application": "applications/shop", "number": number, "previous_sha256": previous,
            "switch": format!("applications/shop/switches/{number}"), "outcome": "succeeded",
        })
        .to_string();
        let digest = sha256_hex(json.as_bytes());
        let answer = GetReceiptResponse {
            signature: STANDARD.encode(key.sign(json.as_bytes())),
            key_id: key.public().id(),
            public_key: key.public().to_string(),
            json,
        };
        (written(&answer).to_string(), digest)
    }

    #[test]
    fn a_chain_breaks_when_a_receipt_is_forged_left_out_or_another_ones() {
        let key = SigningKey::generate();
        let (one, first) = file(&key, 1, "");
        let (two, second) = file(&key, 2, &first);
        let (three, _) = file(&key, 3, &second);
        let whole = |texts: &[&String]| {
            let read = |text: &&String| checked(text, Some(&key.public()));
            chain(texts.iter().map(read).collect::<Result<_, _>>()?)
        };
        assert!(
            whole(&[&three, &one, &two])
                .unwrap()
                .contains("switches/3 3: succeeded")
        );
        assert!(whole(&[&two, &three]).is_ok(), "a part of a chain is one");
        assert!(
            whole(&[&one, &three])
                .unwrap_err()
                .contains("receipt 2 is missing")
        );
        let (other, _) = file(&key, 2, &second);
        assert!(
            whole(&[&one, &other])
                .unwrap_err()
                .contains("does not follow")
        );
        assert!(whole(&[&file(&key, 1, &first).0]).is_err());
        let forged = one.replace("succeeded", "failed");
        assert_ne!(forged, one);
        assert!(whole(&[&forged]).unwrap_err().contains("has not signed"));
        let foreign = file(&SigningKey::generate(), 1, "").0;
        assert!(checked(&foreign, None).is_ok());
        assert!(whole(&[&foreign]).unwrap_err().contains("has not signed"));
    }
}
