//! Which pages can be written: those that no tree uses, and those that only readers which have ended could see.
//!
//! A page born in transaction A and freed by transaction N is visible to readers of A to N - 1. When N is durable, the
//! page is pinned by the newest such reader still alive. When that reader ends, the page is pinned by the next older
//! one that can see it, or becomes free if there is none:
//!
//! ```text
//! born 5, freed by 9, readers 3 and 7 alive: pinned by 7. When 7 ends: 3 < 5 never saw it, so it is free.
//! ```

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

/// Runs of free pages.
#[derive(Default, Debug)]
pub(crate) struct Free {
    by_start: BTreeMap<u64, u64>,
    by_len: BTreeSet<(u64, u64)>,
    pages: u64,
}

impl Free {
    /// Number of free pages.
    pub fn pages(&self) -> u64 {
        self.pages
    }

    /// Whether any of the `n` pages from `start` on is free.
    pub fn overlaps(&self, start: u64, n: u64) -> bool {
        self.by_start
            .range(..start + n)
            .next_back()
            .is_some_and(|(s, len)| s + len > start)
    }

    /// The runs, in order.
    pub fn runs(&self) -> impl Iterator<Item = (u64, u64)> {
        self.by_start.iter().map(|(s, n)| (*s, *n))
    }

    pub fn add(&mut self, mut start: u64, mut n: u64) {
        debug_assert!(!self.overlaps(start, n), "page {start} freed twice");
        self.pages += n;
        if let Some((&s, &len)) = self.by_start.range(..start).next_back()
            && s + len == start
        {
            self.cut(s, len);
            (start, n) = (s, n + len);
        }
        if let Some(&len) = self.by_start.get(&(start + n)) {
            self.cut(start + n, len);
            n += len;
        }
        self.by_start.insert(start, n);
        self.by_len.insert((n, start));
    }

    fn cut(&mut self, start: u64, n: u64) {
        self.by_start.remove(&start);
        self.by_len.remove(&(n, start));
    }

    /// Removes the smallest run of at least `n` pages and returns all of it.
    fn take_fitting(&mut self, n: u64) -> Option<(u64, u64)> {
        let &(len, start) = self.by_len.range((n, 0)..).next()?;
        self.cut(start, len);
        self.pages -= len;
        Some((start, len))
    }

    /// Removes the largest run and returns all of it.
    fn take_largest(&mut self) -> Option<(u64, u64)> {
        let &(len, start) = self.by_len.last()?;
        self.cut(start, len);
        self.pages -= len;
        Some((start, len))
    }
}

/// If at most this many pages are free, a commit may take new pages at the end of the file in order to get long runs.
/// In a small file, the limit is a quarter of its pages.
const FEW: u64 = 64;
/// In a large file, the limit grows by one page for every this many pages.
const SCATTERED: u64 = 64;

/// The pages that one commit takes, in long runs where possible, so that it needs few writes. If there are only a few
/// scattered free pages, it takes new ones at the end of the file, which form a run when they are freed again.
///
/// If the commit fails, [`Allocation::undo`] gives all pages back.
pub(crate) struct Allocation<'f> {
    free: &'f mut Free,
    taken: Vec<(u64, u64)>,
    run: (u64, u64),
    high_water: u64,
    expected: u64,
    /// If no free run is this long, prefer the end of the file.
    row: u64,
    /// Number of pages at the end of the file that are allocated but not claimed.
    spare_pages: u64,
    at_end: bool,
}

impl<'f> Allocation<'f> {
    /// `expected` is the estimated number of pages that will be taken.
    pub fn new(free: &'f mut Free, high_water: u64, expected: u64) -> Allocation<'f> {
        Allocation {
            free,
            taken: Vec::new(),
            run: (0, 0),
            high_water,
            expected,
            row: 0,
            spare_pages: 0,
            at_end: false,
        }
    }

    /// Permits taking up to `spare_pages` pages at the end of the file although others are free. `last_commit_pages` is
    /// the number of pages that the last commit took.
    pub fn at_end(self, last_commit_pages: u64, spare_pages: u64) -> Allocation<'f> {
        let few = self.free.pages <= FEW.min(self.high_water / 4) + self.high_water / SCATTERED;
        Allocation {
            row: last_commit_pages.min(self.expected),
            spare_pages: if few { spare_pages } else { 0 },
            ..self
        }
    }

