//! Runs the target `offline` of the library beside it.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| etcd_maintenance_fuzz::offline(data));
