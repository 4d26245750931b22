//! What the services say of themselves while they are simulated, in order: the same for the same
//! seed.

use std::{
    fmt::{self, Write as _},
    hash::{DefaultHasher, Hash as _, Hasher as _},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id},
};
use tracing_subscriber::{Layer, layer::Context, registry::LookupSpan};

use crate::load::Served;

/// One thing that a service said.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    /// Milliseconds since the simulation began.
    pub(super) at: u64,
    /// Which host.
    pub(super) host: String,
    /// The sentence.
    pub(super) message: String,
    /// Names and values, as they were said.
    pub(super) fields: Vec<(&'static str, String)>,
}

impl Entry {
    pub(super) fn field(&self, name: &str) -> &str {
        let found = self.fields.iter().find(|(field, _)| *field == name);
        found.map_or("", |(_, value)| value)
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:>4}.{:03} {:<12} {}",
            self.at / 1000,
            self.at % 1000,
            self.host,
            self.message
        )?;
        self.fields
            .iter()
            .try_for_each(|(name, value)| write!(f, " {name}={value}"))
    }
}

/// Everything that was said. Clones are the same trace.
#[derive(Debug, Clone, Default)]
pub(super) struct Trace(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    entries: Mutex<Vec<Entry>>,
    now: AtomicU64,
}

impl Trace {
    /// Tells the time, in milliseconds.
    pub(super) fn set_now(&self, now: u64) {
        self.0.now.store(now, Ordering::Relaxed);
    }

    pub(super) fn now(&self) -> u64 {
        self.0.now.load(Ordering::Relaxed)
    }

    pub(super) fn entries(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.0
            .entries
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds what the simulation itself does.
    pub(super) fn note(&self, host: &str, message: String) {
        let at = self.now();
        self.entries().push(Entry {
            at,
            host: host.to_owned(),
            message,
            fields: Vec::new(),
        });
    }

    /// Returns a number that is the same for the same run.
    pub(super) fn hash(entries: &[Entry], served: &[Served]) -> u64 {
        let mut hasher = DefaultHasher::new();
        for entry in entries {
            entry.to_string().hash(&mut hasher);
        }
        for seen in served {
            (seen.sent, seen.answered, seen.generation, seen.version).hash(&mut hasher);
        }
        hasher.finish()
    }
}

/// Fields that differ from run to run, and say nothing of the protocol: secrets, and what is made of
/// them, are drawn from the system whatever the seed is.
const UNTOLD: [&str; 3] = ["state", "key.id", "public"];

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Trace {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, cx: Context<'_, S>) {
        // The simulation names the host that runs by a span around all that it does.
        if attributes.metadata().name() == "node"
            && let Some(span) = cx.span(id)
        {
            let mut read = Read::default();
            attributes.record(&mut read);
            if let Some((_, name)) = read.fields.pop() {
                span.extensions_mut().insert(Node(name));
            }
        }
    }

    fn on_event(&self, event: &Event<'_>, cx: Context<'_, S>) {
        let metadata = event.metadata();
        let ours = ["catalog", "gateway", "provisioning"]
            .iter()
            .any(|name| metadata.target().split("::").next() == Some(name));
        if !ours || *metadata.level() > Level::INFO {
            return;
        }
        let host = cx.event_scope(event).and_then(|scope| {
            scope
                .from_root()
                .find_map(|span| span.extensions().get::<Node>().map(|node| node.0.clone()))
        });
        let mut read = Read::default();
        event.record(&mut read);
        let at = self.now();
        self.entries().push(Entry {
            at,
            host: host.unwrap_or_default(),
            message: read.message,
            fields: read.fields,
        });
    }
}

struct Node(String);

#[derive(Default)]
struct Read {
    message: String,
    fields: Vec<(&'static str, String)>,
}

impl Visit for Read {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            write!(self.message, "{value:?}").ok();
        } else if !UNTOLD.contains(&field.name()) {
            self.fields.push((field.name(), format!("{value:?}")));
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            self.message.push_str(value);
        } else if !UNTOLD.contains(&field.name()) {
            self.fields.push((field.name(), value.to_owned()));
        }
    }
}