    /// Whether the next page should come from the end of the file.
    fn wants_end(&self) -> bool {
        let longest = self.free.by_len.last().map_or(0, |(len, _)| *len);
        self.spare_pages > 0 && (self.at_end || longest < self.row)
    }

    /// Takes `n` consecutive pages and returns the first.
    pub fn take(&mut self, n: u64) -> u64 {
        if self.run.1 < n && n == 1 && self.wants_end() {
            self.at_end = true;
            self.spare_pages -= 1;
            self.high_water += 1;
            return self.high_water - 1;
        }
        if self.run.1 < n {
            let next = match n {
                1 => self
                    .free
                    .take_fitting(self.expected.max(1))
                    .or_else(|| self.free.take_largest()),
                _ => self
                    .free
                    .take_fitting(n.max(self.expected))
                    .or_else(|| self.free.take_fitting(n)),
            };
            match next {
                Some(run) => {
                    self.put_back();
                    self.run = run;
                }
                None => {
                    let start = self.high_water;
                    self.high_water += n;
                    return start;
                }
            }
        }
        let start = self.run.0;
        self.run = (start + n, self.run.1 - n);
        self.expected = self.expected.saturating_sub(n);
        self.row = self.row.saturating_sub(n);
        self.taken.push((start, n));
        start
    }

    fn put_back(&mut self) {
        let (start, n) = std::mem::take(&mut self.run);
        if n > 0 {
            self.free.add(start, n);
        }
    }

    /// Ends the allocation. Returns the new high-water mark, and what to undo if the commit fails.
    pub fn finish(mut self) -> (u64, Taken) {
        self.put_back();
        (self.high_water, Taken(self.taken))
    }

    /// Ends the allocation and gives all pages back.
    pub fn undo(mut self) {
        self.put_back();
        Taken(self.taken).undo(self.free);
    }
}

/// The free pages that a commit took.
#[derive(Default)]
pub(crate) struct Taken(Vec<(u64, u64)>);

impl Taken {
    /// Gives the pages back after a failed commit.
    pub fn undo(self, free: &mut Free) {
        for (start, n) in self.0 {
            free.add(start, n);
        }
    }
}

/// A run of pages that a reader can still see.
struct Pinned {
    born: u64,
    start: u64,
    pages: u64,
}

/// Pages freed by durable transactions, by the newest living reader that can see them.
#[derive(Default)]
pub(crate) struct Pins {
    by_reader: BTreeMap<u64, Vec<Pinned>>,
    /// The transaction that wrote a page, by first page. Recorded only while there is a reader older than that
    /// transaction.
    born: HashMap<u64, u64>,
    births: VecDeque<(u64, Vec<u64>)>,
    pages: u64,
}

impl Pins {
    /// Records the pages that transaction `txid` wrote.
    pub fn note_births(&mut self, txid: u64, starts: Vec<u64>) {
        self.born.extend(starts.iter().map(|s| (*s, txid)));
        self.births.push_back((txid, starts));
    }

    /// Forgets births up to `oldest`, the transaction of the oldest reader.
    pub fn forget_births(&mut self, oldest: u64) {
        while self.births.front().is_some_and(|(txid, _)| *txid <= oldest) {
            let Some((txid, starts)) = self.births.pop_front() else {
                break;
            };
            for s in starts {
                if self.born.get(&s) == Some(&txid) {
                    self.born.remove(&s);
                }
            }
        }
    }

    /// Adds the pages that a transaction freed. `readers` are the transactions of living readers, ascending.
    pub fn add(&mut self, freed: Vec<(u64, u64)>, readers: &[u64], free: &mut Free) {
        for (start, pages) in freed {
            let born = self.born.remove(&start).unwrap_or(0);
            self.pages += pages;
            self.settle(Pinned { born, start, pages }, readers, free);
        }
    }

    fn settle(&mut self, p: Pinned, readers: &[u64], free: &mut Free) {
        match readers.last().filter(|r| **r >= p.born) {
            Some(reader) => self.by_reader.entry(*reader).or_default().push(p),
            None => {
                self.pages -= p.pages;
                free.add(p.start, p.pages);
            }
        }
    }

