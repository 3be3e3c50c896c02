//! Generates `src/proto/` from `proto/*.proto`: `cargo run -p protocol-generator`. Pure Rust, so `protoc` is not
//! needed. The result is committed; `cargo test -p protocol-generator` fails if it is out of date.

use std::{
    collections::BTreeMap,
    error::Error,
    fmt::Write as _,
    fs, io,
    path::{Path, PathBuf},
};

use sha2::{Digest as _, Sha256};

/// The list of digests of all inputs and outputs, in the format of `sha256sum --check`.
const DIGESTS: &str = "src/proto/generated.sha256";

/// Names of fields that hold passwords and tokens.
const SECRETS: [&str; 4] = ["password", "hashedPassword", "simple_token", "token"];

/// Contents by path relative to the project.
type Files = BTreeMap<String, Vec<u8>>;

fn main() -> Result<(), Box<dyn Error>> {
    let root = project();
    let wanted = generate(&root)?;
    for name in names(&root.join("src/proto"))? {
        let path = format!("src/proto/{name}");
        if !wanted.contains_key(&path) {
            fs::remove_file(root.join(path))?;
        }
    }
    for (path, contents) in &wanted {
        // Keep the modification time of an unchanged file, so that it is not compiled again.
        let path = root.join(path);
        if fs::read(&path).ok().as_ref() != Some(contents) {
            fs::write(&path, contents)?;
            println!("{}", path.display());
        }
    }
    Ok(())
}

fn project() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// All files that belong in `src/proto/`.
fn generate(root: &Path) -> Result<Files, Box<dyn Error>> {
    let sources: Vec<String> = names(&root.join("proto"))?
        .into_iter()
        .filter(|name| name.ends_with(".proto"))
        .collect();
    let mut files = rust(root, &sources)?;
    files.insert(
        "src/proto/descriptors.bin".to_owned(),
        descriptors(root, &sources)?,
    );
    let mut digests = String::new();
    for name in sources {
        let path = format!("proto/{name}");
        line(&mut digests, &path, &fs::read(root.join(&path))?);
    }
    for (path, contents) in &files {
        line(&mut digests, path, contents);
    }
    files.insert(DIGESTS.to_owned(), digests.into_bytes());
    Ok(files)
}

/// One file per package: its messages, and a client for each of its services. The server has its own methods
/// (`src/server/grpc`); the generated ones are for unit tests of the client.
fn rust(root: &Path, sources: &[String]) -> Result<Files, Box<dyn Error>> {
    let compiled = protox::compile(sources, [root.join("proto")])?;
    let out = tempfile::tempdir()?;
    let mut config = tonic_prost_build::Config::new();
    // Keys and values are shared instead of copied on their way through client and server.
    config.bytes(["."]);
    // `src/proto.rs` implements `Debug` for messages with a secret, which it omits. A new such message does not compile until
    // it has a row there.
    let mut secret = Vec::new();
    for file in &compiled.file {
        for message in &file.message_type {
            if message.field.iter().any(|f| SECRETS.contains(&f.name())) {
                secret.push(format!(".{}.{}", file.package(), message.name()));
            }
        }
    }
    config.skip_debug(secret);
    tonic_prost_build::configure()
        .out_dir(out.path())
        .server_mod_attribute(".", "#[cfg(test)]")
        .compile_fds_with_config(compiled, config)?;
    let mut files = Files::new();
    for name in names(out.path())? {
        let mut text =
            "// Generated from proto/ by `cargo run -p protocol-generator`: not to be edited.\n"
                .to_owned();
        text.push_str(&fs::read_to_string(out.path().join(&name))?);
        files.insert(format!("src/proto/{name}"), text.into_bytes());
    }
    Ok(files)
}

/// The descriptors without comments, for code that handles messages by field names at run time.
fn descriptors(root: &Path, sources: &[String]) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut compiler = protox::Compiler::new([root.join("proto")])?;
    compiler.include_imports(true).open_files(sources)?;
    Ok(compiler.encode_file_descriptor_set())
}

/// The files in a folder, sorted.
fn names(dir: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(names)
}

fn line(digests: &mut String, path: &str, contents: &[u8]) {
    for byte in Sha256::digest(contents) {
        // Writing to a String cannot fail.
        let _ = write!(digests, "{byte:02x}");
    }
    let _ = writeln!(digests, "  {path}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_committed_is_current() {
        let root = project();
        let wanted = generate(&root).unwrap();
        let there: Vec<String> = names(&root.join("src/proto")).unwrap();
        let there: Vec<String> = there.iter().map(|n| format!("src/proto/{n}")).collect();
        assert!(there.iter().eq(wanted.keys()), "{there:?}");
        for (path, contents) in wanted {
            assert!(
                fs::read(root.join(&path)).unwrap() == contents,
                "{path} is out of date: cargo run -p protocol-generator"
            );
        }
    }
}
