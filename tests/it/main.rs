//! The whole system, tested from outside: real processes, databases and mail.

mod access;
mod denying;
mod refusing;
mod switching;
mod tidy;
