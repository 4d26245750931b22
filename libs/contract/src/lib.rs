//! What crosses a wire between Switchover's parts, by hand: names, texts, times, pages, problems, and
//! who may call what. Knows the protos and nothing of servers or databases.

pub mod access;
pub mod caller;
pub mod duration;
pub mod etag;
pub mod language;
pub mod mask;
pub mod name;
pub mod page;
pub mod path;
pub mod problem;
pub mod reason;
pub mod scope;
pub mod text;
pub mod time;
pub mod violations;

pub use access::{Rules, Shape};
pub use caller::{Caller, Identity, Role, Subject};
pub use etag::Etag;
pub use language::Language;
pub use mask::Mask;
pub use name::*;
pub use page::{Page, PageSize};
pub use path::{CanonicalPath, PathError, PathPrefix};
pub use problem::{Code, Problem};
pub use reason::Reason;
pub use scope::{MethodPattern, Scope};
pub use text::{EmailAddress, Line, Prose};
pub use violations::{Checked, Fault, FieldViolation, Violations};
