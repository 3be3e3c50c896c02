//! Progress for a person at a terminal: one line on stderr, shown after a delay and erased at the end.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{
    terminal_line::{self, TerminalLine},
    ui::Ui,
};

/// Work that takes less time than this shows nothing.
const DELAY: Duration = Duration::from_millis(400);
/// Interval between two frames of a spinner.
const TICK: Duration = Duration::from_millis(120);
/// Terminals narrower than this many columns show nothing, because the line would wrap.
const NARROWEST: u16 = 13;
/// Frames per second.
const FRAMES: u8 = 20;

fn style(template: &str) -> ProgressStyle {
    // Show nothing if the template is invalid, which a test rules out.
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_spinner())
        .tick_chars("|/-\\ ")
        .progress_chars("=> ")
}

fn shows(ui: &Ui) -> bool {
    ui.shows_progress() && terminal_line::width() >= NARROWEST
}

fn line() -> ProgressDrawTarget {
    ProgressDrawTarget::term_like_with_hz(Box::<TerminalLine>::default(), FRAMES)
}

/// Shows what is being waited for, and how long already.
pub struct Spinner(Option<Spinning>);

struct Spinning {
    task: tokio::task::JoinHandle<()>,
    bar: ProgressBar,
}

impl Spinner {
    /// Shows `message` after [`DELAY`], until dropped.
    pub fn start(ui: &Ui, message: &str) -> Spinner {
        Spinner(shows(ui).then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden())
                .with_style(style("{spinner} {elapsed} {msg}"))
                .with_message(cut(message, terminal_line::width()));
            let drawn = bar.clone();
            let task = tokio::spawn(async move {
                tokio::time::sleep(DELAY).await;
                drawn.set_draw_target(line());
                drawn.enable_steady_tick(TICK);
            });
            Spinning { task, bar }
        }))
    }
}

/// The part of `message` that fits next to the spinner and the time on a line of `width` columns.
fn cut(message: &str, width: u16) -> String {
    message
        .chars()
        .take(usize::from(width).saturating_sub("| 12m ".len()))
        .collect()
}

impl Drop for Spinner {
    fn drop(&mut self) {
        if let Some(Spinning { task, bar }) = &self.0 {
            task.abort();
            bar.finish_and_clear();
        }
    }
}

/// Shows the number of bytes received, and the number remaining if known.
pub struct Bytes {
    bar: ProgressBar,
    shows: bool,
    start: Instant,
    shown: bool,
}

impl Bytes {
    /// Starts at 0 bytes.
    pub fn start(ui: &Ui) -> Bytes {
        Bytes {
            bar: ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden()),
            shows: shows(ui),
            start: Instant::now(),
            shown: false,
        }
    }

    /// Sets the number of bytes received and remaining; `left` is 0 if an old server does not send it.
    pub fn update(&mut self, done: u64, left: u64) {
        if !self.shows {
            return;
        }
        if !self.shown && self.start.elapsed() >= DELAY {
            self.shown = true;
            self.bar
                .set_style(style(template(terminal_line::width(), left > 0)));
            self.bar.set_draw_target(line());
        }
        if left > 0 {
            self.bar.set_length(done + left);
        }
        self.bar.set_position(done);
    }
}

/// Shows the number of completed steps out of a known total.
pub struct Steps {
    bar: ProgressBar,
    shows: bool,
    start: Instant,
    shown: std::cell::Cell<bool>,
}

impl Steps {
    /// Starts at 0 of `total` steps.
    pub fn start(ui: &Ui, total: u64) -> Steps {
        Steps {
            bar: ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::hidden()),
            shows: shows(ui),
            start: Instant::now(),
            shown: std::cell::Cell::new(false),
        }
    }

    /// Sets the number of completed steps.
    pub fn update(&self, done: u64) {
        if !self.shows {
            return;
        }
        if !self.shown.get() && self.start.elapsed() >= DELAY {
            self.shown.set(true);
            let template = match terminal_line::width() {
                48.. => "[{bar:20}] {percent}% {eta} left",
                _ => "{percent}% {eta}",
            };
            self.bar.set_style(style(template));
            self.bar.set_draw_target(line());
        }
        self.bar.set_position(done);
    }
}

impl Drop for Steps {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// The template that fits on a line of `width` columns even when its numbers are widest.
fn template(width: u16, length_known: bool) -> &'static str {
    match (length_known, width) {
        (true, 70..) => "[{bar:20}] {bytes}/{total_bytes} {binary_bytes_per_sec} {eta} left",
        (true, 48..) => "{bytes}/{total_bytes} {binary_bytes_per_sec} {eta} left",
        (true, _) => "{percent}% {eta}",
        (false, 37..) => "{spinner} {bytes} {binary_bytes_per_sec} {elapsed}",
        (false, _) => "{spinner} {bytes}",
    }
}

impl Drop for Bytes {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Width of a template when every value is widest.
    fn columns(template: &str) -> usize {
        [
            ("{bar:20}", 20),
            ("{spinner}", 1),
            ("{total_bytes}", "1023.99 GiB".len()),
            ("{binary_bytes_per_sec}", "1023.99 MiB/s".len()),
            ("{bytes}", "1023.99 GiB".len()),
            ("{elapsed}", "59m".len()),
            ("{eta}", "59m".len()),
            ("{percent}", 3),
        ]
        .iter()
        .fold(template.to_owned(), |text, (key, columns)| {
            text.replace(key, &"x".repeat(*columns))
        })
        .len()
    }

    #[test]
    fn shown_values_stay_on_one_line() {
        for known in [true, false] {
            for width in NARROWEST..200 {
                let template = template(width, known);
                assert!(
                    columns(template) <= usize::from(width),
                    "{width}: {template}"
                );
            }
        }
        assert_eq!(cut("defragmenting 127.0.0.1:2379", 17), "defragmenti");
    }
}
