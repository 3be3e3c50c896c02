//! Compiles `proto/` to Rust at build time, in pure Rust: no `protoc` is needed.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=proto");
    start_fast();
    let files = [
        "rpc.proto",
        "lock.proto",
        "election.proto",
        "raft_internal.proto",
        "lease.proto",
        "raft.proto",
        "wal.proto",
        "snap.proto",
        "etcdserver.proto",
    ];
    let descriptors = protox::compile(files, ["proto"])?;
    // The same without comments, for those who read messages by their names at run time.
    let names = protox::Compiler::new(["proto"])?
        .include_imports(true)
        .open_files(files)?
        .encode_file_descriptor_set();
    let out = std::path::PathBuf::from(std::env::var("OUT_DIR")?);
    std::fs::write(out.join("descriptors.bin"), names)?;
    let mut config = tonic_prost_build::Config::new();
    // Keys and values are shared, not copied, on their way through client and server.
    config.bytes(["."]);
    tonic_prost_build::configure().compile_fds_with_config(descriptors, config)?;
    Ok(())
}

/// Links the programs for a fixed address, as Go links etcd's: moving them to another one at each start takes a sixth
/// of the time that a short command has.
fn start_fast() {
    let is = |what: &str, value: &str| std::env::var(what).is_ok_and(|v| v == value);
    if is("CARGO_CFG_TARGET_OS", "linux") && is("CARGO_CFG_TARGET_ENV", "gnu") {
        println!("cargo:rustc-link-arg-bins=-no-pie");
    }
}
