//! The terminal line on which `indicatif` draws progress. Does not decide what is shown, and writes through
//! [`super::ui`].

use std::{
    fmt, io,
    sync::{Mutex, PoisonError},
};

use indicatif::TermLike;

use super::ui;

/// Number of columns left free. A terminal echoes Ctrl-C as `^C`; the cursor must not wrap to the next line, or the
/// wrong line would be erased.
const FREE: u16 = 3;

/// A line on stderr. Output is buffered until it is flushed.
#[derive(Default)]
pub struct TerminalLine {
    drawn: Mutex<String>,
}

/// The usable width of a line in columns.
pub fn width() -> u16 {
    ui::stderr_columns().saturating_sub(FREE)
}

impl TerminalLine {
    fn draw(&self, text: fmt::Arguments<'_>) -> io::Result<()> {
        let mut drawn = self.drawn.lock().unwrap_or_else(PoisonError::into_inner);
        fmt::write(&mut *drawn, text).map_err(io::Error::other)
    }

    fn by(&self, n: usize, direction: char) -> io::Result<()> {
        if n == 0 {
            return Ok(());
        }
        self.draw(format_args!("\x1b[{n}{direction}"))
    }
}

impl fmt::Debug for TerminalLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TerminalLine")
    }
}

impl TermLike for TerminalLine {
    fn width(&self) -> u16 {
        width()
    }

    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        self.by(n, 'A')
    }

    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        self.by(n, 'B')
    }

    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        self.by(n, 'C')
    }

    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        self.by(n, 'D')
    }

    fn write_line(&self, s: &str) -> io::Result<()> {
        self.draw(format_args!("{s}\n"))
    }

    fn write_str(&self, s: &str) -> io::Result<()> {
        self.draw(format_args!("{s}"))
    }

    fn clear_line(&self) -> io::Result<()> {
        self.draw(format_args!("\r\x1b[2K"))
    }

    fn flush(&self) -> io::Result<()> {
        let drawn = std::mem::take(&mut *self.drawn.lock().unwrap_or_else(PoisonError::into_inner));
        ui::draw(drawn.as_bytes())
    }
}
