//! In which of its forms a call comes. Whatever else is sent reaches no handler: of what a page can send
//! anywhere without asking, nothing is a call.

use axum::http::{HeaderMap, Version, header};

/// The form of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// gRPC-web, binary or text.
    Web,
    /// gRPC itself.
    Native,
}

impl Kind {
    /// Reads it from the content type, exactly as the protocols write it.
    pub(super) fn of(version: Version, headers: &HeaderMap) -> Option<Self> {
        let mut kinds = headers.get_all(header::CONTENT_TYPE).iter();
        let kind = kinds.next()?.to_str().ok()?;
        if kinds.next().is_some() {
            return None;
        }
        match kind {
            "application/grpc-web"
            | "application/grpc-web+proto"
            | "application/grpc-web-text"
            | "application/grpc-web-text+proto" => Some(Self::Web),
            "application/grpc" | "application/grpc+proto" if version == Version::HTTP_2 => {
                Some(Self::Native)
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(version: Version, kinds: &[&str]) -> Option<Kind> {
        let mut headers = HeaderMap::new();
        for kind in kinds {
            headers.append(header::CONTENT_TYPE, kind.parse().unwrap());
        }
        Kind::of(version, &headers)
    }

    #[test]
    fn a_call_has_one_of_six_content_types_and_native_ones_need_http_2() {
        for version in [Version::HTTP_11, Version::HTTP_2] {
            for web in ["", "+proto", "-text", "-text+proto"] {
                let web = format!("application/grpc-web{web}");
                assert_eq!(kind(version, &[&web]), Some(Kind::Web), "{web}");
            }
        }
        for native in ["application/grpc", "application/grpc+proto"] {
            assert_eq!(kind(Version::HTTP_2, &[native]), Some(Kind::Native));
            assert_eq!(kind(Version::HTTP_11, &[native]), None);
        }
    }

    #[test]
    fn nothing_that_a_page_sends_without_asking_is_a_call() {
        for other in [
            "",
            "text/plain",
            "text/plain; application/grpc-web",
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=x",
            "application/json",
            "application/proto",
            "application/connect+proto",
            "application/grpc-web, text/plain",
            "application/grpc-web; charset=utf-8",
            "application/grpc+json",
            "Application/GRPC-Web",
        ] {
            for version in [Version::HTTP_11, Version::HTTP_2] {
                assert_eq!(kind(version, &[other]), None, "{other}");
            }
        }
        let twice = ["application/grpc-web", "text/plain"];
        assert_eq!(kind(Version::HTTP_2, &twice), None);
        assert_eq!(kind(Version::HTTP_2, &[]), None);
    }
}
