//! The consistency of the records of each key.
//!
//! ```text
//! revision   4          6          9          12
//! record     version 1  version 2  deletion   version 1     of one key
//! created    4          4          -          12
//! ```
//!
//! A compaction removes records only from the beginning, so each remaining record continues the one before it. The
//! first remaining one may continue a removed one, if it is not newer than the compaction.

use crate::{
    schema::key::{KeyValueRef, RevisionKey},
    snapshot::key_set::{KeySet, TooLarge},
};

/// The last record of a key.
#[derive(Clone, Copy, Debug)]
struct State {
    /// Main revision.
    at: i64,
    created: i64,
    /// 0 for a deletion.
    version: i64,
}

/// Follows every key through the history.
#[derive(Default)]
pub(super) struct Histories {
    keys: KeySet<State>,
    breaks: Breaks,
}

#[derive(Default)]
struct Breaks {
    /// The first record that does not continue the one before it.
    first: Option<String>,
    count: usize,
    /// The newest record whose predecessor is missing: its revision and version.
    orphan: Option<(i64, i64)>,
}

impl Breaks {
    fn look(&mut self, before: Option<&State>, now: &State) {
        let continues = match before {
            None if now.version == 1 => true,
            None => {
                self.orphan = Some((now.at, now.version));
                true
            }
            // A key that does not exist cannot be deleted.
            Some(before) if before.version == 0 => now.version == 1,
            Some(_) if now.version == 0 => true,
            Some(before) => {
                now.version == before.version.saturating_add(1) && now.created == before.created
            }
        };
        if continues {
            return;
        }
        self.count += 1;
        if let (None, Some(before)) = (&self.first, before) {
            self.first = Some(format!(
                "the record at {} {} does not continue the one of the same key at {}, {}",
                now.at,
                describe(now),
                before.at,
                describe(before)
            ));
        }
    }
}

fn describe(state: &State) -> String {
    match state.version {
        0 => "(a deletion)".into(),
        version => format!("(version {version}, created at {})", state.created),
    }
}

impl Histories {
    /// Adds the next record.
    pub fn add(&mut self, at: RevisionKey, kv: KeyValueRef<'_>) -> Result<(), TooLarge> {
        let state = match at.tombstone {
            true => State {
                at: at.revision.main,
                created: 0,
                version: 0,
            },
            false => State {
                at: at.revision.main,
                created: kv.create_revision,
                version: kv.version,
            },
        };
        let Histories { keys, breaks } = self;
        keys.set(kv.key, state, &mut |old, new| breaks.look(old, new))
    }

    fn states(&mut self) -> &[State] {
        let Histories { keys, breaks } = self;
        keys.states(&mut |old, new| breaks.look(old, new))
    }

    /// The number of keys that ever existed, and of live keys.
    pub fn count(&mut self) -> (u64, u64) {
        let states = self.states();
        let live = states.iter().filter(|state| state.version > 0);
        (states.len() as u64, live.count() as u64)
    }

    /// The inconsistency of a history that was compacted at `compacted`, if any.
    pub fn broken(&mut self, compacted: i64) -> Option<String> {
        self.states();
        if let Some(first) = &self.breaks.first {
            return Some(match self.breaks.count {
                1 => first.clone(),
                n => format!("{first} (and {} more)", n - 1),
            });
        }
        match self.breaks.orphan {
            Some((at, 0)) if at > compacted => Some(format!(
                "the record at {at} deletes a key whose earlier records are missing"
            )),
            Some((at, version)) if at > compacted => Some(format!(
                "the record at {at} is version {version} of a key whose earlier records are missing"
            )),
            _ => None,
        }
    }
}
