//! Cleaning up when a signal ends a command that builds large files outside the runtime.

use crate::{files::unfinished, process::signals};

/// Makes the signals that end the process remove the files that it has not finished. Call this before the command starts to
/// write, and after it has read its last input.
pub fn remove_unfinished_on_signals() {
    // If it fails, a signal leaves these files behind, and the next run removes them.
    let _ = signals::clean_up_before_end(unfinished::remove_all);
}
