//! The leases of live keys. Stores a hash of each key with a lease instead of the key, so that a restore can afford it.

use std::{
    collections::{HashMap, hash_map::RandomState},
    hash::BuildHasher as _,
};

/// Follows the keys of a history that are attached to a lease. About 30 bytes for each key that has one.
#[derive(Default)]
pub(super) struct Leased {
    hasher: RandomState,
    /// The lease of a key, by the hash of the key.
    leases: HashMap<u64, i64>,
}

impl Leased {
    /// Adds the next record of `key`. `lease` is 0 if the record has none, or deletes the key.
    pub fn add(&mut self, key: &[u8], lease: i64) {
        if lease == 0 && self.leases.is_empty() {
            return;
        }
        let hash = self.hasher.hash_one(key);
        match lease {
            0 => self.leases.remove(&hash),
            lease => self.leases.insert(hash, lease),
        };
    }

    /// The leases, each once per key.
    pub fn ids(&self) -> impl Iterator<Item = i64> {
        self.leases.values().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_record_of_a_key_counts() {
        let mut leased = Leased::default();
        for (key, lease) in [("a", 0), ("a", 7), ("b", 8), ("c", 9), ("b", 0), ("c", 10)] {
            leased.add(key.as_bytes(), lease);
        }
        let mut ids: Vec<i64> = leased.ids().collect();
        ids.sort_unstable();
        assert_eq!(ids, [7, 10]);
    }
}
