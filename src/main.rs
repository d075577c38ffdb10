//! faceql
fn main() {}
