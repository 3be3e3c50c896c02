//! Records of the history in all leaf pages of a file, those that no tree reaches included, as
//! `etcd-dump-db scan-keys` shows them. Source: etcd v3.7.1, tools/etcd-dump-db/scan.go.

use bytes::Bytes;

use crate::{
    bolt::{Page, Scanned},
    schema::{bucket, key::RevisionKey, show_key},
    snapshot::{Error, SnapshotFile},
};

/// A record that was found.
#[derive(Clone, Copy, Debug)]
pub struct FoundRecord<'a> {
    /// The page it stands in.
    pub page: u64,
    /// Its place in that page.
    pub index: usize,
    /// The last place in that page.
    pub last_index: usize,
    /// As it stands in the file.
    pub key: &'a [u8],
    /// As it stands in the file.
    pub value: &'a [u8],
}

/// How a scan has ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScanEnd {
    /// Records shown.
    pub records: u64,
    /// What could not be read, at most `MAX_PROBLEMS` of them.
    pub problems: Vec<String>,
    /// How many things could not be read.
    pub unreadable: u64,
}

/// Problems that are kept.
pub const MAX_PROBLEMS: usize = 1000;

impl ScanEnd {
    fn note(&mut self, problem: String) {
        self.unreadable += 1;
        if self.problems.len() < MAX_PROBLEMS {
            self.problems.push(problem);
        }
    }
}

/// Shows every record of the history from revision `from` on (0: all) that stands in any leaf page, until
/// `show` says false.
///
/// # Errors
/// The file cannot be read. What is damaged is counted and passed over.
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
            // A page of another bucket holds no history at all.
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
