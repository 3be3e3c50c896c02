//! A disk with simulated power losses: what was synced survives, and of the rest any part may survive. Built from the
//! steps of the engine, recorded by a [`Recorder`].

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use etcd_maintenance::bolt::{Event, Watcher};

use super::support::Rng;

/// Number of bytes that a disk writes atomically.
pub const SECTOR: usize = 512;

/// A step, with owned bytes and with names relative to the watched directory.
#[derive(Clone, Debug)]
pub enum Step {
    Create {
        path: PathBuf,
        file: u64,
    },
    Open {
        path: PathBuf,
        file: u64,
    },
    Write {
        file: u64,
        offset: usize,
        bytes: Arc<[u8]>,
    },
    Allocate {
        file: u64,
        len: usize,
    },
    Truncate {
        file: u64,
        len: usize,
    },
    Sync {
        file: u64,
    },
    Rename {
        from: PathBuf,
        to: PathBuf,
    },
    Remove {
        path: PathBuf,
    },
    CreateDir {
        path: PathBuf,
    },
    SyncDir {
        path: PathBuf,
    },
}

/// Records every step, and makes one of them fail on demand.
pub struct Recorder {
    root: PathBuf,
    steps: Mutex<Vec<Step>>,
    fail: Mutex<Option<(usize, io::ErrorKind)>>,
    full: Mutex<Option<io::ErrorKind>>,
}

impl Recorder {
    pub fn new(root: &Path) -> Arc<Recorder> {
        let root = root.canonicalize().unwrap();
        Arc::new(Recorder {
            root,
            steps: Mutex::default(),
            fail: Mutex::default(),
            full: Mutex::default(),
        })
    }

    pub fn len(&self) -> usize {
        self.steps.lock().unwrap().len()
    }

    pub fn steps(&self) -> Vec<Step> {
        self.steps.lock().unwrap().clone()
    }

    /// Makes the `n`-th step from the beginning fail; it is not recorded.
    pub fn fail_at(&self, n: usize, kind: io::ErrorKind) {
        *self.fail.lock().unwrap() = Some((n, kind));
    }

    /// Makes every allocation fail from now on, or stops that.
    pub fn full(&self, kind: Option<io::ErrorKind>) {
        *self.full.lock().unwrap() = kind;
    }

    fn relative(&self, path: &Path) -> PathBuf {
        path.strip_prefix(&self.root).unwrap().to_path_buf()
    }
}

impl Watcher for Recorder {
    fn event(&self, event: Event<'_>) -> io::Result<()> {
        if matches!(event, Event::SyncDir { path } if !path.starts_with(&self.root)) {
            return Ok(());
        }
        if let (Event::Allocate { .. }, Some(kind)) = (&event, *self.full.lock().unwrap()) {
            return Err(kind.into());
        }
        let mut steps = self.steps.lock().unwrap();
        let mut fail = self.fail.lock().unwrap();
        if let Some((n, kind)) = *fail
            && n == steps.len()
        {
            *fail = None;
            return Err(kind.into());
        }
        let p = |path| self.relative(path);
        steps.push(match event {
            Event::Create { path, file } => Step::Create {
                path: p(path),
                file,
            },
            Event::Open { path, file } => Step::Open {
                path: p(path),
                file,
            },
            Event::Write {
                file,
                offset,
                bytes,
            } => Step::Write {
                file,
                offset: offset as usize,
                bytes: bytes.into(),
            },
            Event::Allocate { file, len } => Step::Allocate {
                file,
                len: len as usize,
            },
            Event::Truncate { file, len } => Step::Truncate {
                file,
                len: len as usize,
            },
            Event::Sync { file } => Step::Sync { file },
            Event::Rename { from, to } => Step::Rename {
                from: p(from),
                to: p(to),
            },
            Event::Remove { path } => Step::Remove { path: p(path) },
            Event::CreateDir { path } => Step::CreateDir { path: p(path) },
            Event::SyncDir { path } => Step::SyncDir { path: p(path) },
        });
        Ok(())
    }
}

/// The content of a file.
#[derive(Clone, Default)]
struct Inode {
    durable: Vec<u8>,
    /// Writes since the last sync: offset, bytes, and whether a failed sync has marked them clean.
    writes: Vec<(usize, Arc<[u8]>, bool)>,
    len: usize,
    /// The shortest length to which the file was truncated since the last sync.
    cut: Option<usize>,
}

impl Inode {
    fn new(durable: Vec<u8>) -> Inode {
        Inode {
            len: durable.len(),
            durable,
            writes: Vec::new(),
            cut: None,
        }
    }

    /// What is on disk, without what has been truncated since.
    fn after_cut(&self) -> Vec<u8> {
        let mut bytes = self.durable.clone();
        bytes.truncate(self.cut.unwrap_or(usize::MAX));
        bytes
    }
}

/// A change of a directory: an entry is set or removed under a name.
type NameOps = Vec<(PathBuf, Option<Entry>)>;

