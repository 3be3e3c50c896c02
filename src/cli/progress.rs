//! Progress for a person at a terminal: on stderr, after a moment, and gone when done.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::ui::Ui;

/// Work that is done sooner shows nothing.
const DELAY: Duration = Duration::from_millis(400);
/// Between two frames of a spinner.
const TICK: Duration = Duration::from_millis(120);

fn style(template: &str) -> ProgressStyle {
    // A template of ours that does not parse is as good as none.
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_spinner())
        .tick_chars("|/-\\ ")
        .progress_chars("=> ")
}

/// Says what is being waited for, and for how long already.
pub struct Spinner {
    task: Option<tokio::task::JoinHandle<()>>,
    bar: ProgressBar,
}

impl Spinner {
    /// Shows `message` from [`DELAY`] on until it is dropped.
    pub fn start(ui: &Ui, message: &str) -> Spinner {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden())
            .with_style(style("{spinner} {msg} {elapsed}"))
            .with_message(message.to_owned());
        let task = ui.stderr_is_terminal().then(|| {
            let bar = bar.clone();
            tokio::spawn(async move {
                tokio::time::sleep(DELAY).await;
                bar.set_draw_target(ProgressDrawTarget::stderr());
                bar.enable_steady_tick(TICK);
            })
        });
        Spinner { task, bar }
    }
}

impl Drop for Spinner {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
        self.bar.finish_and_clear();
    }
}

/// Bytes that have come, and how many are still to come where that is known.
pub struct Bytes {
    bar: ProgressBar,
    terminal: bool,
    start: Instant,
    shown: bool,
}

impl Bytes {
    /// Nothing has come yet.
    pub fn start(ui: &Ui) -> Bytes {
        Bytes {
            bar: ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden()),
            terminal: ui.stderr_is_terminal(),
            start: Instant::now(),
            shown: false,
        }
    }

    /// `done` bytes have come; `left` are to come, 0 where an old server does not say.
    pub fn update(&mut self, done: u64, left: u64) {
        if !self.terminal {
            return;
        }
        if !self.shown && self.start.elapsed() >= DELAY {
            self.shown = true;
            let template = if left > 0 {
                "[{bar:30}] {bytes}/{total_bytes} {binary_bytes_per_sec} {eta} left"
            } else {
                "{spinner} {bytes} {binary_bytes_per_sec} {elapsed}"
            };
            self.bar.set_style(style(template));
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
        }
        if left > 0 {
            self.bar.set_length(done + left);
        }
        self.bar.set_position(done);
    }
}

impl Drop for Bytes {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
