//! What the API at the edge can be told.

use clap::Args;

use crate::edge::{AllowedOrigin, Most};

/// What the API at the edge can be told.
#[derive(Debug, Clone, Args)]
pub struct ApiArgs {
    /// Another origin whose pages may call the API at the edge, such as https://portal.example; the
    /// edge's own always may.
    #[arg(
        long,
        env = "SWITCHOVER_EDGE_ALLOWED_ORIGIN",
        value_name = "ORIGIN",
        value_delimiter = ','
    )]
    pub edge_allowed_origin: Vec<AllowedOrigin>,
    /// Calls to the API at the edge that one caller may make within a minute.
    #[arg(
        long,
        env = "SWITCHOVER_EDGE_CALLS_PER_MINUTE",
        default_value_t = 1200,
        value_parser = clap::value_parser!(u32).range(1..=1_000_000)
    )]
    pub edge_calls_per_minute: u32,
    /// Calls to the API at the edge, streams among them, that one caller may have open at once.
    #[arg(
        long,
        env = "SWITCHOVER_EDGE_OPEN_CALLS_EACH",
        default_value_t = 64,
        value_parser = clap::value_parser!(u32).range(1..=100_000)
    )]
    pub edge_open_calls_each: u32,
    /// Calls to the API at the edge, streams among them, that may be open at once in all.
    #[arg(
        long,
        env = "SWITCHOVER_EDGE_OPEN_CALLS_MAX",
        default_value_t = 1024,
        value_parser = clap::value_parser!(u32).range(1..=100_000)
    )]
    pub edge_open_calls_max: u32,
}

impl ApiArgs {
    /// Returns how much one caller, and all, may ask for.
    pub(crate) fn most(&self) -> Most {
        Most {
            a_minute: self.edge_calls_per_minute,
            each: self.edge_open_calls_each,
            all: self.edge_open_calls_max,
        }
    }
}
