//! The user keys that a history has seen, each with a small number, in little memory: a table of
//! places into one run of bytes. A million keys of 20 bytes take some 40 MiB.

use std::hash::BuildHasher as _;

use hashbrown::{DefaultHashBuilder, HashTable, hash_table::Entry};

/// Keys are laid out at multiples of this, so that a place fits 32 bits up to 16 GiB of keys.
const ALIGN: usize = 4;
/// Before each key: its length u32 and its mark u32, native order.
const HEADER: usize = 8;

/// Keys with a mark each. Never forgets a key.
#[derive(Default)]
pub(super) struct KeySet {
    bytes: Vec<u8>,
    slots: HashTable<Slot>,
    hasher: DefaultHashBuilder,
}

/// Where a key lies, and half of its hash: growing the table then touches no key.
struct Slot {
    place: u32,
    hash: u32,
}

/// Spreads half a hash over the 64 bits that the table looks at.
fn spread(hash: u32) -> u64 {
    u64::from(hash).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// More keys than 32 bits can place: 16 GiB of them.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Full;

impl KeySet {
    /// Sets the mark of `key`, and gives back the one before; a new key had 0.
    pub fn set(&mut self, key: &[u8], mark: u32) -> Result<u32, Full> {
        let bytes = &self.bytes;
        // The upper half is as good as the lower.
        let hash = (self.hasher.hash_one(key) >> 32) as u32;
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
                Ok(old)
            }
            Entry::Vacant(e) => {
                let place = u32::try_from(self.bytes.len() / ALIGN).map_err(|_| Full)?;
                let len = u32::try_from(key.len()).map_err(|_| Full)?;
                e.insert(Slot { place, hash });
                self.bytes.extend_from_slice(&len.to_ne_bytes());
                self.bytes.extend_from_slice(&mark.to_ne_bytes());
                self.bytes.extend_from_slice(key);
                let end = self.bytes.len().next_multiple_of(ALIGN);
                self.bytes.resize(end, 0);
                Ok(0)
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
    fn remembers_marks() {
        let mut set = KeySet::default();
        for i in 0..5000u32 {
            let key = format!("key-{i}").repeat(i as usize % 3);
            let old = set.set(key.as_bytes(), i + 1).unwrap();
            // Every third key is the empty one.
            assert_eq!(old, if i % 3 == 0 && i > 0 { i - 2 } else { 0 }, "{i}");
        }
        assert_eq!(set.set(b"key-1", 9), Ok(2));
        assert_eq!(set.set(b"key-1", 9), Ok(9));
        assert_eq!(set.set(b"", 0), Ok(4999));
    }
}
