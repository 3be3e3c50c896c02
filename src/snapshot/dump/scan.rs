//! Finds records of the history in all leaf pages of a file, including pages that no tree reaches, as `etcd-dump-db
//! scan-keys` does. Source: etcd v3.7.1, tools/etcd-dump-db/scan.go.

use bytes::Bytes;

use crate::{
    bolt::{Page, Scanned},
    schema::{bucket, key::RevisionKey, show_key},
    snapshot::{Error, SnapshotFile},
};

/// A record that was found.
#[derive(Clone, Copy, Debug)]
pub struct FoundRecord<'a> {
    /// The page that holds it.
    pub page: u64,
    /// Its index in the page.
    pub index: usize,
    /// The last index in the page.
    pub last_index: usize,
    /// The key, not decoded.
    pub key: &'a [u8],
    /// The value, not decoded.
    pub value: &'a [u8],
}

/// Summary of a scan.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScanEnd {
    /// Number of records shown.
    pub records: u64,
    /// What could not be read, at most `MAX_PROBLEMS` entries.
    pub problems: Vec<String>,
    /// Number of pages and records that could not be read.
    pub unreadable: u64,
}

/// At most this many problems are kept.
pub const MAX_PROBLEMS: usize = 1000;

impl ScanEnd {
    fn note(&mut self, problem: String) {
        self.unreadable += 1;
        if self.problems.len() < MAX_PROBLEMS {
            self.problems.push(problem);
        }
    }
}

/// Calls `show` for every record of the history from revision `from` on (0: all) in any leaf page, until it returns
/// false.
///
/// # Errors
/// The file cannot be read. Damaged pages and records are counted and skipped.
pub fn scan_keys(
    file: &SnapshotFile,
    from: i64,
    show: &mut dyn FnMut(FoundRecord<'_>) -> bool,
) -> Result<ScanEnd, Error> {
    let mut end = ScanEnd::default();
    let reader = file.reader();
    let mut scan = reader.scan_pages(reader.meta().high_water);
    while let Some(found) = scan.next() {
        let (pgid, scanned) = found?;
        let page = match scanned {
            Scanned::Leaf(page) => page,
            Scanned::Other => continue,
            Scanned::Damaged(damage) => {
                end.note(format!("page {pgid}: {}", damage.what));
                continue;
            }
        };
        scan.skip_pages(page.data().len() as u64 / u64::from(reader.page_size()) - 1);
        if !show_page(&page, from, show, &mut end) {
            break;
        }
    }
    Ok(end)
}

fn show_page(
    page: &Page<Bytes>,
    from: i64,
    show: &mut dyn FnMut(FoundRecord<'_>) -> bool,
    end: &mut ScanEnd,
) -> bool {
    for index in 0..page.count() {
        let (_, key, value) = match page.leaf_ref(index) {
            Ok(element) => element,
            Err(damage) => {
                end.note(format!("page {}: {}", page.pgid(), damage.what));
                return true;
            }
        };
        let at = match RevisionKey::decode(key) {
            Ok(at) => at,
            // A page of another bucket contains no history.
            Err(_) if bucket::ALL.contains(&key) => return true,
            Err(problem) => {
                let key = show_key(key);
                end.note(format!(
                    "page {}: element {index}, key {key}: {problem}",
                    page.pgid()
                ));
                continue;
            }
        };
        if from != 0 && at.revision.main < from {
            continue;
        }
        end.records += 1;
        let record = FoundRecord {
            page: page.pgid(),
            index,
            last_index: page.count() - 1,
            key,
            value,
        };
        if !show(record) {
            return false;
        }
    }
    true
}
