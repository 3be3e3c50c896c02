//! Whether a test that cannot run here may be skipped.
//!
//! A test whose prerequisites are missing prints a message and passes, unless `ETCD_INTEROP=require` is set, as in
//! continuous integration; then it fails. No test may be skipped silently.

/// Prints that the current test is skipped, and why. Panics if tests must not be skipped.
#[track_caller]
pub fn skip(reason: &str) {
    assert!(
        !required(),
        "ETCD_INTEROP=require is set, and a test cannot run: {reason}"
    );
    let thread = std::thread::current();
    eprintln!("skipped: {}: {reason}", thread.name().unwrap_or("a test"));
}

/// Whether every test must run.
pub fn required() -> bool {
    std::env::var("ETCD_INTEROP").is_ok_and(|value| value == "require")
}
