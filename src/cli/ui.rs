//! The terminal: the only place that writes to stdout and stderr. What is data goes to stdout, all else to
//! stderr; decoration only where a person looks at it.

use std::{
    cell::RefCell,
    io::{self, BufWriter, IsTerminal, Write},
};

use super::error::{CommandError, Kind};
use crate::golang::string;
use crate::output::{ErrorReply, Format};

/// Where a command's words go.
pub struct Ui {
    stdout: RefCell<BufWriter<io::Stdout>>,
}

/// Bytes gathered before they are written to stdout.
const STDOUT_BUFFER: usize = 64 << 10;

impl Default for Ui {
    fn default() -> Ui {
        Ui::new()
    }
}

impl Ui {
    /// On this process's stdout and stderr.
    pub fn new() -> Ui {
        Ui {
            stdout: RefCell::new(BufWriter::with_capacity(STDOUT_BUFFER, io::stdout())),
        }
    }

    /// Writes data, and sees it on its way before returning.
    ///
    /// # Errors
    /// stdout is full or closed.
    pub fn data(
        &self,
        write: impl FnOnce(&mut dyn Write) -> Result<(), CommandError>,
    ) -> Result<(), CommandError> {
        let mut stdout = self.stdout.borrow_mut();
        write(&mut *stdout)?;
        stdout.flush().map_err(CommandError::stdout)?;
        stdout.get_mut().flush().map_err(CommandError::stdout)
    }

    /// One line of data.
    ///
    /// # Errors
    /// stdout is full or closed.
    pub fn line(&self, text: &str) -> Result<(), CommandError> {
        self.data(|out| writeln!(out, "{text}").map_err(CommandError::stdout))
    }

    /// A line for people, on stderr. That stderr does not take it is nobody's concern.
    pub fn note(&self, text: &str) {
        let mut line = string::bytes(text).into_owned();
        line.push(b'\n');
        let _ = io::stderr().lock().write_all(&line);
    }

    /// Whatever `write` has for stderr.
    pub fn notes(&self, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) {
        let _ = write(&mut io::stderr().lock());
    }

    /// Whether progress may be drawn on stderr: a person sees it, on a terminal that can erase a line again.
    pub fn shows_progress(&self) -> bool {
        let terminal = std::env::var_os("TERM").unwrap_or_default();
        self.stderr_is_terminal() && !terminal.is_empty() && terminal != "dumb"
    }

    /// Whether a person sees stderr.
    pub fn stderr_is_terminal(&self) -> bool {
        io::stderr().is_terminal()
    }

    /// Says why a command failed, and gives the exit code.
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
    /// Asks for a secret on the terminal, without showing what is typed. Input that has ended is an empty one.
    ///
    /// # Errors
    /// stdin can't be read.
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
