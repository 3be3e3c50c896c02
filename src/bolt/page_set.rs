//! A set of page numbers. Allocates memory only for ranges that have members, so that a file with a wrong size is
//! harmless.

use std::collections::HashMap;

/// A set of page numbers, allocated by ranges.
#[derive(Default)]
pub(crate) struct PageSet {
    words: HashMap<u64, [u64; PageSet::WORDS]>,
    len: u64,
}

impl PageSet {
    const WORDS: usize = 64;
    const BITS: u64 = 64 * Self::WORDS as u64;

    /// Adds `pages` numbers from `first` on. Returns the first of them that was already a member.
    pub fn insert(&mut self, first: u64, pages: u64) -> Option<u64> {
        let mut twice = None;
        let mut id = first;
        let end = first + pages;
        while id < end {
            let block = self
                .words
                .entry(id / Self::BITS)
                .or_insert([0; Self::WORDS]);
            let stop = end.min((id / Self::BITS + 1) * Self::BITS);
            while id < stop {
                let bit = id % 64;
                let n = (64 - bit).min(stop - id);
                let mask = if n == 64 {
                    u64::MAX
                } else {
                    ((1 << n) - 1) << bit
                };
                let word = &mut block[(id % Self::BITS / 64) as usize];
                let both = *word & mask;
                if both != 0 && twice.is_none() {
                    twice = Some(id - bit + u64::from(both.trailing_zeros()));
                }
                self.len += u64::from((mask & !*word).count_ones());
                *word |= mask;
                id += n;
            }
        }
        twice
    }

    pub fn contains(&self, id: u64) -> bool {
        let block = self.words.get(&(id / Self::BITS));
        block.is_some_and(|b| b[(id % Self::BITS / 64) as usize] >> (id % 64) & 1 == 1)
    }

    /// Number of pages in the set.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// The runs of numbers from `first` to `end` (exclusive) that are not in the set.
    pub fn gaps(&self, first: u64, end: u64) -> impl Iterator<Item = (u64, u64)> {
        let mut at = first;
        std::iter::from_fn(move || {
            while at < end && self.contains(at) {
                at += 1;
            }
            let start = at;
            while at < end && !self.contains(at) {
                at += 1;
            }
            (at > start).then_some((start, at - start))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_across_words_and_blocks() {
        let mut s = PageSet::default();
        assert_eq!(s.insert(60, 10), None);
        assert_eq!(s.insert(4090, 5000), None);
        assert_eq!(s.len(), 5010);
        assert!(s.contains(60) && s.contains(69) && s.contains(9089));
        assert!(!s.contains(59) && !s.contains(70) && !s.contains(9090));
        assert_eq!(s.insert(65, 3), Some(65));
        assert_eq!(s.insert(9000, 200), Some(9000));
        assert_eq!(s.len(), 5010 + 110);
        assert_eq!(s.gaps(2, 80).collect::<Vec<_>>(), [(2, 58), (70, 10)]);
    }
}
