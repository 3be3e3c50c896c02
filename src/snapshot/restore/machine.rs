//! One machine's part of a restore plan: checks, and moving the old data directory aside. It neither starts nor stops a
//! service, and deletes nothing.

use std::{
    fs::{self, File, TryLockError},
    io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use super::{
    Error,
    place::{rename_new, sync_dir},
};
use crate::{
    bolt::{self, parent},
    golang::format,
    wal::segments,
};

/// Bytes of a restored directory besides the database: a log segment and the raft snapshot.
const BESIDES: u64 = 72 << 20;

/// Checks that no etcd uses the directory, by the locks on its database and log.
///
/// # Errors
/// A line that names the locked file.
pub fn check_not_in_use(dir: &Path) -> Result<String, String> {
    let wal = dir.join("member/wal");
    let logs = segments(&wal).unwrap_or_default();
    let logs = logs.iter().map(|name| wal.join(name.to_string()));
    for file in [dir.join("member/snap/db"), dir.join("db")]
        .into_iter()
        .chain(logs)
    {
        let Ok(open) = File::open(&file) else {
            continue;
        };
        if let Err(TryLockError::WouldBlock) = open.try_lock() {
            return Err(format!(
                "{}: an etcd has it open; stop it first",
                file.display()
            ));
        }
    }
    Ok(format!("{} is not in use", dir.display()))
}

/// The path that the old directory is moved to.
pub fn aside(dir: &Path) -> PathBuf {
    let mut name = dir.as_os_str().to_owned();
    name.push(".before");
    PathBuf::from(name)
}

/// Checks that the old directory, if there is one, can be moved aside.
///
/// # Errors
/// A line that names the existing path.
pub fn check_aside(dir: &Path) -> Result<String, String> {
    if dir.symlink_metadata().is_err() {
        return Ok(format!("{} is free", dir.display()));
    }
    let aside = aside(dir);
    match aside.symlink_metadata() {
        Ok(_) => Err(format!(
            "{} already exists, so the old directory cannot be moved there",
            aside.display()
        )),
        Err(_) => Ok(format!("{} becomes {}", dir.display(), aside.display())),
    }
}

/// Checks that the new directory will have the same owner as the old one, or that `chown` is given.
///
/// # Errors
/// A line that names the owner.
pub fn check_owner(dir: &Path, chown: bool) -> Result<String, String> {
    let Ok(old) = fs::metadata(dir) else {
        return Ok("there is no old directory".into());
    };
    let user = rustix::process::geteuid().as_raw();
    if chown || old.uid() == user {
        return Ok(format!("the old directory belongs to user {}", old.uid()));
    }
    Err(format!(
        "{} belongs to user {} and group {}, and the new one would belong to user {user}: add --chown={}:{}",
        dir.display(),
        old.uid(),
        old.gid(),
        old.uid(),
        old.gid()
    ))
}

/// Checks that the disk has space beside the old directory for the new one, whose database has `size` bytes.
///
/// # Errors
/// A line with the required and available space.
pub fn check_disk(dir: &Path, size: u64) -> Result<String, String> {
    let need = size.saturating_add(BESIDES);
    let above = dir
        .ancestors()
        .skip(1)
        .map(|dir| {
            if dir.as_os_str().is_empty() {
                Path::new(".")
            } else {
                dir
            }
        })
        .find(|dir| dir.exists())
        .unwrap_or(Path::new("."));
    let disk = rustix::fs::statvfs(above)
        .map_err(|e| format!("{}: {}", above.display(), bolt::plain(&e.into())))?;
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    if free < need {
        return Err(format!(
            "{}: {} are needed, and {} are free",
            above.display(),
            format::bytes(need),
            format::bytes(free)
        ));
    }
    Ok(format!(
        "{} free, {} needed",
        format::bytes(free),
        format::bytes(need)
    ))
}

/// Moves the old directory aside. Returns its new path if there was one.
///
/// # Errors
/// The directory cannot be renamed, or the new path exists.
pub fn move_aside(dir: &Path) -> Result<Option<PathBuf>, Error> {
    match dir.symlink_metadata() {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(Error::io("stat", dir, e)),
        Ok(_) => {}
    }
    let aside = aside(dir);
    rename_new(dir, &aside)?;
    sync_dir(parent(dir))?;
    Ok(Some(aside))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_moved_aside_once_and_never_over_another() {
        let scratch = tempfile::tempdir().unwrap();
        let dir = scratch.path().join("m1.etcd");
        assert!(check_aside(&dir).unwrap().ends_with("is free"));
        assert_eq!(move_aside(&dir).unwrap(), None);
        fs::create_dir(&dir).unwrap();
        fs::write(dir.join("x"), "1").unwrap();
        check_aside(&dir).unwrap();
        let before = move_aside(&dir).unwrap().unwrap();
        assert_eq!(fs::read_to_string(before.join("x")).unwrap(), "1");
        fs::create_dir(&dir).unwrap();
        assert!(check_aside(&dir).unwrap_err().contains("already exists"));
        assert!(move_aside(&dir).is_err());
    }

    #[test]
    fn a_lock_on_database_or_log_is_noticed() {
        let scratch = tempfile::tempdir().unwrap();
        let dir = scratch.path();
        check_not_in_use(dir).unwrap();
        for name in [
            "member/snap/db",
            "member/wal/0000000000000000-0000000000000000.wal",
        ] {
            let path = dir.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, "").unwrap();
            check_not_in_use(dir).unwrap();
            let locked = File::open(&path).unwrap();
            locked.lock().unwrap();
            let error = check_not_in_use(dir).unwrap_err();
            assert!(
                error.contains(name) && error.contains("stop it first"),
                "{error}"
            );
            drop(locked);
        }
    }
}
