//! The data plane as its users see it: real sockets, real upstreams.

mod ending;
mod http1;
mod leases;
mod leaving;
mod login;
mod long_lived;
mod out_of_use;
mod overlap;
mod serving;
mod switching;
mod testers;
mod upstream;
mod waiting;
mod world;
