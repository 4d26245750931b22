//! The data plane as its users see it: real sockets, real upstreams.

mod http1;
mod long_lived;
mod serving;
mod switching;
mod testers;
mod upstream;
mod world;
