//! The corpus of the fuzzer as a plain test: runs every target on every seed and on slightly changed copies of it.

use std::{fs, path::Path};

#[path = "../../fuzz/src/targets.rs"]
mod targets;

use crate::random::Random;

type Target = (&'static str, fn(&[u8]));

const TARGETS: [Target; 5] = [
    ("bolt", targets::bolt),
    ("snapshot", targets::snapshot),
    ("offline", targets::offline),
    ("wal", targets::wal),
    ("records", targets::records),
];

/// Number of changed copies of each seed.
const COPIES: usize = 20;

#[test]
fn every_seed_goes_through_its_target() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    let mut total = 0;
    for (name, target) in TARGETS {
        let mut random = Random::new(1);
        let mut seeds = 0;
        for seed in fs::read_dir(corpus.join(name)).unwrap() {
            let bytes = fs::read(seed.unwrap().path()).unwrap();
            total += bytes.len();
            seeds += 1;
            target(&bytes);
            for _ in 0..COPIES {
                let mut changed = bytes.clone();
                for _ in 0..1 + random.within(0..4) {
                    if let Some(byte) =
                        changed.get_mut(random.within(0..bytes.len().max(1) as u64) as usize)
                    {
                        *byte ^= 1 << random.within(0..8);
                    }
                }
                target(&changed);
            }
        }
        assert!(seeds >= 5, "{name} has {seeds} seeds");
    }
    assert!(total < 1 << 20, "the corpus is small: {total}");
}
