//! The files and directories that this process is still building. A signal that ends the process removes them first
//! (see [`remove_all`]). An error or a panic does not need this list: it drops their owners, which remove them.

use std::{
    fs, io, mem,
    path::{Path, PathBuf},
};

use parking_lot::{Mutex, MutexGuard};

/// Attempts to remove a directory in which another thread is creating files at the same time.
const TRIES: usize = 100;

static REGISTRY: Registry = Registry::new();

/// Something that must not stay behind if the process ends while this value exists.
#[must_use]
pub struct Unfinished {
    registry: &'static Registry,
    id: u64,
}

impl Unfinished {
    /// Registers a file, which need not exist yet. No other process may use the same name.
    pub fn file(path: &Path) -> Unfinished {
        REGISTRY.register(path, Kind::File)
    }

    /// Registers a directory with everything in it. No other process may use it.
    pub fn tree(path: &Path) -> Unfinished {
        REGISTRY.register(path, Kind::Tree)
    }

    /// Registers a directory that this process has created, and that is removed only if it is empty. Register it before
    /// anything inside it.
    pub fn empty_directory(path: &Path) -> Unfinished {
        REGISTRY.register(path, Kind::EmptyDirectory)
    }
}

/// Runs `step`, which gives files or directories their final names, while nothing is removed: a signal that arrives
/// meanwhile waits for the step. Does not return if a signal has arrived before, because the process is ending.
pub fn finish<T>(step: impl FnOnce() -> T) -> T {
    REGISTRY.finish(step)
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        let mut entries = self.registry.entries.lock();
        entries.list.retain(|(id, _, _)| *id != self.id);
    }
}

/// Removes everything that is registered. From then on, threads that register, finish or drop something wait forever,
/// so the caller must end the process.
pub fn remove_all() {
    mem::forget(REGISTRY.remove_all());
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    File,
    Tree,
    EmptyDirectory,
}

struct Registry {
    entries: Mutex<Entries>,
}

struct Entries {
    next_id: u64,
    /// In the order in which they were registered.
    list: Vec<(u64, PathBuf, Kind)>,
}

impl Registry {
    const fn new() -> Registry {
        Registry {
            entries: Mutex::new(Entries {
                next_id: 0,
                list: Vec::new(),
            }),
        }
    }

    fn register(&'static self, path: &Path, kind: Kind) -> Unfinished {
        let mut entries = self.entries.lock();
        let id = entries.next_id;
        entries.next_id += 1;
        entries.list.push((id, path.to_owned(), kind));
        Unfinished { registry: self, id }
    }

    fn finish<T>(&self, step: impl FnOnce() -> T) -> T {
        let _entries = self.entries.lock();
        step()
    }

    /// Removes everything, the latest first, and keeps the list locked.
    fn remove_all(&self) -> MutexGuard<'_, Entries> {
        let entries = self.entries.lock();
        for (_, path, kind) in entries.list.iter().rev() {
            // The process is ending, and a file that cannot be removed is not mistaken for a complete one.
            let _ = match kind {
                Kind::File => fs::remove_file(path),
                Kind::Tree => remove_tree(path),
                Kind::EmptyDirectory => fs::remove_dir(path),
            };
        }
        entries
    }
}

/// Removes a directory while other threads may still be creating files in it.
fn remove_tree(path: &Path) -> io::Result<()> {
    let mut result = Ok(());
    for _ in 0..TRIES {
        result = fs::remove_dir_all(path);
        match &result {
            Err(e) if e.kind() == io::ErrorKind::DirectoryNotEmpty => {}
            _ => break,
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The list of the whole process must not be locked by a test.
    fn registry() -> &'static Registry {
        Box::leak(Box::new(Registry::new()))
    }

    #[test]
    fn only_what_is_unfinished_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        let registry = registry();
        let _made = registry.register(&at("made"), Kind::EmptyDirectory);
        let _shared = registry.register(&at("shared"), Kind::EmptyDirectory);
        let _tree = registry.register(&at("made/tree"), Kind::Tree);
        let _file = registry.register(&at("shared/file"), Kind::File);
        let _absent = registry.register(&at("absent"), Kind::File);
        let _finished = registry.register(&at("shared/finished"), Kind::File);
        let dropped = registry.register(&at("shared/dropped"), Kind::File);
        fs::create_dir_all(at("made/tree/member/snap")).unwrap();
        fs::create_dir(at("shared")).unwrap();
        for name in [
            "made/tree/member/snap/db",
            "shared/file",
            "shared/finished",
            "shared/dropped",
        ] {
            fs::write(at(name), "").unwrap();
        }
        registry.finish(|| fs::rename(at("shared/finished"), at("shared/final")).unwrap());
        drop(dropped);

        drop(registry.remove_all());
        assert!(!at("made").exists());
        assert!(!at("shared/file").exists());
        for name in ["shared/final", "shared/dropped"] {
            assert!(at(name).exists(), "{name}");
        }
    }

    #[test]
    fn a_tree_in_which_files_are_still_created_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        let tree = dir.path().join("tree");
        fs::create_dir(&tree).unwrap();
        let registry = registry();
        let _tree = registry.register(&tree, Kind::Tree);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for n in 0.. {
                    if fs::write(tree.join(n.to_string()), "").is_err() {
                        break;
                    }
                }
            });
            drop(registry.remove_all());
        });
        assert!(!tree.exists());
    }

    #[test]
    fn nothing_is_finished_after_the_removal() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        fs::write(&path, "").unwrap();
        let registry = registry();
        let _file = registry.register(&path, Kind::File);
        let ending = registry.remove_all();
        std::thread::scope(|scope| {
            let finishing = scope.spawn(|| registry.finish(|| path.exists()));
            assert!(!finishing.is_finished());
            drop(ending);
            assert!(!finishing.join().unwrap(), "the removal came first");
        });
    }
}
