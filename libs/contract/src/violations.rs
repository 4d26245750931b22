//! Checks the fields of a request and collects all that is wrong before it answers.
//!
//! ```
//! # use contract::{ApplicationName, Line, Problem, Violations};
//! # fn handler(id: &str, display_name: &str) -> Result<(ApplicationName, Line<50>), Problem> {
//! let mut v = Violations::new();
//! let id = v.parse::<ApplicationName>("application_id", id);
//! let display_name = v.within("application", |v| v.parse::<Line<50>>("display_name", display_name));
//! let (id, display_name) = v.all((id, display_name))?;
//! # Ok((id, display_name))
//! # }
//! # assert_eq!(handler("CRM", "").unwrap_err().fields().len(), 2);
//! ```

use std::{fmt, str::FromStr};

use crate::problem::{Problem, short};

/// In what way a field is wrong, for programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    /// It is needed and was not given.
    Missing,
    /// It is not of the form it must have.
    Malformed,
    /// A number or an amount beyond its bounds.
    OutOfRange,
    /// It names something that does not exist or cannot be named here.
    Unknown,
    /// It can be set once, or only by us.
    Immutable,
    /// It says the same twice, or contradicts another field.
    Conflicting,
    /// It is well formed and not allowed.
    Refused,
}

impl Fault {
    const ALL: [Self; 7] = [
        Self::Missing,
        Self::Malformed,
        Self::OutOfRange,
        Self::Unknown,
        Self::Immutable,
        Self::Conflicting,
        Self::Refused,
    ];

    /// Returns its stable name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "MISSING",
            Self::Malformed => "MALFORMED",
            Self::OutOfRange => "OUT_OF_RANGE",
            Self::Unknown => "UNKNOWN",
            Self::Immutable => "IMMUTABLE",
            Self::Conflicting => "CONFLICTING",
            Self::Refused => "REFUSED",
        }
    }

    /// Reads its name; one that a newer release added counts as malformed.
    pub(crate) fn from_name(name: &str) -> Self {
        Self::ALL
            .into_iter()
            .find(|fault| fault.as_str() == name)
            .unwrap_or(Self::Malformed)
    }
}

/// One field that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldViolation {
    /// Path of the field in the request, such as `application.roles[2].name`.
    pub field: String,
    /// In what way, for programs.
    pub fault: Fault,
    /// In what way, for people; reads on after the field's name.
    pub description: String,
}

impl FieldViolation {
    /// The most that one problem shows: all of it must fit the headers of an answer.
    pub const SHOWN_MAX: usize = 16;
    const FIELD_CHARS_MAX: usize = 80;
    const DESCRIPTION_CHARS_MAX: usize = 160;

    /// Makes one; texts beyond what an answer can carry are cut.
    pub fn new(field: impl Into<String>, fault: Fault, description: impl fmt::Display) -> Self {
        let cut = |text: String, max: usize| match text.char_indices().nth(max) {
            None => text,
            Some((end, _)) => format!("{}…", &text[..end]),
        };
        Self {
            field: cut(field.into(), Self::FIELD_CHARS_MAX),
            fault,
            description: cut(short(&description.to_string()), Self::DESCRIPTION_CHARS_MAX),
        }
    }
}

/// The value of a field if it was right; if not, its violations say why.
#[must_use = "join it with the others and finish"]
#[derive(Debug, Clone)]
pub struct Checked<T>(Option<T>);

impl<T> Checked<T> {
    /// Takes a value that needs no check, to join it with others.
    pub fn right(value: T) -> Self {
        Self(Some(value))
    }

    /// Changes a right value.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Checked<U> {
        Checked(self.0.map(change))
    }

    /// Returns the value, if right, to check others against it.
    pub fn value(&self) -> Option<&T> {
        self.0.as_ref()
    }
}

/// What was found wrong so far.
#[derive(Debug, Default)]
pub struct Violations {
    prefix: String,
    found: Vec<FieldViolation>,
}

