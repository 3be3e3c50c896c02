//! A file that appears under its name only when it is complete: it is written under a temporary name in the same
//! directory, synced, checked and renamed, and then the directory is synced. After a failure nothing is left behind.
//! The caller decides whether the contents are complete.
//!
//! Several processes may write the same file at once. Each writes its own `NAME.<16 hex digits>.part` and keeps it
//! locked, so that no process can rename or remove the file of another. The last one to finish determines the content.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use rustix::fs::Mode;

use super::{
    direct::DirectFile,
    part::Part,
    target::{Obstacle, Target},
};
use crate::golang::{errno::io_text, string};

/// Why the file was not written, in etcdctl's words if it has any. `part` is `PATH.part`, the name that etcdctl uses
/// and users know; the real name has additional digits.
#[derive(Debug, thiserror::Error)]
pub enum PartError {
    /// The file could not be created.
    #[error("could not open {part} ({error})", error = path_text("open", part, error))]
    Open {
        /// Temporary name.
        part: String,
        /// The I/O error.
        error: io::Error,
    },
    /// The path is a device, pipe or socket, which the file would replace for every program on the machine.
    #[error("could not open {0} (neither a regular file nor an unused name)")]
    Special(String),
    /// The path is a symbolic link to something that does not exist.
    #[error("could not open {path} (a symbolic link to {to}, which does not exist)")]
    DanglingLink {
        /// The path.
        path: String,
        /// Target of the link.
        to: String,
    },
    /// The file could not be written.
    #[error("could not write snapshot: {}", path_text("write", .part, .error))]
    Write {
        /// Temporary name.
        part: String,
        /// The I/O error.
        error: io::Error,
    },
    /// The length of the stream is not that of a database with a digest.
    #[error("sha256 checksum not found [bytes: {0}]")]
    NoDigest(u64),
    /// The digest at the end of the stream does not match its content.
    #[error("sha256 checksum does not match: expected {expected}, got {actual} [bytes: {size}]")]
    WrongDigest {
        /// The digest in the stream.
        expected: String,
        /// The computed digest.
        actual: String,
        /// Length of the whole stream in bytes.
        size: u64,
    },
    /// A sync failed.
    #[error("could not fsync snapshot: {}", path_text("sync", .part, .error))]
    Sync {
        /// Name of the file or of its directory.
        part: String,
        /// The I/O error.
        error: io::Error,
    },
    /// The file could not be renamed.
    #[error("could not rename {part} to {path} ({error})", error = rename_text(part, path, error))]
    Rename {
        /// Temporary name.
        part: String,
        /// The path.
        path: String,
        /// The I/O error.
        error: io::Error,
    },
    /// The file on disk is not the one that was written, or its length has changed.
    #[error(
        "could not rename {part} to {path} (another program has removed, replaced or changed what was written)"
    )]
    Changed {
        /// Temporary name.
        part: String,
        /// The path.
        path: String,
    },
}

fn path_text(what: &str, path: &str, error: &io::Error) -> String {
    format!("{what} {path}: {}", io_text(error))
}

fn rename_text(part: &str, path: &str, error: &io::Error) -> String {
    format!("rename {part} {path}: {}", io_text(error))
}

/// The file being written. It is removed if it is dropped before [`PartFile::finish`] has succeeded.
pub struct PartFile {
    file: DirectFile,
    target: Target,
    part: Arc<Part>,
    /// Bytes written.
    size: u64,
}

impl PartFile {
    /// Creates the file in the directory of `path` with mode 0600, and removes temporary files of killed processes. If
    /// `read_soon`, the content stays in the page cache.
    ///
    /// # Errors
    /// The file cannot be created, or could not be renamed later: `path` is a directory, a device or a dangling link,
    /// may not be replaced, or is not a valid name.
    pub fn create(path: &Path, read_soon: bool) -> Result<PartFile, PartError> {
        PartFile::with_mode(path, read_soon, Mode::RUSR | Mode::WUSR)
    }

    /// As [`PartFile::create`], but everybody may read the file, as far as the umask allows it.
    ///
    /// # Errors
    /// As [`PartFile::create`].
    pub fn create_for_all(path: &Path) -> Result<PartFile, PartError> {
        let all = Mode::RUSR | Mode::WUSR | Mode::RGRP | Mode::ROTH;
        PartFile::with_mode(path, true, all)
    }

    fn with_mode(path: &Path, read_soon: bool, mode: Mode) -> Result<PartFile, PartError> {
        let target = Target::find(path).map_err(|obstacle| obstacle_error(path, obstacle))?;
        Part::remove_leftovers(&target);
        let (part, file) = Part::create(&target, mode).map_err(|error| PartError::Open {
            part: part_name(path),
            error,
        })?;
        Ok(PartFile {
            file: DirectFile::new(file, read_soon),
            target,
            part: Arc::new(part),
            size: 0,
        })
    }

