//! Parts of a reply with a long list, which is written piece by piece.

use std::io;

use serde::Serialize;

use crate::golang::json;

/// A part of an answer whose list of keys or events is written piece by piece.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Part {
    /// Everything.
    #[default]
    Whole,
    /// The header and the first entries, of which there is at least one.
    First,
    /// More entries.
    Middle,
    /// The last entries, and what follows them.
    Last,
}

impl Part {
    /// The part at this place.
    pub fn at(first: bool, last: bool) -> Part {
        match (first, last) {
            (true, true) => Part::Whole,
            (true, false) => Part::First,
            (false, false) => Part::Middle,
            (false, true) => Part::Last,
        }
    }

    /// Whether it begins the answer.
    pub(super) fn is_first(self) -> bool {
        matches!(self, Part::Whole | Part::First)
    }

    /// Whether it ends the answer.
    pub(super) fn is_last(self) -> bool {
        matches!(self, Part::Whole | Part::Last)
    }

    /// Appends the entries of this part to a list in JSON, to which earlier parts may have added some.
    pub(super) fn append_entries(
        self,
        entries: impl Iterator<Item = impl Serialize>,
        text: &mut Vec<u8>,
    ) -> io::Result<()> {
        for (at, entry) in entries.enumerate() {
            if at > 0 || !self.is_first() {
                text.push(b',');
            }
            json::append(&entry, text)?;
        }
        Ok(())
    }
}
