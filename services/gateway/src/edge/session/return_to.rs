//! Where a browser goes once somebody has signed in: a path of this edge, and nowhere else.

use serde::{Deserialize, Serialize};

/// The longest such path, in bytes.
const BYTES_MAX: usize = 500;

/// A path of the console.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ReturnTo(String);

impl ReturnTo {
    /// Reads `return_to` of a query; whatever is not a path of the console leads to its first page.
    pub(super) fn read(query: &str) -> Self {
        let wanted = super::parameter(query, "return_to").filter(|path| is_own(path));
        Self(wanted.unwrap_or_else(|| "/".to_owned()))
    }

    /// Returns the path.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

/// Tells whether a browser takes this for a path of where it is, however it reads it.
fn is_own(path: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'\\' | b'"' | b'<' | b'>');
    path.len() <= BYTES_MAX
        && path.starts_with('/')
        && !path.starts_with("//")
        && !path.starts_with("/session")
        && path.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_of_the_console_are_returned_to() {
        for (query, expected) in [
            (
                "return_to=%2Fapplications%2Fcrm%3Ftab%3Dtest",
                "/applications/crm?tab=test",
            ),
            ("return_to=/a&return_to=/b", "/"),
            ("return_to=", "/"),
            ("", "/"),
            ("return_to=https://evil.example", "/"),
            ("return_to=//evil.example", "/"),
            ("return_to=/%5Cevil.example", "/"),
            ("return_to=/%09/evil.example", "/"),
            ("return_to=/%0d%0aset-cookie:x", "/"),
            ("return_to=javascript:alert(1)", "/"),
            ("return_to=/session/logout", "/"),
        ] {
            assert_eq!(ReturnTo::read(query).as_str(), expected, "{query}");
        }
        let long = format!("return_to=/{}", "a".repeat(BYTES_MAX));
        assert_eq!(ReturnTo::read(&long).as_str(), "/");
    }
}