    /// A handle that can remove the file when the process is asked to end.
    pub fn part(&self) -> Arc<Part> {
        Arc::clone(&self.part)
    }

    /// Appends bytes.
    ///
    /// # Errors
    /// The I/O error, for example because the disk is full.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), PartError> {
        let done = self.file.write(bytes);
        self.size += bytes.len() as u64;
        self.written(done)
    }

    fn written(&self, done: io::Result<()>) -> Result<(), PartError> {
        done.map_err(|error| self.write_error(error))
    }

    /// The error of a write that failed for this reason.
    pub fn write_error(&self, error: io::Error) -> PartError {
        PartError::Write {
            part: part_name(self.target.path()),
            error,
        }
    }

    /// Bytes written so far.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Gives the complete file its final name.
    ///
    /// # Errors
    /// The I/O error; or the file is no longer the one that was written; or the path has been taken by something that
    /// must not be replaced.
    pub fn finish(mut self) -> Result<(), PartError> {
        let path = self.target.path().to_owned();
        let sync_error = |part: String| move |error| PartError::Sync { part, error };
        // The content must be durable before the name refers to it.
        let flushed = self.file.flush();
        self.written(flushed)?;
        self.file.sync().map_err(sync_error(part_name(&path)))?;
        // The target or the file may have changed in the meantime.
        self.target
            .check()
            .map_err(|obstacle| obstacle_error(&path, obstacle))?;
        if !self.part.is_intact(self.size) {
            return Err(PartError::Changed {
                part: part_name(&path),
                path: string::of_path(&path),
            });
        }
        self.part
            .rename_to(&self.target)
            .map_err(|error| rename_error(&path, error))?;
        // The name must be durable before success is reported.
        self.target
            .sync_directory(self.part.file())
            .map_err(sync_error(string::of_path(self.target.directory())))
    }
}

impl Drop for PartFile {
    fn drop(&mut self) {
        // After the rename, the temporary name no longer exists. If removing fails, nothing more can be done.
        let _ = self.part.remove();
    }
}

/// The name under which etcdctl would write the file, for messages.
fn part_name(path: &Path) -> String {
    let mut part = path.as_os_str().to_owned();
    part.push(".part");
    string::of_path(&PathBuf::from(part))
}

fn rename_error(path: &Path, error: io::Error) -> PartError {
    PartError::Rename {
        part: part_name(path),
        path: string::of_path(path),
        error,
    }
}

