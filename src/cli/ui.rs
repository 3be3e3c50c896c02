//! The terminal. This is the only file that writes to stdout and stderr. Data goes to stdout and everything else to
//! stderr; progress is drawn only on a terminal.

use std::{
    cell::RefCell,
    io::{self, BufWriter, IsTerminal, Write},
};

use super::error::{CommandError, ErrorKind, io_text};
use crate::golang::string;
use crate::output::{ErrorReply, Format};
use crate::process::signals::Interrupts;

/// The output of a command.
pub struct Ui {
    stdout: RefCell<BufWriter<io::Stdout>>,
}

/// The stream that a log is written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Standard error.
    Stderr,
    /// Standard output.
    Stdout,
}

/// Writes a line of a log, including its line feed, in a single write. Ignores errors.
pub fn log_line(stream: Stream, line: &[u8]) {
    let _ = match stream {
        Stream::Stderr => io::stderr().lock().write_all(line),
        Stream::Stdout => {
            let mut stdout = io::stdout().lock();
            stdout.write_all(line).and_then(|()| stdout.flush())
        }
    };
}

/// Size of the buffer for stdout in bytes.
const STDOUT_BUFFER: usize = 64 << 10;

/// Width assumed for a terminal that does not report one.
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

/// Maximum width of help texts; longer lines are hard to read.
const WIDEST_HELP: u16 = 120;
/// Minimum width of help texts; the names of flags would not fit.
const NARROWEST_HELP: u16 = 20;

