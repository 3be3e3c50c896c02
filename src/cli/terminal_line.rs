//! The one line of a terminal on which progress is drawn. Decides nothing about what is shown there, and knows
//! no more of the terminal than its width.

use std::{
    fmt,
    io::{self, Write},
    sync::{Mutex, PoisonError},
};

use indicatif::TermLike;

/// Columns that are left free: a terminal shows Ctrl-C as `^C`, and the cursor must still be on this line then,
/// or another one would be erased.
const FREE: u16 = 3;
/// Of a terminal that does not say.
const DEFAULT_WIDTH: u16 = 80;

/// A line of stderr.
#[derive(Default)]
pub struct TerminalLine {
    drawn: Mutex<String>,
}

/// Columns that a line may take.
pub fn width() -> u16 {
    let columns = rustix::termios::tcgetwinsize(io::stderr()).map_or(0, |size| size.ws_col);
    let columns = if columns == 0 { DEFAULT_WIDTH } else { columns };
    columns.saturating_sub(FREE)
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
        let mut stderr = io::stderr().lock();
        stderr.write_all(drawn.as_bytes())?;
        stderr.flush()
    }
}