#[derive(Clone, Copy, PartialEq)]
enum Entry {
    File(usize),
    Dir,
}

/// The names in one directory: those on disk, and the changes since its last sync. A rename within a directory is a
/// single change of several names.
#[derive(Clone, Default)]
struct Dir {
    durable: BTreeMap<PathBuf, Entry>,
    pending: Vec<NameOps>,
}

impl Dir {
    fn after(&self, changes: usize) -> BTreeMap<PathBuf, Entry> {
        let mut names = self.durable.clone();
        for (path, entry) in self.pending[..changes].iter().flatten() {
            match entry {
                Some(e) => names.insert(path.clone(), *e),
                None => names.remove(path),
            };
        }
        names
    }

    fn now(&self) -> BTreeMap<PathBuf, Entry> {
        self.after(self.pending.len())
    }
}

/// What survives of the writes since the last sync.
pub enum Keep<'r> {
    None,
    All,
    /// A random set of sectors, and the names up to a random change.
    Some(&'r mut Rng),
    /// All but one sector, or only one sector: the `n`-th of all.
    But {
        sector: usize,
        there: bool,
    },
    /// Everything, but only the first bytes of the last write.
    Torn(usize),
    /// Everything, but only those sectors of the last write whose bit is set.
    LastSectors(u64),
}

/// A directory tree on a disk.
#[derive(Clone, Default)]
pub struct Sim {
    inodes: Vec<Inode>,
    files: HashMap<u64, usize>,
    dirs: BTreeMap<PathBuf, Dir>,
}

impl Sim {
    /// An empty directory, or one with a file, completely synced.
    pub fn new(file: Option<(&str, Vec<u8>)>) -> Sim {
        let mut sim = Sim::default();
        let mut root = Dir::default();
        if let Some((name, bytes)) = file {
            root.durable.insert(name.into(), Entry::File(0));
            sim.inodes.push(Inode::new(bytes));
        }
        sim.dirs.insert(PathBuf::new(), root);
        sim
    }

    /// The content of a directory, completely synced.
    pub fn from_directory(root: &Path) -> Sim {
        let mut sim = Sim::default();
        sim.take_directory(root, PathBuf::new());
        sim
    }

    fn take_directory(&mut self, root: &Path, path: PathBuf) {
        let mut dir = Dir::default();
        for entry in std::fs::read_dir(root.join(&path)).unwrap() {
            let entry = entry.unwrap();
            let name = path.join(entry.file_name());
            if entry.file_type().unwrap().is_dir() {
                dir.durable.insert(name.clone(), Entry::Dir);
                self.take_directory(root, name);
            } else {
                let bytes = std::fs::read(entry.path()).unwrap();
                dir.durable.insert(name, Entry::File(self.inodes.len()));
                self.inodes.push(Inode::new(bytes));
            }
        }
        self.dirs.insert(path, dir);
    }

    fn parent(path: &Path) -> PathBuf {
        path.parent().map(Path::to_path_buf).unwrap_or_default()
    }

    fn look_up(&self, path: &Path) -> Option<Entry> {
        self.dirs.get(&Sim::parent(path))?.now().get(path).copied()
    }

    fn change(&mut self, ops: NameOps) {
        let dir = Sim::parent(&ops[0].0);
        assert!(
            ops.iter().all(|(p, _)| Sim::parent(p) == dir),
            "a rename across directories"
        );
        self.dirs.get_mut(&dir).unwrap().pending.push(ops);
    }

    fn inode(&mut self, file: u64) -> &mut Inode {
        &mut self.inodes[self.files[&file]]
    }

    pub fn apply(&mut self, step: &Step) {
        match step {
            Step::Create { path, file } => {
                self.files.insert(*file, self.inodes.len());
                self.change(vec![(path.clone(), Some(Entry::File(self.inodes.len())))]);
                self.inodes.push(Inode::default());
            }
            Step::Open { path, file } => {
                let Some(Entry::File(inode)) = self.look_up(path) else {
                    panic!("{} is no file", path.display())
                };
                self.files.insert(*file, inode);
            }
            Step::Write {
                file,
                offset,
                bytes,
            } => {
                let inode = self.inode(*file);
                inode.len = inode.len.max(offset + bytes.len());
                inode.writes.push((*offset, bytes.clone(), false));
            }
            Step::Allocate { file, len } => {
                let inode = self.inode(*file);
                inode.len = inode.len.max(*len);
            }
            Step::Truncate { file, len } => {
                let inode = self.inode(*file);
                inode.len = *len;
                inode.cut = Some(inode.cut.map_or(*len, |cut| cut.min(*len)));
                inode.writes.retain_mut(|(at, bytes, _)| {
                    *bytes = bytes[..len.saturating_sub(*at).min(bytes.len())].into();
                    !bytes.is_empty()
                });
            }
            Step::Sync { file } => {
                let inode = self.inode(*file);
                let (lost, done): (Vec<_>, Vec<_>) = std::mem::take(&mut inode.writes)
                    .into_iter()
                    .partition(|w| w.2);
                inode.durable = inode.after_cut();
                inode.cut = None;
                inode.durable.resize(inode.len, 0);
                for (at, bytes, _) in done {
                    inode.durable[at..at + bytes.len()].copy_from_slice(&bytes);
                }
                inode.writes = lost;
            }
            Step::Rename { from, to } => {
                let entry = self.look_up(from);
                self.change(vec![(from.clone(), None), (to.clone(), entry)]);
            }
            Step::Remove { path } => self.change(vec![(path.clone(), None)]),
            Step::CreateDir { path } => {
                self.change(vec![(path.clone(), Some(Entry::Dir))]);
                self.dirs.insert(path.clone(), Dir::default());
            }
            Step::SyncDir { path } => {
                let dir = self.dirs.get_mut(path).unwrap();
                dir.durable = dir.now();
                dir.pending.clear();
            }
        }
    }