impl Violations {
    /// Starts with nothing found.
    pub fn new() -> Self {
        Self::default()
    }

    /// Notes that a field is wrong.
    pub fn add(&mut self, field: &str, fault: Fault, description: impl fmt::Display) {
        let path = match (self.prefix.as_str(), field) {
            ("", field) => field.to_owned(),
            (prefix, "") => prefix.to_owned(),
            (prefix, field) if field.starts_with('[') => format!("{prefix}{field}"),
            (prefix, field) => format!("{prefix}.{field}"),
        };
        self.found
            .push(FieldViolation::new(path, fault, description));
    }

    /// Notes that a field is wrong and stands for its value.
    pub fn wrong<T>(
        &mut self,
        field: &str,
        fault: Fault,
        description: impl fmt::Display,
    ) -> Checked<T> {
        self.add(field, fault, description);
        Checked(None)
    }

    /// Parses a field that is needed.
    pub fn parse<T: FromStr<Err: fmt::Display>>(&mut self, field: &str, text: &str) -> Checked<T> {
        match text.parse() {
            Ok(value) => Checked(Some(value)),
            Err(_) if text.is_empty() => self.wrong(field, Fault::Missing, "must not be empty"),
            Err(error) => self.wrong(field, Fault::Malformed, error),
        }
    }

    /// Parses a field that may be empty.
    pub fn optional<T: FromStr<Err: fmt::Display>>(
        &mut self,
        field: &str,
        text: &str,
    ) -> Checked<Option<T>> {
        if text.is_empty() {
            Checked(Some(None))
        } else {
            self.parse(field, text).map(Some)
        }
    }

    /// Takes a message field that is needed.
    pub fn require<T>(&mut self, field: &str, value: Option<T>) -> Checked<T> {
        match value {
            Some(value) => Checked(Some(value)),
            None => self.wrong(field, Fault::Missing, "is needed"),
        }
    }

    /// Converts a field, such as a number with bounds or an enum.
    pub fn convert<T, V: TryInto<T, Error: fmt::Display>>(
        &mut self,
        field: &str,
        value: V,
    ) -> Checked<T> {
        match value.try_into() {
            Ok(value) => Checked(Some(value)),
            Err(error) => self.wrong(field, Fault::OutOfRange, error),
        }
    }

    /// Notes a violation unless the condition holds.
    pub fn check(
        &mut self,
        holds: bool,
        field: &str,
        fault: Fault,
        description: impl fmt::Display,
    ) {
        if !holds {
            self.add(field, fault, description);
        }
    }

    /// Checks fields of a message inside: their paths start with this field.
    pub fn within<T>(&mut self, field: &str, check: impl FnOnce(&mut Self) -> T) -> T {
        let outer = self.prefix.len();
        if outer > 0 && !field.starts_with('[') {
            self.prefix.push('.');
        }
        self.prefix.push_str(field);
        let result = check(self);
        self.prefix.truncate(outer);
        result
    }

    /// Checks each item of a list of `min` to `max` items.
    pub fn each<I, T>(
        &mut self,
        field: &str,
        items: impl IntoIterator<Item = I, IntoIter: ExactSizeIterator>,
        bounds: std::ops::RangeInclusive<usize>,
        mut check: impl FnMut(&mut Self, I) -> Checked<T>,
    ) -> Checked<Vec<T>> {
        let items = items.into_iter();
        if !bounds.contains(&items.len()) {
            let (min, max) = bounds.into_inner();
            let description = format_args!("has {} items, {min} to {max} are allowed", items.len());
            return self.wrong(field, Fault::OutOfRange, description);
        }
        let checked = items
            .enumerate()
            .map(|(index, item)| {
                self.within(&format!("{field}[{index}]"), |v| check(v, item))
                    .0
            })
            // Not straight into an `Option`: that would stop at the first wrong item.
            .collect::<Vec<_>>();
        Checked(checked.into_iter().collect())
    }

