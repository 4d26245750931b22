//! Mails as an operator's people and tenants would get them, with made-up names, for looking at.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use runtime::Error;

use crate::{
    config::EdgeUrl,
    look::{LookArgs, Picture},
    notice::{DisplayName, Recipient},
    render::{Letter, Mail, Reader, Renderer},
    samples,
};

/// A mail to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preview {
    /// The template, and a number if it is shown more than once: `denial_confirmed-2`.
    pub name: String,
    /// Its subject line.
    pub subject: String,
    /// For people who read text.
    pub text: String,
    /// The same as a page, with the logo in it.
    pub html: String,
}

/// Writes every mail there is, each for every turn that it can take.
///
/// # Errors
/// If the logo cannot be read.
pub fn previews(operator: DisplayName, look: &LookArgs) -> Result<Vec<Preview>, Error> {
    let edge: EdgeUrl = "https://edge.example.com"
        .parse()
        .expect("an address that is taken");
    let unsubscribe = edge.unsubscribe("s1.0a1b2c3d.example", look.language);
    let renderer = Renderer::new(operator, edge, look.look()?);
    let notices = samples::notices();
    let mut previews = Vec::new();
    for letter in Letter::ALL {
        let alike = notices
            .iter()
            .filter(|notice| notice.placing().mail == Some(letter));
        for (turn, notice) in alike.enumerate() {
            let name = match &notice.recipient {
                Recipient::Operator => None,
                Recipient::Tenant { addresses, .. } => {
                    addresses.first().and_then(|to| to.display_name.as_ref())
                }
            };
            let wanted = !notice.category().is_required();
            let reader = Reader {
                name,
                unsubscribe: wanted.then_some(unsubscribe.as_str()),
            };
            let mail = renderer
                .render(letter, notice, reader)
                .map_err(|error| Error::Usage(error.to_string()))?;
            previews.push(Preview {
                name: match turn {
                    0 => letter.as_str().to_owned(),
                    turn => format!("{}-{}", letter.as_str(), turn + 1),
                },
                html: page(&mail),
                subject: mail.subject,
                text: mail.text,
            });
        }
    }
    Ok(previews)
}

/// Puts the picture into the HTML: a page has no other parts.
fn page(mail: &Mail) -> String {
    let Some(Picture { media_type, bytes }) = &mail.picture else {
        return mail.html.clone();
    };
    let data = format!(
        "src=\"data:{media_type};base64,{}\"",
        STANDARD.encode(bytes)
    );
    mail.html
        .replace(&format!("src=\"cid:{}\"", Picture::ID), &data)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use contract::Language;

    use crate::look::LogoArg;

    #[test]
    fn every_letter_is_previewed_under_a_name_of_its_own() {
        let all = previews(samples::line("Example Ops"), &LookArgs::default()).unwrap();
        let names: BTreeSet<_> = all.iter().map(|one| one.name.as_str()).collect();
        assert_eq!(names.len(), all.len());
        assert!(
            Letter::ALL
                .iter()
                .all(|letter| names.contains(letter.as_str()))
        );
    }

    #[test]
    fn previews_show_which_mails_one_can_be_without() {
        for preview in previews(samples::line("Example Ops"), &LookArgs::default()).unwrap() {
            let both = [&preview.text, &preview.html];
            let links = both.map(|part| part.contains("/unsubscribe/"));
            let expected = ["access_removed", "version_", "switch_", "proposal_"]
                .iter()
                .any(|begin| preview.name.starts_with(begin));
            assert_eq!(links, [expected; 2], "{}", preview.name);
        }
    }

    #[test]
    fn a_preview_is_in_the_language_and_with_the_logo_that_were_chosen() {
        let logo = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(logo.path(), b"GIF89a").unwrap();
        let look = LookArgs {
            language: Language::German,
            logo: Some(LogoArg::File(logo.path().to_owned())),
            ..LookArgs::default()
        };
        let all = previews(samples::line("Beispiel"), &look).unwrap();
        assert!(
            all[0].text.contains("\nGuten Tag Anna Example,\n"),
            "{}",
            all[0].text
        );
        assert!(
            all[0].html.contains("src=\"data:image/gif;base64,"),
            "{}",
            all[0].html
        );
    }
}
