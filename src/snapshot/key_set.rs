//! The set of user keys in a history, with a state for each. Saves memory by storing the keys contiguously, with a table
//! of offsets. A million keys of 20 bytes take about 40 MiB, plus their states.

use std::hash::BuildHasher as _;

use hashbrown::{DefaultHashBuilder, HashTable, hash_table::Entry};

/// Keys are stored at multiples of this, so that 32-bit offsets can address 16 GiB of keys.
const ALIGN: usize = 4;
/// Each key is preceded by its length and the number of its state, both u32 in native byte order.
const HEADER: usize = 8;

/// Number of keys that are looked up together. Each lookup is a cache miss; batching lets the misses overlap.
const TOGETHER: usize = 64;
/// A batch is also looked up when its keys have this many bytes.
const ENOUGH: usize = 64 << 10;

/// A set of keys, each with its last state. Keys are never removed.
pub(super) struct KeySet<S> {
    bytes: Vec<u8>,
    slots: HashTable<Slot>,
    hasher: DefaultHashBuilder,
    states: Vec<S>,
    waiting: Vec<Waiting<S>>,
    waiting_bytes: Vec<u8>,
}

impl<S> Default for KeySet<S> {
    fn default() -> KeySet<S> {
        KeySet {
            bytes: Vec::new(),
            slots: HashTable::new(),
            hasher: DefaultHashBuilder::default(),
            states: Vec::new(),
            waiting: Vec::new(),
            waiting_bytes: Vec::new(),
        }
    }
}

/// The offset of a key, and half of its hash, so that growing the table does not access the keys.
struct Slot {
    place: u32,
    hash: u32,
}

/// A key waiting to be looked up, with its end offset in the buffer of waiting keys.
struct Waiting<S> {
    end: usize,
    hash: u32,
    state: S,
}

/// Extends half a hash to the 64 bits that the table uses.
fn spread(hash: u32) -> u64 {
    u64::from(hash).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// The keys exceed the 16 GiB that 32-bit offsets can address.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooLarge;

impl<S: Copy> KeySet<S> {
    /// Sets the state of `key`. Calls `change` with the previous state, if the key was known, and the new one. Such calls
    /// may be delayed, but they are made in order.
    pub fn set(
        &mut self,
        key: &[u8],
        state: S,
        change: &mut impl FnMut(Option<&S>, &S),
    ) -> Result<(), TooLarge> {
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
            state,
        });
        if self.waiting.len() == TOGETHER || self.waiting_bytes.len() > ENOUGH {
            self.settle(change);
        }
        Ok(())
    }

    /// The last state of every key, in the order in which the keys were first seen.
    pub fn states(&mut self, change: &mut impl FnMut(Option<&S>, &S)) -> &[S] {
        self.settle(change);
        &self.states
    }

    fn settle(&mut self, change: &mut impl FnMut(Option<&S>, &S)) {
        let (mut waiting, mut keys) = (
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
            self.replace(&keys[start..w.end], w.hash, w.state, change);
            start = w.end;
        }
        waiting.clear();
        keys.clear();
        (self.waiting, self.waiting_bytes) = (waiting, keys);
    }

    /// Sets the state of a key. [`KeySet::set`] has made sure that there is space for it.
    fn replace(
        &mut self,
        key: &[u8],
        hash: u32,
        state: S,
        change: &mut impl FnMut(Option<&S>, &S),
    ) {
        let bytes = &self.bytes;
        let entry = self.slots.entry(
            spread(hash),
            |slot| slot.hash == hash && key_at(bytes, slot.place) == key,
            |slot| spread(slot.hash),
        );
        match entry {
            Entry::Occupied(e) => {
                let number = u32_at(&self.bytes, e.get().place as usize * ALIGN + 4);
                if let Some(old) = self.states.get_mut(number as usize) {
                    change(Some(old), &state);
                    *old = state;
                }
            }
            Entry::Vacant(e) => {
                let place = (self.bytes.len() / ALIGN) as u32;
                e.insert(Slot { place, hash });
                let number = self.states.len() as u32;
                self.bytes
                    .extend_from_slice(&(key.len() as u32).to_ne_bytes());
                self.bytes.extend_from_slice(&number.to_ne_bytes());
                self.bytes.extend_from_slice(key);
                let end = self.bytes.len().next_multiple_of(ALIGN);
                self.bytes.resize(end, 0);
                change(None, &state);
                self.states.push(state);
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

    fn set(keys: &mut KeySet<bool>, key: &[u8], live: bool) {
        assert_eq!(keys.set(key, live, &mut |_, _| {}), Ok(()));
    }

    fn live(keys: &mut KeySet<bool>) -> usize {
        let states = keys.states(&mut |_, _| {});
        states.iter().filter(|live| **live).count()
    }

    #[test]
    fn counts_what_is_live() {
        let mut keys = KeySet::default();
        for i in 0..5000u32 {
            // Every third key is empty.
            let key = format!("key-{i}").repeat(i as usize % 3);
            set(&mut keys, key.as_bytes(), true);
        }
        assert_eq!(live(&mut keys), 3334);
        for live in [false, false, true, true, false] {
            set(&mut keys, b"key-1", live);
        }
        set(&mut keys, b"never seen", false);
        assert_eq!(live(&mut keys), 3333);
        set(&mut keys, b"", false);
        assert_eq!(live(&mut keys), 3332);
        // Long ones do not wait for others.
        for end in 0..9 {
            set(&mut keys, &vec![end; 50_000], true);
        }
        set(&mut keys, &[3; 50_000], false);
        assert_eq!(live(&mut keys), 3332 + 8);
    }

    #[test]
    fn changes_are_shown_in_order() {
        let (mut keys, mut seen) = (KeySet::default(), Vec::new());
        let mut change = |old: Option<&u32>, new: &u32| seen.push((old.copied(), *new));
        for n in 0..1000 {
            let key = [b'k', (n % 10) as u8];
            assert_eq!(keys.set(&key, n, &mut change), Ok(()));
        }
        assert_eq!(keys.states(&mut change).len(), 10);
        let before = |n: u32| n.checked_sub(10);
        assert!(seen.into_iter().eq((0..1000).map(|n| (before(n), n))));
    }
}
