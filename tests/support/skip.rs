//! Whether a test that cannot run here may be passed over.
//!
//! A test whose means are missing says so and passes, unless `ETCD_INTEROP=require` is set (as continuous
//! integration does): then a missing means is a failure. It must never be passed over without a word.

/// Says that the running test is passed over, and why; panics where tests may not be passed over.
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
