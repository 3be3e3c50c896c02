//! Parses the flags of a command line by the rules of pflag. Does not search for the command.

use super::value::{self, ValueType};
use crate::golang::{format::quote, similar, string};

/// A flag that a command accepts.
pub struct Flag<'a> {
    /// Index in the path of the command that the flag belongs to.
    pub level: usize,
    /// The name after two dashes.
    pub long: &'a str,
    /// The letter after one dash.
    pub short: Option<char>,
    /// What values it accepts.
    pub kind: ValueType,
}

impl Flag<'_> {
    fn name(&self) -> String {
        match self.short {
            Some(short) => format!("-{short}, --{}", self.long),
            None => format!("--{}", self.long),
        }
    }
}

/// The flag that every command has and clap's tree lacks.
pub const HELP: Flag<'static> = Flag {
    level: 0,
    long: "help",
    short: Some('h'),
    kind: ValueType::Bool,
};

/// The flags that the last command of `path` accepts: its own and those inherited from its ancestors.
pub fn flags_of<'a>(path: &[&'a clap::Command]) -> Vec<Flag<'a>> {
    let mut flags = vec![];
    for (i, command) in path.iter().enumerate() {
        let last = i + 1 == path.len();
        for arg in command.get_arguments() {
            if let (Some(long), true) = (arg.get_long(), last || arg.is_global_set()) {
                flags.push(Flag {
                    level: i,
                    long,
                    short: arg.get_short(),
                    kind: ValueType::of(arg),
                });
            }
        }
    }
    flags
}

/// What was given.
pub struct Read {
    /// The values of each flag, in the order typed.
    pub values: Vec<Vec<Vec<u8>>>,
    /// The positional arguments.
    pub words: Vec<Vec<u8>>,
    /// Whether help was requested.
    pub help: bool,
}

/// An invalid flag: pflag's error text, the known flag with the most similar name, and the argument as typed if it may
/// have been meant as a positional argument.
pub struct WrongFlag {
    pub text: String,
    pub near: Option<String>,
    pub word: Option<String>,
}

impl From<String> for WrongFlag {
    fn from(text: String) -> WrongFlag {
        WrongFlag {
            text,
            near: None,
            word: None,
        }
    }
}

/// The unknown flag `--name`.
fn unknown_flag(flags: &[Flag<'_>], name: &[u8]) -> WrongFlag {
    let shown = string::text(name);
    WrongFlag {
        text: format!("unknown flag: --{shown}"),
        near: near(flags, &shown),
        word: Some(format!("--{shown}")),
    }
}

/// The known flag whose name is most similar to `name`.
fn near(flags: &[Flag<'_>], name: &str) -> Option<String> {
    let names = flags.iter().chain([&HELP]).map(|flag| flag.long);
    similar::closest(name, names).map(str::to_owned)
}

/// pflag's parser: flags and positional arguments may be mixed until `--`, which is kept as an argument if `separated`.
pub fn parse(flags: &[Flag<'_>], args: Vec<Vec<u8>>, separated: bool) -> Result<Read, WrongFlag> {
    let mut read = Read {
        values: flags.iter().map(|_| vec![]).collect(),
        words: vec![],
        help: false,
    };
    let mut args = args.into_iter();
    while let Some(arg) = args.next() {
        if arg == b"--" {
            read.words.extend(separated.then_some(arg));
            read.words.extend(args);
            break;
        }
        if let Some(name) = arg.strip_prefix(b"--") {
            if matches!(name.first(), Some(b'-' | b'=')) {
                return Err(format!("bad flag syntax: {}", string::text(&arg)).into());
            }
            let (name, value) = match name.iter().position(|&b| b == b'=') {
                Some(at) => (&name[..at], Some(name[at + 1..].to_vec())),
                None => (name, None),
            };
            let Some((at, flag)) = lookup(flags, |f| f.long.as_bytes() == name) else {
                return Err(unknown_flag(flags, name));
            };
            let value = match value {
                Some(value) => value,
                None if flag.kind == ValueType::Bool => b"true".to_vec(),
                None => args
                    .next()
                    .ok_or_else(|| format!("flag needs an argument: --{}", flag.long))?,
            };
            set(&mut read, at, flag, value)?;
        } else if arg.len() > 1 && arg[0] == b'-' {
            shorthands(flags, &arg[1..], &mut args, &mut read)?;
        } else {
            read.words.push(arg);
        }
    }
    Ok(read)
}

/// `-w json`, `-wjson`, `-w=json`, and several boolean flags in one argument.
fn shorthands(
    flags: &[Flag<'_>],
    word: &[u8],
    args: &mut impl Iterator<Item = Vec<u8>>,
    read: &mut Read,
) -> Result<(), WrongFlag> {
    let mut rest = word;
    while let [short, tail @ ..] = rest {
        let c = *short as char;
        let all = string::text(rest).into_owned();
        let Some((at, flag)) = lookup(flags, |f| f.short == Some(c)) else {
            // Go's flag package accepts long names after one dash, as in `-prefix`.
            let typed = string::text(word);
            let long = typed.split('=').next().unwrap_or_default();
            return Err(WrongFlag {
                text: format!("unknown shorthand flag: {} in -{all}", rune(c)),
                near: Some(long)
                    .filter(|long| long.len() > 2)
                    .and_then(|long| near(flags, long)),
                word: Some(format!("-{}", string::text(word))),
            });
        };
        let value = match tail {
            [b'=', value, ..] => {
                let _ = value;
                rest = &[];
                tail[1..].to_vec()
            }
            _ if flag.kind == ValueType::Bool => {
                rest = tail;
                b"true".to_vec()
            }
            [] => {
                rest = &[];
                args.next()
                    .ok_or_else(|| format!("flag needs an argument: {} in -{all}", rune(c)))?
            }
            _ => {
                rest = &[];
                tail.to_vec()
            }
        };
        set(read, at, flag, value)?;
    }
    Ok(())
}

/// Go's `%q` of a character. pflag converts each byte, rather than each UTF-8 sequence, to a character.
fn rune(c: char) -> String {
    let c = char::from(c.to_string().as_bytes()[0]);
    let quoted = quote(c.to_string().as_bytes());
    match c {
        '"' => "'\"'".into(),
        '\'' => "'\\''".into(),
        _ => format!("'{}'", quoted.trim_matches('"')),
    }
}

/// The flag and its index; the help flag has the index after the last.
fn lookup<'f>(
    flags: &'f [Flag<'f>],
    matches: impl Fn(&Flag<'_>) -> bool,
) -> Option<(usize, &'f Flag<'f>)> {
    match flags.iter().position(&matches) {
        Some(at) => Some((at, &flags[at])),
        None if matches(&HELP) => Some((flags.len(), &HELP)),
        None => None,
    }
}

fn set(read: &mut Read, at: usize, flag: &Flag<'_>, value: Vec<u8>) -> Result<(), String> {
    let text = string::text(&value);
    if let Err(error) = flag.kind.check(&text) {
        return Err(format!(
            "invalid argument {} for {} flag: {error}",
            quote(&value),
            quote(flag.name().as_bytes()),
        ));
    }
    match read.values.get_mut(at) {
        Some(values) => values.push(value),
        None => read.help = value::boolean(&text) == Ok(true),
    }
    Ok(())
}
