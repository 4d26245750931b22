//! In which language somebody reads a page. The address says so where a link leads that stands in a mail: it
//! goes on in the language of that mail, or in the one that its reader chose on the page. Without that
//! the browser's word is taken, and else English.

use contract::Language;
use http::{HeaderMap, HeaderValue, header};

/// In which language somebody reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reader {
    /// The language.
    pub(crate) language: Language,
    /// The one that the page's address names, if it names one.
    pub(crate) asked: Option<Language>,
}

/// The parameter of an address that names a language.
pub(crate) const PARAMETER: &str = "lang";

impl Reader {
    /// Reads the language from an address's query and the fields of its request.
    pub(crate) fn of(query: Option<&str>, fields: &HeaderMap) -> Self {
        let pairs = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
        let mut named = pairs.filter(|(name, _)| name == PARAMETER);
        let asked = named.find_map(|(_, tag)| tag.parse().ok());
        Self {
            language: asked.unwrap_or_else(|| Self::by_fields(fields).language),
            asked,
        }
    }

    /// Reads the language from the fields of a request.
    pub(crate) fn by_fields(fields: &HeaderMap) -> Self {
        let lines = fields.get_all(header::ACCEPT_LANGUAGE).iter();
        let lines: Vec<_> = lines.filter_map(|line| line.to_str().ok()).collect();
        Self {
            language: Language::wanted(&lines.join(",")).unwrap_or_default(),
            asked: None,
        }
    }

    /// Says on an answer which language it is in, and whether another browser would have got another.
    pub(crate) fn mark(self, fields: &mut HeaderMap) {
        let tag = HeaderValue::from_static(self.language.tag());
        fields.insert(header::CONTENT_LANGUAGE, tag);
        if self.asked.is_none() {
            let name = HeaderValue::from_static("accept-language");
            fields.append(header::VARY, name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn browser(languages: &[&'static str]) -> HeaderMap {
        let mut fields = HeaderMap::new();
        for line in languages {
            fields.append(header::ACCEPT_LANGUAGE, HeaderValue::from_static(line));
        }
        fields
    }

    #[test]
    fn the_address_counts_more_than_the_browser_and_that_more_than_english() {
        use Language::{English, German};
        for (query, languages, language, asked) in [
            (None, &[][..], English, None),
            (None, &["de-DE, en;q=0.5"], German, None),
            (None, &["fr", "de;q=0.2, en;q=0.1"], German, None),
            (Some("lang=en"), &["de"], English, Some(English)),
            (Some("all&lang=de"), &["en"], German, Some(German)),
            (Some("lang=fr&lang=de"), &["en"], German, Some(German)),
            (Some("lang=fr"), &["de"], German, None),
            (Some("lang"), &["de"], German, None),
        ] {
            let reader = Reader::of(query, &browser(languages));
            assert_eq!(
                reader,
                Reader { language, asked },
                "{query:?} {languages:?}"
            );
        }
    }

    #[test]
    fn an_answer_says_whether_the_browser_decided_on_its_language() {
        for (query, varies) in [(None, true), (Some("lang=de"), false)] {
            let mut fields = HeaderMap::new();
            Reader::of(query, &browser(&["de"])).mark(&mut fields);
            assert_eq!(fields[header::CONTENT_LANGUAGE], "de");
            assert_eq!(fields.contains_key(header::VARY), varies);
        }
    }
}
