//! Which fields an update changes (AIP-134).

use std::collections::BTreeSet;

use crate::{
    name::quote,
    violations::{Checked, Fault, Violations},
};

/// The fields that an update changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mask {
    /// None was named: those that are populated.
    Populated,
    /// `*`: all of them; what is not populated is cleared.
    Everything,
    /// Those that were named.
    Paths(BTreeSet<&'static str>),
}

/// The most paths that are read; more cannot all be different and allowed.
const PATHS_MAX: usize = 64;

impl Mask {
    /// Reads the field `update_mask`; a path that is not allowed is a violation of
    /// `update_mask.paths`.
    pub fn read(
        v: &mut Violations,
        mask: Option<&prost_types::FieldMask>,
        allowed: &[&'static str],
    ) -> Checked<Self> {
        const FIELD: &str = "update_mask.paths";
        let paths = mask.map(|mask| mask.paths.as_slice()).unwrap_or_default();
        match paths {
            [] => return Checked::right(Self::Populated),
            [all] if all == "*" => return Checked::right(Self::Everything),
            _ if paths.len() > PATHS_MAX => {
                let description = format_args!("has more than {PATHS_MAX} paths");
                return v.wrong(FIELD, Fault::OutOfRange, description);
            }
            _ => {}
        }
        let mut named = BTreeSet::new();
        let mut unknown = Vec::new();
        for path in paths {
            match allowed.iter().find(|allowed| *allowed == path) {
                Some(path) => drop(named.insert(*path)),
                None => unknown.push(quote(path)),
            }
        }
        if unknown.is_empty() {
            return Checked::right(Self::Paths(named));
        }
        let allowed = allowed.join(", ");
        let description = format_args!(
            "{} cannot be changed; can be: {allowed}",
            unknown.join(", ")
        );
        v.wrong(FIELD, Fault::Unknown, description)
    }

    /// Tells whether the update changes the field, given whether the request populates it.
    pub fn covers(&self, path: &str, populated: bool) -> bool {
        match self {
            Self::Populated => populated,
            Self::Everything => true,
            Self::Paths(paths) => paths.contains(path),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALLOWED: &[&str] = &["display_name", "abstract"];

    fn read(paths: &[&str]) -> Result<Mask, crate::Problem> {
        let mask = prost_types::FieldMask {
            paths: paths.iter().map(|&p| p.to_owned()).collect(),
        };
        let mut v = Violations::new();
        let mask = Mask::read(&mut v, Some(&mask), ALLOWED);
        v.all(mask)
    }

    #[test]
    fn an_unknown_path_is_named_with_the_ones_that_are_allowed() {
        let problem = read(&["display_name", "colour"]).unwrap_err();
        let [field] = problem.fields() else {
            panic!("{problem:?}")
        };
        assert_eq!(field.field, "update_mask.paths");
        assert_eq!(field.fault, Fault::Unknown);
        for part in ["\"colour\"", "display_name", "abstract"] {
            assert!(field.description.contains(part), "{}", field.description);
        }
        assert!(read(&["display_name", "*"]).is_err());
        assert!(read(&vec!["abstract"; PATHS_MAX + 1]).is_err());
    }

    #[test]
    fn a_mask_changes_what_it_names_and_nothing_else() {
        let mask = read(&["display_name"]).unwrap();
        assert!(mask.covers("display_name", false));
        assert!(!mask.covers("abstract", true));
    }

    #[test]
    fn no_mask_means_what_is_populated_and_a_star_means_all() {
        let mask = read(&[]).unwrap();
        assert!(mask.covers("abstract", true) && !mask.covers("abstract", false));
        assert!(read(&["*"]).unwrap().covers("abstract", false));
    }
}
