//! Regenerates `completions/` and `man/`: `cargo run --example docs`.

use std::path::Path;
use std::{fs, io};

mod generate;

fn main() -> io::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for folder in generate::FOLDERS {
        let folder = root.join(folder);
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir(&folder)?;
    }
    for (name, text) in generate::files() {
        fs::write(root.join(name), text)?;
    }
    Ok(())
}