/// The width of help texts on stdout: that of the terminal, within these limits.
pub fn stdout_columns() -> usize {
    let stdout = io::stdout();
    let columns = rustix::termios::tcgetwinsize(&stdout).map_or(0, |size| size.ws_col);
    let columns = match columns {
        0 => DEFAULT_COLUMNS,
        columns => columns.clamp(NARROWEST_HELP, WIDEST_HELP),
    };
    usize::from(columns)
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

    /// Writes bytes to stdout.
    ///
    /// # Errors
    /// stdout cannot be written.
    pub fn bytes(&self, bytes: &[u8]) -> Result<(), CommandError> {
        self.data(|out| out.write_all(bytes).map_err(CommandError::stdout))
    }

    /// Writes a line for people to stderr. Ignores errors.
    pub fn note(&self, text: &str) {
        let mut line = string::bytes(text).into_owned();
        line.push(b'\n');
        let _ = io::stderr().lock().write_all(&line);
    }

    /// Writes to stderr. Ignores errors.
    pub fn notes(&self, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) {
        let _ = write(&mut io::stderr().lock());
    }

    /// Whether progress may be drawn: stderr is a terminal, and it can erase a line.
    pub fn shows_progress(&self) -> bool {
        let terminal = std::env::var_os("TERM").unwrap_or_default();
        self.stderr_is_terminal() && !terminal.is_empty() && terminal != "dumb"
    }

    /// Whether stdout is a terminal.
    pub fn stdout_is_terminal(&self) -> bool {
        io::stdout().is_terminal()
    }

    /// Whether stderr is a terminal.
    pub fn stderr_is_terminal(&self) -> bool {
        io::stderr().is_terminal()
    }

    /// Prints why a command failed. Returns the exit code.
    pub fn failed(&self, error: &CommandError, format: Format) -> u8 {
        let exit = error.kind.exit_code();
        if error.kind == ErrorKind::BrokenPipe {
            return exit;
        }
        if format == Format::Json {
            if error.source.is_some() {
                let reply = ErrorReply {
                    error: string::lossy(&error.to_string()).into_owned(),
                    code: error.code,
                    exit,
                    hints: error.hints.clone(),
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

/// Disables the echo of the terminal on stdin until dropped.
struct HiddenInput(Option<rustix::termios::Termios>);

impl HiddenInput {
    fn begin() -> HiddenInput {
        use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
        let stdin = io::stdin();
        let before = tcgetattr(&stdin).ok().inspect(|before| {
            let mut without_echo = before.clone();
            without_echo.local_modes.remove(LocalModes::ECHO);
            // Do not discard pending input: it may have been typed ahead.
            let _ = tcsetattr(&stdin, OptionalActions::Now, &without_echo);
        });
        HiddenInput(before)
    }
}

impl Drop for HiddenInput {
    fn drop(&mut self) {
        use rustix::termios::{OptionalActions, tcsetattr};
        if let Some(before) = &self.0 {
            let _ = tcsetattr(io::stdin(), OptionalActions::Now, before);
        }
    }
}

/// Maximum length of a password or word in bytes. Go's tools have no limit; bcrypt uses 72 bytes.
const LONGEST_LINE: usize = 64 << 10;

/// Reads a line from stdin, without the line break. Reads byte by byte, so that input after the line is left for the
/// next reader.
///
/// # Errors
/// stdin cannot be read, or a signal that ends the command arrived first.
fn read_line(interrupts: &Interrupts) -> Result<Vec<u8>, CommandError> {
    use rustix::event::{PollFd, PollFlags, poll};
    let stdin = io::stdin();
    let mut line = vec![];
    while line.len() < LONGEST_LINE {
        let mut sources = [
            PollFd::new(interrupts, PollFlags::IN),
            PollFd::new(&stdin, PollFlags::IN),
        ];
        match poll(&mut sources, None) {
            Err(rustix::io::Errno::INTR) => continue,
            polled => polled.map_err(|e| failed(e.into()))?,
        };
        if !sources[0].revents().is_empty() {
            return Err(CommandError::already_reported(ErrorKind::PromptInterrupted));
        }
        let mut byte = [0];
        match rustix::io::read(&stdin, &mut byte) {
            Ok(0) => break,
            Ok(_) if byte == *b"\n" => break,
            Ok(_) => line.push(byte[0]),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(failed(error.into())),
        }
    }
    Ok(line)
}

/// The error of a failed read from the terminal.
fn failed(error: io::Error) -> CommandError {
    CommandError::new(ErrorKind::Failed, io_text(&error))
}

/// Where to print the prompt.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Prompt {
    Stdout,
    Stderr,
}

impl Prompt {
    fn show(self, text: &str) {
        let text = string::bytes(text);
        // Read the answer even if the prompt cannot be printed.
        let _ = match self {
            Prompt::Stdout => {
                let mut out = io::stdout().lock();
                out.write_all(&text).and_then(|()| out.flush())
            }
            Prompt::Stderr => draw(&text),
        };
    }
}

impl Ui {
    /// Prompts on stderr for a secret, which is not echoed. At the end of input the secret is empty.
    ///
    /// If a signal arrives that ends the command (Ctrl-C, SIGTERM, SIGHUP, SIGQUIT), the terminal is restored first.
    ///
    /// # Errors
    /// stdin cannot be read, or a signal arrived.
    pub fn ask_password(&self, prompt: &str) -> Result<String, CommandError> {
        self.ask_secret(prompt, Prompt::Stderr)
    }

    /// Like [`Ui::ask_password`]. `on_stdout` prints the prompt to stdout, where etcdctl prints it for new passwords.
    ///
    /// # Errors
    /// See [`Ui::ask_password`].
    pub fn ask_new_password(&self, prompt: &str, on_stdout: bool) -> Result<String, CommandError> {
        let place = if on_stdout {
            Prompt::Stdout
        } else {
            Prompt::Stderr
        };
        self.ask_secret(prompt, place)
    }

    fn ask_secret(&self, prompt: &str, place: Prompt) -> Result<String, CommandError> {
        // Install the handlers before disabling the echo, so that no signal can end the process in between.
        let interrupts = Interrupts::listen().map_err(failed)?;
        let hidden = HiddenInput::begin();
        place.show(prompt);
        let read = read_line(&interrupts);
        drop(hidden);
        place.show("\n");
        let line = read?;
        Ok(string::text(&line).trim_end_matches('\r').to_owned())
    }

    /// Asks on stderr whether to continue, if stdin and stderr are a terminal. Otherwise `yes` is required. Returns false
    /// if the answer is not yes.
    ///
    /// # Errors
    /// There is no terminal (exit code 128), stdin cannot be read, or a signal arrived.
    pub fn goes_on(&self, yes: bool) -> Result<bool, CommandError> {
        if yes {
            return Ok(true);
        }
        if !io::stdin().is_terminal() || !self.stderr_is_terminal() {
            let text = "nothing was changed: --yes is needed without a terminal to ask on";
            return Err(CommandError::new(ErrorKind::BadArgs, text));
        }
        let interrupts = Interrupts::listen().map_err(failed)?;
        Prompt::Stderr.show("go on? [y/N] ");
        let line = read_line(&interrupts)?;
        let answer = line.trim_ascii().to_ascii_lowercase();
        Ok(matches!(&answer[..], b"y" | b"yes"))
    }

    /// Reads a line of stdin and returns its first word; empty at the end of input (Go's `fmt.Scanf("%s")`).
    ///
    /// # Errors
    /// stdin cannot be read.
    pub fn read_word(&self) -> Result<String, CommandError> {
        let line = read_line(&Interrupts::listen().map_err(failed)?)?;
        let text = string::text(&line);
        Ok(text
            .split_whitespace()
            .next()
            .unwrap_or_default()
            .to_owned())
    }
}
