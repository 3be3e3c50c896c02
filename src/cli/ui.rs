//! The terminal. This is the only file that writes to stdout and stderr. Data goes to stdout and everything else to
//! stderr; progress is drawn only on a terminal.

use std::{
    cell::RefCell,
    io::{self, BufWriter, IsTerminal, Write},
};

use super::error::{CommandError, Kind};
use crate::golang::string;
use crate::output::{ErrorReply, Format};

/// The output of a command.
pub struct Ui {
    stdout: RefCell<BufWriter<io::Stdout>>,
}

/// A stream of this process that a log is written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Standard error.
    Stderr,
    /// Standard output.
    Stdout,
}

/// Writes a line of a log, with its line feed, in one piece. That the stream does not take it is nobody's concern.
pub fn log_line(stream: Stream, line: &[u8]) {
    let _ = match stream {
        Stream::Stderr => io::stderr().lock().write_all(line),
        Stream::Stdout => {
            let mut stdout = io::stdout().lock();
            stdout.write_all(line).and_then(|()| stdout.flush())
        }
    };
}

/// Bytes gathered before they are written to stdout.
const STDOUT_BUFFER: usize = 64 << 10;

/// Width of a terminal that does not report one.
const DEFAULT_COLUMNS: u16 = 80;

/// The width of the terminal behind stderr, in columns.
pub fn stderr_columns() -> u16 {
    let columns = rustix::termios::tcgetwinsize(io::stderr()).map_or(0, |size| size.ws_col);
    if columns == 0 {
        DEFAULT_COLUMNS
    } else {
        columns
    }
}

/// Writes bytes that draw on the terminal behind stderr.
///
/// # Errors
/// stderr cannot be written.
pub fn draw(bytes: &[u8]) -> io::Result<()> {
    let mut stderr = io::stderr().lock();
    stderr.write_all(bytes)?;
    stderr.flush()
}

impl Default for Ui {
    fn default() -> Ui {
        Ui::new()
    }
}

impl Ui {
    /// The stdout and stderr of this process.
    pub fn new() -> Ui {
        Ui {
            stdout: RefCell::new(BufWriter::with_capacity(STDOUT_BUFFER, io::stdout())),
        }
    }

    /// Writes data to stdout, and flushes it before returning.
    ///
    /// # Errors
    /// stdout cannot be written.
    pub fn data(
        &self,
        write: impl FnOnce(&mut dyn Write) -> Result<(), CommandError>,
    ) -> Result<(), CommandError> {
        let mut stdout = self.stdout.borrow_mut();
        write(&mut *stdout)?;
        stdout.flush().map_err(CommandError::stdout)?;
        stdout.get_mut().flush().map_err(CommandError::stdout)
    }

    /// Writes one line of data.
    ///
    /// # Errors
    /// stdout cannot be written.
    pub fn line(&self, text: &str) -> Result<(), CommandError> {
        self.data(|out| writeln!(out, "{text}").map_err(CommandError::stdout))
    }

    /// Writes a line for people to stderr. A failure to do so is ignored.
    pub fn note(&self, text: &str) {
        let mut line = string::bytes(text).into_owned();
        line.push(b'\n');
        let _ = io::stderr().lock().write_all(&line);
    }

    /// Writes to stderr. A failure to do so is ignored.
    pub fn notes(&self, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) {
        let _ = write(&mut io::stderr().lock());
    }

    /// Whether progress may be drawn: stderr is a terminal, and it can erase a line.
    pub fn shows_progress(&self) -> bool {
        let terminal = std::env::var_os("TERM").unwrap_or_default();
        self.stderr_is_terminal() && !terminal.is_empty() && terminal != "dumb"
    }

    /// Whether stderr is a terminal.
    pub fn stderr_is_terminal(&self) -> bool {
        io::stderr().is_terminal()
    }

    /// Prints why a command failed, and returns the exit code.
    pub fn failed(&self, error: &CommandError, format: Format) -> u8 {
        let exit = error.kind.exit_code();
        if error.kind == Kind::BrokenPipe {
            return exit;
        }
        if format == Format::Json {
            if error.source.is_some() {
                let reply = ErrorReply {
                    error: string::lossy(&error.to_string()).into_owned(),
                    code: error.code,
                    exit,
                };
                self.notes(|err| reply.write(err));
            }
            return exit;
        }
        if error.source.is_some() {
            self.note(&format!("Error: {error}"));
        }
        for hint in &error.hints {
            self.note(&format!("hint: {hint}"));
        }
        exit
    }
}

impl Ui {
    /// Prompts for a secret, without showing what is typed. At the end of input the secret is empty.
    ///
    /// # Errors
    /// stdin cannot be read.
    pub fn ask_password(&self, prompt: &str) -> Result<String, String> {
        use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
        let stdin = io::stdin();
        let hidden = tcgetattr(&stdin).ok().inspect(|before| {
            let mut without_echo = before.clone();
            without_echo.local_modes.remove(LocalModes::ECHO);
            // Typed ahead is kept: NOW, not FLUSH.
            let _ = tcsetattr(&stdin, OptionalActions::Now, &without_echo);
        });
        let mut stderr = io::stderr().lock();
        let _ = write!(stderr, "{prompt}");
        let _ = stderr.flush();
        let mut line = String::new();
        let read = stdin.read_line(&mut line);
        if let Some(before) = hidden {
            let _ = tcsetattr(&stdin, OptionalActions::Now, &before);
        }
        let _ = writeln!(stderr);
        match read {
            Ok(_) => Ok(line.trim_end_matches(['\n', '\r']).to_owned()),
            Err(error) => Err(super::error::io_text(&error)),
        }
    }
}
