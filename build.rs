//! Settings for the linker. Nothing is generated here: the protocol's Rust is committed (`proto/generate`).

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    link_for_a_fixed_address();
}

/// Links the programs for a fixed address, as Go links etcd's: relocating them at each start takes a sixth of the time
/// of a short command.
fn link_for_a_fixed_address() {
    let is = |what: &str, value: &str| std::env::var(what).is_ok_and(|v| v == value);
    if is("CARGO_CFG_TARGET_OS", "linux") && is("CARGO_CFG_TARGET_ENV", "gnu") {
        println!("cargo:rustc-link-arg-bins=-no-pie");
    }
}
