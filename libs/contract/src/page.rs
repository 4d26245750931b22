//! Pages of a list (AIP-158): tokens are opaque, say where to go on, and carry the filter that they
//! were made under, so that they fit no other list.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use sha2::{Digest as _, Sha256};

use crate::violations::{Checked, Fault, Violations};

/// How many items a page of one list has.
#[derive(Debug, Clone, Copy)]
pub struct PageSize {
    /// When the caller does not say.
    pub default: u32,
    /// The most that a caller may ask for.
    pub max: u32,
}

impl PageSize {
    /// What lists have unless they know better.
    pub const USUAL: Self = Self {
        default: 50,
        max: 500,
    };
}

/// Which page of a list is wanted. `K` is the key that the list is sorted by.
#[derive(Debug, Clone)]
pub struct Page<K> {
    after: Option<K>,
    size: u32,
    filter: String,
}

#[derive(Serialize, Deserialize)]
struct Token<K> {
    k: K,
    /// Digest of the filter and of the key: neither can be exchanged by accident.
    f: String,
}

/// The longest token that is read, in bytes.
const TOKEN_BYTES_MAX: usize = 1024;
/// Bytes of the digest: guards against mistakes, not against forgery; a forged key shows nothing
/// that the filter would not.
const DIGEST_BYTES: usize = 9;

impl<K: Serialize + DeserializeOwned> Page<K> {
    /// Reads the fields `page_size` and `page_token`.
    ///
    /// `filter` is everything else that decides what the list holds: parent, filter, caller.
    pub fn read(
        v: &mut Violations,
        page_size: i32,
        page_token: &str,
        filter: &[&str],
        sizes: PageSize,
    ) -> Checked<Self> {
        let size = match u32::try_from(page_size) {
            Ok(0) => Checked::right(sizes.default),
            Ok(size) if size <= sizes.max => Checked::right(size),
            Ok(_) | Err(_) => {
                let allowed = format!("must be between 0 and {}", sizes.max);
                v.wrong("page_size", Fault::OutOfRange, allowed)
            }
        };
        let filter = fold(filter);
        let after = if page_token.is_empty() {
            Checked::right(None)
        } else if let Some(key) = decode(page_token, &filter) {
            Checked::right(Some(key))
        } else {
            v.wrong(
                "page_token",
                Fault::Malformed,
                "is not from this list; start without one",
            )
        };
        v.join((size, after)).map(|(size, after)| Self {
            after,
            size,
            filter,
        })
    }

    /// Returns the key after which the page starts, or none for the first page.
    pub fn after(&self) -> Option<&K> {
        self.after.as_ref()
    }

    /// Returns how many rows to fetch: one more than the page has, to see whether there is a next.
    pub fn limit(&self) -> i64 {
        i64::from(self.size) + 1
    }

    /// Cuts the rows that [`Page::limit`] fetched to the page and returns the token of the next
    /// page, empty on the last.
    pub fn finish<R>(&self, rows: &mut Vec<R>, key: impl FnOnce(&R) -> K) -> String {
        let size = usize::try_from(self.size).unwrap_or(usize::MAX);
        if rows.len() <= size {
            return String::new();
        }
        rows.truncate(size);
        rows.last()
            .map(|last| self.token(key(last)))
            .unwrap_or_default()
    }

    fn token(&self, key: K) -> String {
        const PLAIN: &str = "a page key is plain data, which JSON can hold";
        let f = digest(&self.filter, &serde_json::to_string(&key).expect(PLAIN));
        URL_SAFE_NO_PAD.encode(serde_json::to_vec(&Token { k: key, f }).expect(PLAIN))
    }
}

fn decode<K: Serialize + DeserializeOwned>(token: &str, filter: &str) -> Option<K> {
    if token.len() > TOKEN_BYTES_MAX {
        return None;
    }
    let token: Token<K> = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token).ok()?).ok()?;
    let key = serde_json::to_string(&token.k).ok()?;
    (token.f == digest(filter, &key)).then_some(token.k)
}

/// Joins the parts of a filter so that different parts never read the same.
fn fold(parts: &[&str]) -> String {
    parts
        .iter()
        .map(|part| format!("{}:{part}", part.len()))
        .collect()
}

fn digest(filter: &str, key: &str) -> String {
    let hash = Sha256::new()
        .chain_update(filter)
        .chain_update([0])
        .chain_update(key)
        .finalize();
    URL_SAFE_NO_PAD.encode(&hash[..DIGEST_BYTES])
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZES: PageSize = PageSize { default: 2, max: 3 };

    fn read(size: i32, token: &str, filter: &[&str]) -> Result<Page<u32>, crate::Problem> {
        let mut v = Violations::new();
        let page = Page::read(&mut v, size, token, filter, SIZES);
        v.all(page)
    }

    #[test]
    fn pages_follow_each_other_without_gap_or_repeat() {
        let all: Vec<u32> = (1..=5).collect();
        let (mut seen, mut token) = (Vec::new(), String::new());
        loop {
            let page = read(0, &token, &["tenants/acme"]).unwrap();
            let limit = usize::try_from(page.limit()).unwrap();
            let after = page.after().copied().unwrap_or(0);
            let mut rows: Vec<u32> = all
                .iter()
                .copied()
                .filter(|n| *n > after)
                .take(limit)
                .collect();
            token = page.finish(&mut rows, |n| *n);
            seen.extend(rows);
            if token.is_empty() {
                break;
            }
        }
        assert_eq!(seen, all);
    }

    #[test]
    fn a_token_of_another_list_and_garbage_are_refused() {
        let token = read(1, "", &["tenants/acme"])
            .unwrap()
            .finish(&mut vec![1, 2], |n| *n);
        assert!(read(1, &token, &["tenants/acme"]).is_ok());
        let long = "A".repeat(TOKEN_BYTES_MAX + 1);
        for (token, filter) in [
            (token.as_str(), ["tenants/other"].as_slice()),
            (token.as_str(), &["tenants/", "acme"]),
            (&token[1..], &["tenants/acme"]),
            ("garbage", &["tenants/acme"]),
            ("ä", &["tenants/acme"]),
            (&long, &["tenants/acme"]),
        ] {
            let problem = read(1, token, filter).unwrap_err();
            assert_eq!(problem.fields()[0].field, "page_token");
        }
    }

    #[test]
    fn the_size_has_a_default_and_an_oversized_page_is_refused() {
        assert_eq!(read(0, "", &[]).unwrap().limit(), 3);
        assert_eq!(read(3, "", &[]).unwrap().limit(), 4);
        for size in [-1, 4] {
            assert_eq!(
                read(size, "", &[]).unwrap_err().fields()[0].field,
                "page_size"
            );
        }
    }
}