fn obstacle_error(path: &Path, obstacle: Obstacle) -> PartError {
    match obstacle {
        Obstacle::Special => PartError::Special(string::of_path(path)),
        Obstacle::DanglingLink(to) => PartError::DanglingLink {
            path: string::of_path(path),
            to: string::of_path(&to),
        },
        Obstacle::NoPlace(error) => PartError::Open {
            part: part_name(path),
            error,
        },
        Obstacle::NotReplaceable(error) => rename_error(path, error),
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};

    use super::*;

    fn names(dir: &Path) -> Vec<String> {
        let entries = fs::read_dir(dir).unwrap();
        let mut names: Vec<String> = entries
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    fn write(path: &Path, bytes: &[u8]) -> PartFile {
        let mut file = PartFile::create(path, false).unwrap();
        file.write(bytes).unwrap();
        file
    }

    /// The only entry in the directory other than `a`.
    fn part_of_a(dir: &Path) -> PathBuf {
        let names = names(dir);
        let part = names.iter().find(|n| n.as_str() != "a").unwrap();
        dir.join(part)
    }

    #[test]
    fn the_file_appears_when_it_is_finished_and_not_before() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        let mut file = PartFile::create(&path, false).unwrap();
        file.write(b"all").unwrap();
        file.write(b" of it").unwrap();
        assert!(!path.exists());
        file.finish().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"all of it");
        drop(write(&path, b"half"));
        assert_eq!(fs::read(&path).unwrap(), b"all of it");
        assert_eq!(names(dir.path()), ["a"]);
    }

    #[test]
    fn two_writers_of_one_name_do_not_interfere() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        let first = write(&path, b"first");
        let second = write(&path, b"second, which is longer");
        first.finish().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"first");
        second.finish().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"second, which is longer");
        assert_eq!(names(dir.path()), ["a"]);
    }

    #[test]
    fn leftovers_are_removed_and_files_in_use_or_of_others_are_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        let in_use = write(&path, b"in use");
        let in_use_name = part_of_a(dir.path());
        let kept = [
            "a.b.part",
            "a.0123456789ABCDEF.part",
            "ab.part",
            "a.1.db.part",
        ];
        for name in ["a.part", "a.0123456789abcdef.part"].iter().chain(&kept) {
            fs::write(dir.path().join(name), "left behind").unwrap();
        }
        let other = write(&path, b"other");
        assert!(in_use_name.exists());
        assert!(!dir.path().join("a.part").exists());
        assert!(!dir.path().join("a.0123456789abcdef.part").exists());
        for name in kept {
            assert!(dir.path().join(name).exists(), "{name}");
        }
        drop((in_use, other));
    }

    #[test]
    fn a_link_or_directory_called_like_a_leftover_stays() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        fs::write(dir.path().join("precious"), "1").unwrap();
        std::os::unix::fs::symlink("precious", dir.path().join("a.part")).unwrap();
        fs::create_dir(dir.path().join("a.0123456789abcdef.part")).unwrap();
        write(&path, b"x").finish().unwrap();
        assert_eq!(
            names(dir.path()),
            ["a", "a.0123456789abcdef.part", "a.part", "precious"]
        );
    }

    #[test]
    fn changes_to_the_file_by_other_programs_are_noticed() {
        type Change = fn(&Path);
        let changes: [Change; 3] = [
            |part| fs::remove_file(part).unwrap(),
            |part| {
                fs::remove_file(part).unwrap();
                fs::write(part, "whole").unwrap();
            },
            |part| {
                let file = File::options().write(true).open(part).unwrap();
                file.set_len(3).unwrap();
            },
        ];
        for change in changes {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("a");
            fs::write(&path, "old").unwrap();
            let mut file = write(&path, b"whole");
            // Otherwise flushing the buffer would make the file complete again.
            file.file.flush().unwrap();
            change(&part_of_a(dir.path()));
            let error = file.finish().unwrap_err();
            assert!(matches!(error, PartError::Changed { .. }), "{error}");
            assert_eq!(fs::read(&path).unwrap(), b"old");
        }
    }

    #[test]
    fn a_target_that_becomes_something_else_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        let file = write(&path, b"x");
        fs::create_dir(&path).unwrap();
        let error = file.finish().unwrap_err().to_string();
        assert!(error.ends_with(": file exists)"), "{error}");
        fs::remove_dir(&path).unwrap();
        let file = write(&path, b"x");
        let _listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
        assert!(matches!(file.finish(), Err(PartError::Special(_))));
        assert_eq!(names(dir.path()), ["a"]);
    }

    #[test]
    fn the_directory_may_be_moved_meanwhile() {
        let dir = tempfile::tempdir().unwrap();
        let (before, after) = (dir.path().join("before"), dir.path().join("after"));
        fs::create_dir(&before).unwrap();
        let file = write(&before.join("a"), b"x");
        fs::rename(&before, &after).unwrap();
        file.finish().unwrap();
        assert_eq!(names(&after), ["a"]);
    }

    #[test]
    fn a_name_of_the_greatest_length_is_a_name() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["x".repeat(255), "é".repeat(127)] {
            write(&dir.path().join(&name), b"x").finish().unwrap();
            assert_eq!(names(dir.path()), std::slice::from_ref(&name));
            fs::remove_file(dir.path().join(name)).unwrap();
        }
    }

    #[test]
    fn unusable_destinations_are_refused_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::create_dir(at("directory")).unwrap();
        fs::write(at("file"), "").unwrap();
        std::os::unix::fs::symlink("nothing", at("link")).unwrap();
        std::os::unix::fs::symlink("loop", at("loop")).unwrap();
        for (path, end) in [
            (at("directory"), "directory: file exists)"),
            (at("directory/"), "directory/: file exists)"),
            (at("directory/."), "directory/.: file exists)"),
            (at(".."), "..: file exists)"),
            (at("new/"), "/.part: no such file or directory)"),
            (at("new/a"), "a.part: no such file or directory)"),
            (at("file/"), "/.part: not a directory)"),
            (at("file/a"), "a.part: not a directory)"),
            (
                at("link"),
                "(a symbolic link to nothing, which does not exist)",
            ),
            (at("loop"), ": too many levels of symbolic links)"),
            (at(&"x".repeat(256)), ".part: file name too long)"),
            (at(&"x/".repeat(3000)), ".part: file name too long)"),
            (PathBuf::new(), "(rename .part : no such file or directory)"),
        ] {
            let before = names(dir.path());
            let refused = PartFile::create(&path, false).map(drop).unwrap_err();
            assert!(refused.to_string().ends_with(end), "{path:?}: {refused}");
            assert_eq!(names(dir.path()), before);
        }
    }
}
