//! A named pipe, from which a shell script waits for a line.

use std::fs::File;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::Command;

/// A named pipe that is open for writing.
pub struct Fifo {
    path: PathBuf,
    end: File,
    _dir: tempfile::TempDir,
}

impl Fifo {
    /// In a directory of its own.
    pub fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("end");
        let made = Command::new("mkfifo").arg(&path).status();
        assert!(made.expect("mkfifo runs").success());
        // Opened for reading and writing, so that neither side waits for the other one to open the pipe.
        let end = File::options().read(true).write(true).open(&path);
        Self {
            path,
            end: end.expect("a named pipe"),
            _dir: dir,
        }
    }

    /// Where it is.
    pub fn path(&self) -> std::path::Display<'_> {
        self.path.display()
    }

    /// Writes a short text, without waiting for a reader.
    pub fn write(&mut self, text: &str) {
        let written = self.end.write_all(text.as_bytes());
        written.expect("there is space in a pipe");
    }
}
