//! One release of the sample application as a process of its own.
fn main() {}
