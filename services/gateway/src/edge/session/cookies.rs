//! Cookies that only this host sets and gets, and no script reads. One takes 4 kB; what is longer is cut
//! into several.

use axum::http::{HeaderMap, HeaderValue, header};

/// Letters of a text that one cookie takes; browsers allow 4096 bytes with name and attributes.
const PART_CHARS: usize = 3800;
/// Cookies that one text may need.
const PARTS_MAX: usize = 6;

/// A cookie's name and manners.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cookie {
    /// Begins with `__Host-`: browsers take it over TLS (or on this machine) from this host alone.
    pub(super) name: &'static str,
    /// Whether a page of somebody else that leads here sends it along.
    pub(super) with_links: bool,
}

/// A text that no browser would keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the text takes more cookies than a browser keeps")]
pub(super) struct TooLong;

impl Cookie {
    /// Reads what it holds, from as many as there are.
    pub(super) fn read(self, headers: &HeaderMap) -> Option<String> {
        let first = find(headers, self.name)?;
        let mut whole = first.to_owned();
        for part in 1..PARTS_MAX {
            match find(headers, &self.part(part)) {
                Some(more) => whole.push_str(more),
                None => break,
            }
        }
        Some(whole)
    }

    /// Has the browser keep a text for so many seconds; parts of a longer one before it are removed.
    pub(super) fn keep(self, text: &str, seconds: u64, to: &mut HeaderMap) -> Result<(), TooLong> {
        if !text.is_ascii() || text.len() > PARTS_MAX * PART_CHARS {
            return Err(TooLong);
        }
        for part in 0..PARTS_MAX {
            let from = text.len().min(part * PART_CHARS);
            let until = text.len().min(from + PART_CHARS);
            match &text[from..until] {
                "" => self.set(part, "", 0, to),
                piece => self.set(part, piece, seconds, to),
            }
        }
        Ok(())
    }

    /// Has the browser forget it.
    pub(super) fn forget(self, to: &mut HeaderMap) {
        for part in 0..PARTS_MAX {
            self.set(part, "", 0, to);
        }
    }

    fn part(self, number: usize) -> String {
        match number {
            0 => self.name.to_owned(),
            number => format!("{}-{number}", self.name),
        }
    }

    fn set(self, part: usize, value: &str, seconds: u64, to: &mut HeaderMap) {
        let name = self.part(part);
        let site = if self.with_links { "Lax" } else { "Strict" };
        let cookie =
            format!("{name}={value}; Path=/; Max-Age={seconds}; Secure; HttpOnly; SameSite={site}");
        if let Ok(mut cookie) = HeaderValue::try_from(cookie) {
            cookie.set_sensitive(true);
            to.append(header::SET_COOKIE, cookie);
        }
    }
}

/// Returns a cookie's value; none if it was sent twice, as then one is not ours.
fn find<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let fields = headers.get_all(header::COOKIE).iter();
    let mut found = fields
        .filter_map(|field| field.to_str().ok())
        .flat_map(|field| field.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(known, _)| *known == name)
        .map(|(_, value)| value);
    let value = found.next().filter(|value| !value.is_empty())?;
    found.next().is_none().then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    const COOKIE: Cookie = Cookie {
        name: "__Host-x",
        with_links: false,
    };

    /// Plays a browser: returns what it sends after it was told to keep.
    fn sent(told: &HeaderMap) -> HeaderMap {
        let kept = told
            .get_all(header::SET_COOKIE)
            .iter()
            .filter_map(|cookie| {
                let (pair, manners) = cookie.to_str().unwrap().split_once(';').unwrap();
                let expected = "Secure; HttpOnly; SameSite=Strict";
                assert!(
                    manners.ends_with(expected) && manners.contains("Path=/;"),
                    "{manners}"
                );
                assert!(!manners.contains("Domain"), "{manners}");
                assert!(cookie.len() <= 4096 && cookie.is_sensitive());
                (!manners.contains("Max-Age=0")).then(|| pair.to_owned())
            });
        let all: Vec<String> = kept.collect();
        let mut headers = HeaderMap::new();
        headers.insert(
            header::COOKIE,
            format!("a=b; {}", all.join("; ")).parse().unwrap(),
        );
        headers
    }

    #[test]
    fn a_long_text_comes_back_from_its_parts_and_a_shorter_one_leaves_none_behind() {
        for length in [1, PART_CHARS, PART_CHARS + 1, PARTS_MAX * PART_CHARS] {
            let text: String = ('a'..='z').cycle().take(length).collect();
            let mut told = HeaderMap::new();
            COOKIE.keep(&text, 60, &mut told).unwrap();
            assert_eq!(COOKIE.read(&sent(&told)), Some(text));
            assert_eq!(told.get_all(header::SET_COOKIE).iter().count(), PARTS_MAX);
        }
        let text = "a".repeat(PARTS_MAX * PART_CHARS + 1);
        assert_eq!(COOKIE.keep(&text, 60, &mut HeaderMap::new()), Err(TooLong));
    }

    #[test]
    fn what_was_forgotten_or_sent_twice_is_not_there() {
        let mut told = HeaderMap::new();
        COOKIE.forget(&mut told);
        assert_eq!(COOKIE.read(&sent(&told)), None);
        let mut headers = HeaderMap::new();
        for field in ["__Host-x=1", "__Host-x=2"] {
            headers.append(header::COOKIE, field.parse().unwrap());
        }
        assert_eq!(COOKIE.read(&headers), None);
        assert_eq!(COOKIE.read(&HeaderMap::new()), None);
    }
}
