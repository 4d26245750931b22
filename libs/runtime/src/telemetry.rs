//! Logs to stderr, traces to a collector if one is configured. Nothing here logs bodies, credentials
//! or addresses of people; a blocked log pipe loses lines, never time.

use std::{collections::HashMap, io::IsTerminal as _, time::Duration};

use clap::{Args, ValueEnum};
use opentelemetry::{
    Context, global,
    propagation::{Extractor, Injector, TextMapPropagator as _},
    trace::TracerProvider as _,
};
use opentelemetry_otlp::WithExportConfig as _;
use opentelemetry_sdk::{Resource, propagation::TraceContextPropagator, trace::SdkTracerProvider};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::{
    EnvFilter, Layer as _, fmt, layer::SubscriberExt as _, util::SubscriberInitExt as _,
};

use crate::error::Error;

mod pipe;

/// How a process logs.
#[derive(Debug, Clone, Args)]
pub struct LogArgs {
    /// What is logged: a level, or levels by module.
    #[arg(
        long = "log",
        env = "SWITCHOVER_LOG",
        default_value = "info",
        value_name = "FILTER"
    )]
    pub filter: String,
    /// How log lines look: for people on a terminal, JSON otherwise.
    #[arg(
        long = "log-format",
        env = "SWITCHOVER_LOG_FORMAT",
        default_value = "auto"
    )]
    pub format: LogFormat,
    /// Address of an OpenTelemetry collector (OTLP over gRPC) for traces; none are sent without.
    #[arg(long = "traces-to", env = "SWITCHOVER_TRACES_TO", value_name = "URL")]
    pub traces_to: Option<String>,
}

impl Default for LogArgs {
    fn default() -> Self {
        Self {
            filter: "info".to_owned(),
            format: LogFormat::Auto,
            traces_to: None,
        }
    }
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people on a terminal, for programs otherwise.
    Auto,
    /// For people.
    Human,
    /// For programs: one JSON object a line.
    Json,
}

/// What must be flushed before the process ends.
#[derive(Debug)]
pub struct Telemetry {
    pipe: pipe::Pipe,
    traces: Option<SdkTracerProvider>,
}

impl Telemetry {
    /// Sends what is left, for at most this long.
    pub fn flush(self, limit: Duration) {
        if let Some(traces) = self.traces {
            // A collector that is gone has said so in the log already.
            drop(traces.shutdown_with_timeout(limit));
        }
        self.pipe.flush(limit);
    }
}

/// Starts logs and traces; must run inside the runtime. In a process that has logs already, such as
/// a test's, those stay.
pub fn install(name: &'static str, args: &LogArgs) -> Result<Telemetry, Error> {
    let filter = EnvFilter::try_new(&args.filter)
        .map_err(|error| Error::Usage(format!("--log {:?}: {error}", args.filter)))?;
    let traces = args
        .traces_to
        .as_deref()
        .map(|url| tracer(name, url))
        .transpose()?;

    let pipe = pipe::Pipe::to(std::io::stderr());
    let terminal = std::io::stderr().is_terminal();
    let human = match args.format {
        LogFormat::Auto => terminal,
        LogFormat::Human => true,
        LogFormat::Json => false,
    };
    let lines = fmt::layer().with_writer(pipe.writer()).with_ansi(terminal);
    let lines = if human {
        lines.with_target(false).boxed()
    } else {
        lines
            .json()
            .flatten_event(true)
            .with_current_span(true)
            .boxed()
    };
    let spans = traces
        .as_ref()
        .map(|traces| tracing_opentelemetry::layer().with_tracer(traces.tracer(name)));
    let registry = tracing_subscriber::registry()
        .with(filter)
        .with(lines)
        .with(spans);
    // An error only says that somebody else in this process logs already.
    drop(registry.try_init());
    global::set_text_map_propagator(TraceContextPropagator::new());
    Ok(Telemetry { pipe, traces })
}

fn tracer(name: &'static str, url: &str) -> Result<SdkTracerProvider, Error> {
    let refused = |error: String| Error::Usage(format!("--traces-to {url:?}: {error}"));
    url.parse::<crate::client::Endpoint>()
        .map_err(|error| refused(error.to_string()))?;
    let exporter = opentelemetry_otlp::SpanExporter::builder()
        .with_tonic()
        .with_endpoint(url)
        .build()
        .map_err(|error| refused(error.to_string()))?;
    Ok(SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .with_resource(Resource::builder().with_service_name(name).build())
        .build())
}

/// Makes the span a part of the trace that the caller's headers name.
pub(crate) fn continue_trace(span: &tracing::Span, headers: &http::HeaderMap) {
    let parent = TraceContextPropagator::new().extract(&Headers(headers));
    // An error only says that no traces are collected.
    drop(span.set_parent(parent));
}

/// Returns the headers by which a callee continues the current trace.
pub(crate) fn trace_headers() -> HashMap<String, String> {
    let mut headers = Carrier::default();
    let context: Context = tracing::Span::current().context();
    TraceContextPropagator::new().inject_context(&context, &mut headers);
    headers.0
}

struct Headers<'a>(&'a http::HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(http::HeaderName::as_str).collect()
    }
}

#[derive(Default)]
struct Carrier(HashMap<String, String>);

impl Injector for Carrier {
    fn set(&mut self, key: &str, value: String) {
        self.0.insert(key.to_owned(), value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_goes_on_from_caller_to_callee() {
        let traces = SdkTracerProvider::builder().build();
        let spans = tracing_opentelemetry::layer().with_tracer(traces.tracer("test"));
        let _log = tracing_subscriber::registry().with(spans).set_default();
        let parent_of = |headers: &HashMap<String, String>| {
            headers["traceparent"].split('-').nth(1).map(str::to_owned)
        };

        let caller = tracing::info_span!("caller");
        let sent = caller.in_scope(trace_headers);
        let headers: http::HeaderMap = (&sent).try_into().unwrap();
        let callee = tracing::info_span!(parent: None, "callee");
        continue_trace(&callee, &headers);
        assert_eq!(parent_of(&callee.in_scope(trace_headers)), parent_of(&sent));
        let other = tracing::info_span!(parent: None, "other");
        assert_ne!(parent_of(&other.in_scope(trace_headers)), parent_of(&sent));
    }
}
