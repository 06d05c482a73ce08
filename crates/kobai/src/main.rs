//! The `kobai` binary.
fn main() {}
