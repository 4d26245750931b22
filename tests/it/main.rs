//! The whole system, tested from outside: real processes, databases and mail.

mod access;
mod auditing;
mod benching;
mod breaking;
mod cutting;
mod demonstrating;
mod denying;
mod dying;
mod filling;
mod giving_many;
mod hostile_fields;
mod issuing;
mod keeping_quiet;
mod killing;
mod proving_simulation;
mod racing;
mod refusing;
mod removing;
mod running;
mod scanning;
mod signing;
mod stopping;
mod switching;
mod tidy;
mod verifying;
