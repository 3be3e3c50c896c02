//! Linker settings. On Linux the programs are static and have a fixed address, as Go links etcd's: they run in an empty
//! container, and neither loading libraries nor relocation adds to the time of a short command. Generates nothing: the
//! protocol's Rust code is committed (`proto/generate`).

use std::{
    env, error::Error, ffi::OsString, fs, os::unix::fs::symlink, path::PathBuf, process::Command,
};

/// glibc, under all the library names that rustc uses.
const LIBC: [&str; 6] = [
    "libc.a",
    "libm.a",
    "librt.a",
    "libpthread.a",
    "libutil.a",
    "libdl.a",
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=RUSTC_LINKER");
    let is = |what: &str, value: &str| env::var(what).is_ok_and(|v| v == value);
    if is("CARGO_CFG_TARGET_OS", "linux") && is("CARGO_CFG_TARGET_ENV", "gnu") {
        println!("cargo:rustc-link-arg-bins=-no-pie");
        link_statically()?;
    }
    Ok(())
}

/// Links glibc into the programs.
///
/// The usual way, `-C target-feature=+crt-static`, cannot be limited to the programs: in `RUSTFLAGS` or a configuration
/// file it also affects procedural macros, which must be shared libraries. Instead, the linker finds static archives in
/// a folder of ours before it looks for shared libraries. If an archive is not installed (on Fedora they are in
/// `glibc-static`), the programs are linked dynamically.
fn link_statically() -> Result<(), Box<dyn Error>> {
    let archives: Option<Vec<PathBuf>> = LIBC.iter().map(|name| archive(name)).collect();
    // The unwinder: rustc requests its shared form, `libgcc_s`.
    let unwinder = archive("libgcc_eh.a").zip(archive("libgcc.a"));
    let (Some(archives), Some((unwinder, support))) = (archives, unwinder) else {
        println!(
            "cargo:warning=no static glibc is installed: the programs will need the shared one"
        );
        return Ok(());
    };
    let folder = PathBuf::from(env::var("OUT_DIR")?).join("static");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    for (name, archive) in LIBC.iter().zip(&archives) {
        symlink(archive, folder.join(name))?;
    }
    // A linker script, because the three refer to each other.
    let group = format!(
        "GROUP ( {} {} {} )\n",
        unwinder.display(),
        support.display(),
        archives[0].display()
    );
    fs::write(folder.join("libgcc_s.a"), group)?;
    println!("cargo:rustc-link-arg-bins=-L{}", folder.display());
    println!("cargo:rustc-link-arg-bins=-static");
    Ok(())
}

/// The path of an archive according to the C compiler, which is also the linker.
fn archive(name: &str) -> Option<PathBuf> {
    let linker = env::var_os("RUSTC_LINKER").unwrap_or_else(|| OsString::from("cc"));
    let output = Command::new(linker)
        .arg(format!("-print-file-name={name}"))
        .output()
        .ok()?;
    // A compiler that does not have it prints the name unchanged.
    let path = PathBuf::from(String::from_utf8(output.stdout).ok()?.trim());
    path.is_absolute().then_some(path)
}