    /// A failed sync: the data it should have written is marked clean in memory, and is never written.
    pub fn fail_sync(&mut self, file: u64) {
        for w in &mut self.inode(file).writes {
            w.2 = true;
        }
    }

    /// Number of sectors that a power loss may keep or lose.
    pub fn loose_sectors(&self) -> usize {
        let writes = self.inodes.iter().flat_map(|i| &i.writes).filter(|w| !w.2);
        writes.map(|(_, b, _)| b.len().div_ceil(SECTOR)).sum()
    }

    /// What a process sees, including one started after another was killed.
    pub fn visible(&self, into: &Path) {
        let dirs = self
            .dirs
            .iter()
            .map(|(path, dir)| (path.clone(), dir.now()))
            .collect();
        self.write(into, &dirs, |inode| {
            let mut bytes = inode.after_cut();
            bytes.resize(inode.len, 0);
            for (at, b, _) in &inode.writes {
                bytes[*at..at + b.len()].copy_from_slice(b);
            }
            bytes
        });
    }

    /// What a power loss leaves.
    pub fn crash(&self, into: &Path, mut keep: Keep<'_>) {
        let mut dirs = BTreeMap::new();
        for (path, dir) in &self.dirs {
            let changes = match &mut keep {
                Keep::None => 0,
                Keep::Some(rng) => rng.below(dir.pending.len() as u64 + 1) as usize,
                _ => dir.pending.len(),
            };
            dirs.insert(path.clone(), dir.after(changes));
        }
        let mut number = 0;
        self.write(into, &dirs, |inode| {
            // Neither truncation nor growth is durable before the next sync.
            let resized = match &mut keep {
                Keep::None => false,
                Keep::Some(rng) => rng.chance(50),
                _ => true,
            };
            let mut bytes = match resized {
                true => inode.after_cut(),
                false => inode.durable.clone(),
            };
            if resized {
                bytes.resize(inode.len.max(bytes.len()), 0);
            }
            let last = inode.writes.len().saturating_sub(1);
            for (n, (at, b, lost)) in inode.writes.iter().enumerate() {
                for (i, sector) in b.chunks(SECTOR).enumerate() {
                    if *lost {
                        continue;
                    }
                    let mut sector = sector;
                    let kept = match &mut keep {
                        Keep::None => false,
                        Keep::All => true,
                        Keep::Some(rng) => rng.chance(50),
                        Keep::But { sector, there } => (number == *sector) == *there,
                        Keep::LastSectors(mask) => n != last || *mask >> i & 1 == 1,
                        Keep::Torn(len) => {
                            if n == last {
                                sector =
                                    &sector[..len.saturating_sub(i * SECTOR).min(sector.len())];
                            }
                            true
                        }
                    };
                    number += 1;
                    if kept {
                        let at = at + i * SECTOR;
                        bytes.resize(bytes.len().max(at + sector.len()), 0);
                        bytes[at..at + sector.len()].copy_from_slice(sector);
                    }
                }
            }
            bytes
        });
    }

    fn write(
        &self,
        into: &Path,
        dirs: &BTreeMap<PathBuf, BTreeMap<PathBuf, Entry>>,
        mut contents: impl FnMut(&Inode) -> Vec<u8>,
    ) {
        if into.exists() {
            std::fs::remove_dir_all(into).unwrap();
        }
        std::fs::create_dir(into).unwrap();
        // A directory precedes those inside it, because the names are sorted.
        for (dir, names) in dirs {
            if !into.join(dir).is_dir() {
                continue;
            }
            for (name, entry) in names {
                match entry {
                    Entry::Dir => std::fs::create_dir(into.join(name)).unwrap(),
                    Entry::File(inode) => {
                        std::fs::write(into.join(name), contents(&self.inodes[*inode])).unwrap()
                    }
                }
            }
        }
    }
}
