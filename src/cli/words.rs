//! Positional arguments: one argument type with a rule for their number. Knows no command.

use std::{
    ffi::{OsStr, OsString},
    marker::PhantomData,
    os::unix::ffi::{OsStrExt, OsStringExt},
};

use clap::{
    Arg, ArgMatches, Args, Command, FromArgMatches, ValueHint, builder::OsStringValueParser,
};

use super::{error::CommandError, value::Suggest};
use crate::golang::string;

/// A word as text, as the messages of the protocol and our own lines hold it.
pub fn text(word: &OsStr) -> String {
    string::text(word.as_bytes()).into_owned()
}

/// Id of the argument that holds the positional arguments.
pub const WORDS: &str = "words";

/// Id of the same argument for a command that needs to know the position of the first `--`.
pub const SEPARATED_WORDS: &str = "separated-words";

/// The number of positional arguments of a command, and the error if there are too few or too many. The macro
/// [`words!`](crate::words) declares one in a line.
pub trait Arity {
    /// Minimum number of arguments.
    const MIN: usize;
    /// Maximum number of arguments; `usize::MAX` if etcdctl ignores additional ones.
    const MAX: usize;
    /// The arguments in the usage line, for example `<key> [value]`.
    const USAGE: &'static str;
    /// What the shell completes.
    const HINT: ValueHint = ValueHint::Other;
    /// Values that completion suggests; others are not rejected here.
    const CHOICES: &'static [&'static str] = &[];

    /// Whether the first `--` is kept as an argument.
    const SEPARATED: bool = false;

    /// The error if `given` arguments are too few or too many.
    fn error(given: usize) -> CommandError;
}

/// The positional arguments of a command with the arity `A`.
#[derive(Clone, Debug)]
pub struct Words<A> {
    words: Vec<OsString>,
    arity: PhantomData<A>,
}

impl<A: Arity> Words<A> {
    const ID: &'static str = if A::SEPARATED { SEPARATED_WORDS } else { WORDS };

    /// The arguments.
    ///
    /// # Errors
    /// There are too few or too many.
    pub fn get(&self) -> Result<&[OsString], CommandError> {
        if (A::MIN..=A::MAX).contains(&self.words.len()) {
            Ok(&self.words)
        } else {
            Err(A::error(self.words.len()))
        }
    }

    /// The arguments of a command that takes exactly `N`.
    ///
    /// # Errors
    /// There are too few or too many.
    pub fn exactly<const N: usize>(&self) -> Result<&[OsString; N], CommandError> {
        const { assert!(A::MIN == N && A::MAX == N) };
        self.words
            .as_slice()
            .try_into()
            .map_err(|_| A::error(self.words.len()))
    }
}

impl<A> Default for Words<A> {
    fn default() -> Self {
        Words {
            words: vec![],
            arity: PhantomData,
        }
    }
}

impl<A: Arity> Args for Words<A> {
    fn augment_args(command: Command) -> Command {
        let arg = Arg::new(Self::ID)
            .hide(true)
            .num_args(0..)
            .value_name(A::USAGE)
            .value_hint(A::HINT);
        // Only arguments with suggestions need a special parser.
        command.arg(if A::CHOICES.is_empty() {
            arg.value_parser(OsStringValueParser::new())
        } else {
            arg.value_parser(Suggest(A::CHOICES))
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl<A: Arity> FromArgMatches for Words<A> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let words = if A::CHOICES.is_empty() {
            let words = matches.get_many::<OsString>(Self::ID);
            words.into_iter().flatten().cloned().collect()
        } else {
            let words = matches.get_many::<String>(Self::ID);
            let raw = |word: &String| OsString::from_vec(string::bytes(word).into_owned());
            words.into_iter().flatten().map(raw).collect()
        };
        Ok(Words {
            words,
            arity: PhantomData,
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// Declares an [`Arity`]: its name, the number of arguments, the usage, the kind and text of the error, and options.
///
/// ```text
/// crate::words! {
///     /// The words of a command that takes one key.
///     pub OneKey: 1..=1, "<key>", BadArgs "the command needs one key"
/// }
/// ```
macro_rules! words {
    ($(#[$doc:meta])* $vis:vis $name:ident: $min:literal..=$max:expr, $usage:literal, $kind:ident $error:expr
     $(, $option:ident = $value:expr)* $(,)?) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        $vis struct $name;

        impl $crate::cli::words::Arity for $name {
            const MIN: usize = $min;
            const MAX: usize = $max;
            const USAGE: &'static str = $usage;
            $(const $option: $crate::words!(@type $option) = $value;)*

            fn error(_given: usize) -> $crate::cli::error::CommandError {
                $crate::cli::error::CommandError::new($crate::cli::error::ErrorKind::$kind, $error)
            }
        }
    };
    (@type HINT) => { clap::ValueHint };
    (@type CHOICES) => { &'static [&'static str] };
    (@type SEPARATED) => { bool };
}
pub(crate) use words;

words! {
    /// Positional arguments that are ignored, as in etcdctl.
    pub Ignored: 0..=usize::MAX, "", BadArgs ""
}

/// The error of cobra's `ExactArgs`, followed by the usage.
pub fn exact_args(wanted: usize, given: usize) -> CommandError {
    CommandError::new(
        super::error::ErrorKind::Usage,
        format!("accepts {wanted} arg(s), received {given}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    words! { Pair: 1..=2, "<a> [b]", BadArgs "one or two" }
    words! { One: 1..=1, "<a>", BadArgs "one" }

    fn words<A: Arity>(words: &[&str]) -> Words<A> {
        let line = std::iter::once("tool").chain(words.iter().copied());
        let matches = Words::<A>::augment_args(Command::new("tool")).get_matches_from(line);
        Words::from_arg_matches(&matches).unwrap()
    }

    #[test]
    fn the_number_of_words_is_checked_with_the_text_of_the_command() {
        assert_eq!(words::<Pair>(&["x"]).get().unwrap(), ["x"]);
        assert_eq!(words::<Pair>(&["x", "y"]).get().unwrap(), ["x", "y"]);
        for wrong in [&[][..], &["x", "y", "z"]] {
            let error = words::<Pair>(wrong).get().unwrap_err();
            assert_eq!(error.to_string(), "one or two");
        }
        assert_eq!(words::<One>(&["x"]).exactly().unwrap(), &["x"]);
        assert!(words::<One>(&[]).exactly::<1>().is_err());
        assert_eq!(words::<Ignored>(&["x"; 9]).get().unwrap().len(), 9);
    }
}