    /// Reassigns or frees the pages pinned by readers that have ended. `readers` are the transactions of those still
    /// alive, ascending.
    pub fn release(&mut self, readers: &[u64], free: &mut Free) {
        let ended: Vec<u64> = self
            .by_reader
            .keys()
            .rev()
            .filter(|r| readers.binary_search(r).is_err())
            .copied()
            .collect();
        for reader in ended {
            let older = &readers[..readers.partition_point(|r| *r < reader)];
            for p in self.by_reader.remove(&reader).unwrap_or_default() {
                self.settle(p, older, free);
            }
        }
    }

    /// Number of pinned pages.
    pub fn pages(&self) -> u64 {
        self.pages
    }

    /// The pinned runs.
    pub fn runs(&self) -> impl Iterator<Item = (u64, u64)> {
        self.by_reader
            .values()
            .flatten()
            .map(|p| (p.start, p.pages))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_become_one_run() {
        let mut f = Free::default();
        f.add(5, 1);
        f.add(7, 2);
        f.add(6, 1);
        assert_eq!(f.runs().collect::<Vec<_>>(), [(5, 4)]);
        assert_eq!(f.pages(), 4);
        assert!(f.overlaps(8, 3) && !f.overlaps(9, 3) && !f.overlaps(2, 3));
    }

    #[test]
    fn an_allocation_that_is_undone_leaves_no_trace() {
        let mut f = Free::default();
        f.add(3, 4);
        f.add(10, 2);
        f.add(20, 1);
        let before: Vec<_> = f.runs().collect();
        let mut a = Allocation::new(&mut f, 30, 3);
        let got: Vec<u64> = [1, 1, 2, 1, 1, 2, 5].iter().map(|n| a.take(*n)).collect();
        assert_eq!(got, [3, 4, 5, 20, 10, 30, 32]);
        a.undo();
        assert_eq!(f.runs().collect::<Vec<_>>(), before);
    }

    #[test]
    fn scattered_pages_wait_while_they_are_few_and_there_is_room_at_the_end() {
        let scattered = |n: u64| {
            let mut f = Free::default();
            (0..n).for_each(|i| f.add(2 + 2 * i, 1));
            f
        };
        let take = |f: &mut Free, last_commit_pages, spare_pages| {
            let mut a = Allocation::new(f, 1000, 8).at_end(last_commit_pages, spare_pages);
            let got: Vec<u64> = (0..4).map(|_| a.take(1)).collect();
            let (high_water, taken) = a.finish();
            taken.undo(f);
            (got, high_water)
        };
        let mut few = scattered(FEW);
        let before: Vec<_> = few.runs().collect();
        let at_end = (vec![1000, 1001, 1002, 1003], 1004);
        assert_eq!(take(&mut few, 4, 100), at_end);
        // At most the spare pages, and none for a commit that needs a single page.
        assert_eq!(take(&mut few, 4, 2), (vec![1000, 1001, 128, 126], 1002));
        assert_eq!(take(&mut few, 4, 0), (vec![128, 126, 124, 122], 1000));
        assert_eq!(take(&mut few, 1, 100), (vec![128, 126, 124, 122], 1000));
        assert_eq!(few.runs().collect::<Vec<_>>(), before);
        let mut many = scattered(FEW + 1000 / SCATTERED + 1);
        assert_eq!(take(&mut many, 4, 100).1, 1000);
        // Sufficiently long runs are preferred.
        few.add(500, 4);
        assert_eq!(take(&mut few, 4, 100), (vec![500, 501, 502, 503], 1000));
    }

    /// The example at the head of this file.
    #[test]
    fn pages_between_two_readers_are_released() {
        let (mut pins, mut free) = (Pins::default(), Free::default());
        pins.note_births(5, vec![40]);
        pins.add(vec![(40, 2), (50, 1)], &[3, 7], &mut free);
        assert_eq!((pins.pages(), free.pages()), (3, 0));
        pins.release(&[3], &mut free);
        assert_eq!(free.runs().collect::<Vec<_>>(), [(40, 2)]);
        assert_eq!(pins.runs().collect::<Vec<_>>(), [(50, 1)]);
        pins.release(&[], &mut free);
        assert_eq!((pins.pages(), free.pages()), (0, 3));
    }
}