    /// Joins checked fields into one.
    pub fn join<F: Fields>(&self, fields: F) -> Checked<F::Values> {
        Checked(fields.values())
    }

    /// Returns the values if nothing was found, otherwise all that was found.
    pub fn all<F: Fields>(self, fields: F) -> Result<F::Values, Problem> {
        self.finish()?;
        fields
            .values()
            .ok_or_else(|| Problem::broken("a field is wrong and nobody noted why"))
    }

    /// Returns what was found, if anything.
    pub fn finish(self) -> Result<(), Problem> {
        if self.found.is_empty() {
            Ok(())
        } else {
            Err(Problem::invalid_fields(self.found))
        }
    }
}

/// One or several checked fields; implemented for tuples of up to twelve.
pub trait Fields {
    /// Their values.
    type Values;

    /// Returns the values if all are right.
    fn values(self) -> Option<Self::Values>;
}

impl<T> Fields for Checked<T> {
    type Values = T;

    fn values(self) -> Option<T> {
        self.0
    }
}

macro_rules! tuples {
    ($($name:ident)+) => {
        impl<$($name),+> Fields for ($(Checked<$name>,)+) {
            type Values = ($($name,)+);

            #[expect(non_snake_case, reason = "the type parameters name the values, too")]
            fn values(self) -> Option<Self::Values> {
                let ($($name,)+) = self;
                Some(($($name.0?,)+))
            }
        }
    };
}

tuples!(A);
tuples!(A B);
tuples!(A B C);
tuples!(A B C D);
tuples!(A B C D E);
tuples!(A B C D E F);
tuples!(A B C D E F G);
tuples!(A B C D E F G H);
tuples!(A B C D E F G H I);
tuples!(A B C D E F G H I J);
tuples!(A B C D E F G H I J K);
tuples!(A B C D E F G H I J K L);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ApplicationName, TenantId, reason};

    #[test]
    fn everything_that_is_wrong_is_told_at_once_with_its_path() {
        let mut v = Violations::new();
        let id = v.parse::<ApplicationName>("application_id", "CRM");
        let roles = v.within("application", |v| {
            v.each("roles", ["", "ok", "-"], 1..=5, |v, role| {
                v.parse::<ApplicationName>("name", role)
            })
        });
        let missing = v.require::<()>("owner", None);
        let problem = v.all((id, roles, missing)).unwrap_err();
        assert!(problem.is(&reason::INVALID_FIELDS));
        let found: Vec<_> = problem
            .fields()
            .iter()
            .map(|f| (f.field.as_str(), f.fault))
            .collect();
        assert_eq!(
            found,
            [
                ("application_id", Fault::Malformed),
                ("application.roles[0].name", Fault::Missing),
                ("application.roles[2].name", Fault::Malformed),
                ("owner", Fault::Missing),
            ]
        );
    }

    #[test]
    fn right_fields_come_out_as_values() {
        let mut v = Violations::new();
        let tenant = v.parse::<TenantId>("tenant", "acme");
        let none = v.optional::<TenantId>("other", "");
        let list = v.each("list", [1, 2], 0..=2, |_, n| Checked::right(n));
        let pair = v.join((tenant, none));
        let ((tenant, none), list) = v.all((pair, list)).unwrap();
        assert_eq!((tenant.as_str(), none, list), ("acme", None, vec![1, 2]));
    }

    #[test]
    fn a_list_beyond_its_bounds_is_refused_without_looking_at_its_items() {
        let mut v = Violations::new();
        let list = v.each("list", [1, 2, 3], 1..=2, |_, _| -> Checked<()> {
            unreachable!()
        });
        let problem = v.all(list).unwrap_err();
        assert_eq!(problem.fields()[0].fault, Fault::OutOfRange);
        assert_eq!(
            problem.fields()[0].description,
            "has 3 items, 1 to 2 are allowed"
        );
    }

    #[test]
    fn every_fault_survives_its_name() {
        for fault in Fault::ALL {
            assert_eq!(Fault::from_name(fault.as_str()), fault);
        }
    }
}
