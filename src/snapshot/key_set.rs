//! The set of user keys in a history, and whether each is live. Saves memory by storing the keys contiguously, with a
//! table of offsets. A million keys of 20 bytes take about 40 MiB.

use std::hash::BuildHasher as _;

use hashbrown::{DefaultHashBuilder, HashTable, hash_table::Entry};

/// Keys are stored at multiples of this, so that 32-bit offsets can address 16 GiB of keys.
const ALIGN: usize = 4;
/// Each key is preceded by its length and its mark, both u32 in native byte order.
const HEADER: usize = 8;

/// Number of keys that are looked up together. Each lookup is a cache miss; batching lets the misses overlap.
const TOGETHER: usize = 64;
/// A batch is also looked up when its keys have this many bytes.
const ENOUGH: usize = 64 << 10;

const LIVE: u32 = 1;
const DEAD: u32 = 0;

/// A set of keys, each live or deleted. Keys are never removed.
#[derive(Default)]
pub(super) struct KeySet {
    bytes: Vec<u8>,
    slots: HashTable<Slot>,
    hasher: DefaultHashBuilder,
    live: i64,
    waiting: Vec<Waiting>,
    waiting_bytes: Vec<u8>,
}

/// The offset of a key, and half of its hash, so that growing the table does not access the keys.
struct Slot {
    place: u32,
    hash: u32,
}

/// A key waiting to be looked up, with its end offset in the buffer of waiting keys.
struct Waiting {
    end: usize,
    hash: u32,
    mark: u32,
}

/// Extends half a hash to the 64 bits that the table uses.
fn spread(hash: u32) -> u64 {
    u64::from(hash).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// The keys exceed the 16 GiB that 32-bit offsets can address.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooLarge;

impl KeySet {
    /// Sets whether `key` is live from now on.
    pub fn mark(&mut self, key: &[u8], live: bool) -> Result<(), TooLarge> {
        let most = self.bytes.len()
            + self.waiting_bytes.len()
            + key.len()
            + (self.waiting.len() + 1) * (HEADER + ALIGN);
        if most / ALIGN > u32::MAX as usize || key.len() > u32::MAX as usize {
            return Err(TooLarge);
        }
        self.waiting_bytes.extend_from_slice(key);
        self.waiting.push(Waiting {
            end: self.waiting_bytes.len(),
            // Either half of the hash will do.
            hash: (self.hasher.hash_one(key) >> 32) as u32,
            mark: if live { LIVE } else { DEAD },
        });
        if self.waiting.len() == TOGETHER || self.waiting_bytes.len() > ENOUGH {
            self.settle();
        }
        Ok(())
    }

    /// Number of live keys.
    pub fn live(&mut self) -> i64 {
        self.settle();
        self.live
    }

    fn settle(&mut self) {
        let (waiting, keys) = (
            std::mem::take(&mut self.waiting),
            std::mem::take(&mut self.waiting_bytes),
        );
        // Load the table entries into the cache, all at the same time.
        for w in &waiting {
            let near = self.slots.find(spread(w.hash), |slot| slot.hash == w.hash);
            std::hint::black_box(near);
        }
        let mut start = 0;
        for w in &waiting {
            let old = self.set(&keys[start..w.end], w.hash, w.mark);
            self.live += i64::from(w.mark) - i64::from(old);
            start = w.end;
        }
        (self.waiting, self.waiting_bytes) = (waiting, keys);
        self.waiting.clear();
        self.waiting_bytes.clear();
    }

    /// Sets the mark of `key` and returns the previous one; a new key counts as deleted. [`KeySet::mark`] has made sure
    /// that there is space.
    fn set(&mut self, key: &[u8], hash: u32, mark: u32) -> u32 {
        let bytes = &self.bytes;
        let entry = self.slots.entry(
            spread(hash),
            |slot| slot.hash == hash && key_at(bytes, slot.place) == key,
            |slot| spread(slot.hash),
        );
        match entry {
            Entry::Occupied(e) => {
                let at = e.get().place as usize * ALIGN;
                let old = u32_at(&self.bytes, at + 4);
                if let Some(stored) = self.bytes.get_mut(at + 4..at + HEADER) {
                    stored.copy_from_slice(&mark.to_ne_bytes());
                }
                old
            }
            Entry::Vacant(e) => {
                let place = (self.bytes.len() / ALIGN) as u32;
                e.insert(Slot { place, hash });
                self.bytes
                    .extend_from_slice(&(key.len() as u32).to_ne_bytes());
                self.bytes.extend_from_slice(&mark.to_ne_bytes());
                self.bytes.extend_from_slice(key);
                let end = self.bytes.len().next_multiple_of(ALIGN);
                self.bytes.resize(end, 0);
                DEAD
            }
        }
    }
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes
        .get(at..)
        .and_then(|b| b.first_chunk())
        .map_or(0, |b| u32::from_ne_bytes(*b))
}

fn key_at(bytes: &[u8], place: u32) -> &[u8] {
    let at = place as usize * ALIGN;
    let len = u32_at(bytes, at) as usize;
    bytes
        .get(at + HEADER..at + HEADER + len)
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_what_is_live() {
        let mut set = KeySet::default();
        for i in 0..5000u32 {
            // Every third key is empty.
            let key = format!("key-{i}").repeat(i as usize % 3);
            assert_eq!(set.mark(key.as_bytes(), true), Ok(()));
        }
        assert_eq!(set.live(), 3334);
        for live in [false, false, true, true, false] {
            assert_eq!(set.mark(b"key-1", live), Ok(()));
        }
        assert_eq!(set.mark(b"never seen", false), Ok(()));
        assert_eq!(set.live(), 3333);
        assert_eq!(set.mark(b"", false), Ok(()));
        assert_eq!(set.live(), 3332);
        // Long keys are not batched.
        for end in 0..9 {
            assert_eq!(set.mark(&vec![end; 50_000], true), Ok(()));
        }
        assert_eq!(set.mark(&[3; 50_000], false), Ok(()));
        assert_eq!(set.live(), 3332 + 8);
    }
}
