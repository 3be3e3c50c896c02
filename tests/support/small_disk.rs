//! A memory file system of a few MiB, for tests with a full disk.
//!
//! Mounting needs root on Linux; otherwise the test is skipped with a message. It is unmounted when dropped.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::program::scratch;
use super::skip::skip;

/// A mounted file system of a fixed size.
#[derive(Debug)]
pub struct SmallDisk {
    dir: TempDir,
}

impl SmallDisk {
    /// Mounts a file system of `size` bytes, or prints that the test is skipped.
    #[track_caller]
    pub fn mount(size: u64) -> Option<Self> {
        let dir = scratch();
        let mounted = Command::new("mount")
            .args([
                "-t",
                "tmpfs",
                "-o",
                &format!("size={size},mode=0755"),
                "tmpfs",
            ])
            .arg(dir.path())
            .output();
        match mounted {
            Ok(output) if output.status.success() => Some(Self { dir }),
            Ok(output) => {
                skip(&format!(
                    "no small file system can be mounted here: {}",
                    String::from_utf8_lossy(&output.stderr).trim()
                ));
                None
            }
            Err(e) => {
                skip(&format!("`mount` cannot be run: {e}"));
                None
            }
        }
    }

    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Remounts it read-only.
    pub fn make_read_only(&self) {
        let remounted = Command::new("mount")
            .args(["-o", "remount,ro"])
            .arg(self.path())
            .output()
            .expect("`mount` could be run before");
        assert!(
            remounted.status.success(),
            "{}",
            String::from_utf8_lossy(&remounted.stderr)
        );
    }

    /// Writes a file that leaves about `bytes` of free space.
    pub fn leave_free(&self, bytes: u64) -> PathBuf {
        let room = rustix::fs::statvfs(self.path()).expect("a mounted file system has a size");
        let fill = (room.f_bavail * room.f_frsize).saturating_sub(bytes);
        let file = self.path().join("ballast");
        let mut out = fs::File::options()
            .create(true)
            .append(true)
            .open(&file)
            .expect("a file can be made on the small disk");
        let block = vec![0_u8; 1 << 16];
        let mut left = fill;
        while left > 0 {
            let n = left.min(block.len() as u64) as usize;
            out.write_all(&block[..n])
                .expect("there is as much room as the file system says");
            left -= n as u64;
        }
        file
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily, because a server that was killed a moment ago may still hold a file.
        let _ = Command::new("umount").arg("-l").arg(self.path()).output();
    }
}
