//! `__complete`: the suggestions for the words typed so far. The scripts of `completion` run it at each Tab, so that
//! all shells share the same rules. Fails silently, never prompts for a password, and starts no server.

use std::{ffi::OsString, os::unix::ffi::OsStrExt, time::Duration};

use clap::{Arg, Args, Command, FromArgMatches, ValueHint};

use super::{live, quoting, reference, table};
use crate::{
    cli::{
        argv::{self, Parsed, RAW},
        context::Context,
        error::CommandError,
        global::GlobalArgs,
        settings::Extra,
        ui::Ui,
        value::GoDuration,
    },
    client::endpoint::{EMBEDDED, SNAPSHOT},
    golang::string,
};

/// The words typed so far; the last one is being completed.
#[derive(Args, Debug)]
pub struct CompleteArgs {
    #[arg(id = RAW, hide = true, num_args = 0.., allow_hyphen_values = true)]
    words: Vec<OsString>,
}

/// Timeout for requests to a server.
const LIMIT: Duration = Duration::from_millis(400);

/// What the shell should do after inserting a suggestion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    /// Append a space.
    Blank,
    /// Append nothing, because the word continues.
    Nothing,
    /// Complete file names instead.
    Files,
    /// Complete the names of directories instead.
    Directories,
}

/// The suggestions.
#[derive(Debug)]
pub struct Suggestions {
    after: After,
    /// Words, each with a description.
    words: Vec<(String, String)>,
    /// What precedes each suggestion in the word being completed: `--flag=`.
    before: String,
}

/// What needs to be requested from a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The names of the command.
    pub path: Vec<String>,
    /// Number of positional arguments before the one being completed.
    pub place: usize,
}

/// Runs `__complete SHELL WORD...` of etcdctl.
///
/// # Errors
/// stdout cannot be written.
pub async fn complete(ctx: &Context, args: CompleteArgs) -> Result<(), CommandError> {
    let Typed {
        shell,
        words,
        cur,
        open,
    } = split(&args.words);
    let tree = reference::with_reference(&table::tree());
    let (mut offer, wanted) = offer(&tree, &words, &cur);
    if let (Some(wanted), Some(asking)) = (wanted, asking_context(&words)) {
        let live = tokio::time::timeout(LIMIT, live::words(&asking, &wanted, &cur)).await;
        if let Ok(Some((found, after))) = live {
            // Without a preceding `--`, a key that begins with a dash would be a flag.
            let any = words.iter().any(|word| word == "--");
            let usable = found
                .into_iter()
                .filter(|(word, _)| any || !word.starts_with('-'));
            offer.words.extend(usable);
            offer.after = after;
        }
        asking.close().await;
    }
    print(&ctx.ui, &shell, open, &offer)
}

/// Like [`complete`], for a program that is not a client.
///
/// # Errors
/// See [`complete`].
pub fn complete_offline(ui: &Ui, args: &CompleteArgs, tree: &Command) -> Result<(), CommandError> {
    let typed = split(&args.words);
    let tree = reference::with_reference(tree);
    let (offer, _) = offer(&tree, &typed.words, &typed.cur);
    print(ui, &typed.shell, typed.open, &offer)
}

/// A command line that is being typed.
struct Typed {
    shell: String,
    /// The words before the one being completed.
    words: Vec<String>,
    /// The word being completed.
    cur: String,
    /// The quote that is open in that word.
    open: Option<char>,
}

/// Takes the name of the shell and the words. bash and zsh pass words as they were typed, fish only the last one.
fn split(words: &[OsString]) -> Typed {
    let mut words = words
        .iter()
        .map(|w| string::text(w.as_bytes()).into_owned());
    let shell = words.next().unwrap_or_default();
    let mut words: Vec<String> = words.collect();
    let (cur, open) = match (shell.as_str(), words.pop().unwrap_or_default()) {
        ("bash" | "zsh" | "fish", last) => quoting::unquote(&last),
        (_, last) => (last, None),
    };
    if ["bash", "zsh"].contains(&shell.as_str()) {
        for word in &mut words {
            *word = quoting::unquote(word).0;
        }
    }
    Typed {
        shell,
        words,
        cur,
        open,
    }
}

/// Prints what should follow the word, and then one suggestion with its description per line. zsh and fish quote the
/// suggestions themselves; for bash, `open` is the quote that is open.
fn print(
    ui: &Ui,
    shell: &str,
    open: Option<char>,
    offer: &Suggestions,
) -> Result<(), CommandError> {
    // bash and zsh complete only the value of `--flag=value`.
    let before = match shell {
        "bash" | "zsh" => "",
        _ => &offer.before,
    };
    let mut text = String::from(match offer.after {
        After::Blank => "blank",
        After::Nothing => "nothing",
        After::Files => "files",
        After::Directories => "directories",
    });
    for (word, description) in &offer.words {
        let word = match shell {
            "bash" => &quoting::quote(word, open),
            _ => word,
        };
        text.push_str(&format!("\n{before}{word}"));
        if !description.is_empty() {
            let line = description.lines().next().unwrap_or_default();
            text.push_str(&format!("\t{line}"));
        }
    }
    ui.line(&text)
}

/// A context for requests to a server, with the global flags among `words` and a short timeout. `None` if the line is
/// invalid, a password would have to be prompted for, or a server would have to be started.
fn asking_context(words: &[String]) -> Option<Context> {
    let words: Vec<OsString> = words.iter().map(OsString::from).collect();
    let tree = table::tree_for(&words);
    let Ok(Parsed::Run { args, .. }) = argv::read(&tree, words) else {
        return None;
    };
    let matches = tree
        .mut_args(|arg| arg.global(false))
        .try_get_matches_from(args)
        .ok()?;
    let mut globals = GlobalArgs::from_arg_matches(&matches).ok()?;
    let limit = i64::try_from(LIMIT.as_nanos()).ok().map(GoDuration);
    (globals.command_timeout, globals.dial_timeout) = (limit, limit);
    globals.debug = Some(false);
    let context = Context::new(Ui::new(), globals, Extra::default());
    let settings = context.settings().ok()?;
    let asks = matches!(
        settings.credentials,
        crate::cli::settings::Credentials::User(_, None)
    );
    let local = |e: &String| [EMBEDDED, SNAPSHOT].iter().any(|s| e.trim().starts_with(s));
    if asks || settings.endpoints.iter().any(local) {
        return None;
    }
    Some(context)
}

/// The suggestions that need no server, and what would have to be requested from one.
fn offer(tree: &Command, words: &[String], cur: &str) -> (Suggestions, Option<Wanted>) {
    let mut offer = Suggestions {
        after: After::Blank,
        words: vec![],
        before: String::new(),
    };
    let line = read(tree, words);
    // The value of a flag, in a separate word or after `=`.
    if let Some(flag) = line.value_of {
        values(flag, cur, &mut offer);
        return (offer, None);
    }
    if let Some((name, value)) = cur.split_once('=').filter(|_| cur.starts_with("--")) {
        if let Some(flag) = line.flags().find(|a| a.get_long() == name.get(2..)) {
            values(flag, value, &mut offer);
            offer.before = format!("{name}=");
        }
        return (offer, None);
    }
    let command = line.command();
    if cur.starts_with('-') && !line.words_only {
        for flag in line.flags().filter(|arg| !arg.is_hide_set()) {
            let help = flag.get_help().map(ToString::to_string).unwrap_or_default();
            let long = flag.get_long().map(|long| format!("--{long}"));
            let short = flag.get_short().map(|short| format!("-{short}"));
            let names = [long, short].into_iter().flatten();
            let fitting = names.filter(|name| name.starts_with(cur));
            offer.words.extend(fitting.map(|name| (name, help.clone())));
        }
        return (offer, None);
    }
    if line.path.len() == 2 && command.get_name() == "help" {
        // `help` is followed by the names of commands.
        let mut topic = vec![tree];
        for word in &line.words {
            match argv::child(&topic, word.as_bytes()) {
                Some(next) => topic.push(next),
                None => return (offer, None),
            }
        }
        commands(topic[topic.len() - 1], cur, &mut offer);
        return (offer, None);
    }
    if command.has_subcommands() {
        commands(command, cur, &mut offer);
        return (offer, None);
    }
    if let Some(arg) = command.get_positionals().next() {
        let names = arg.get_value_names().unwrap_or_default();
        let places = names.iter().map(|name| name.matches('<').count()).sum();
        if arg.get_value_hint() == ValueHint::FilePath && line.words.len() < places {
            offer.after = After::Files;
        }
        let choices = arg.get_possible_values();
        let names = choices.iter().map(|choice| choice.get_name().to_owned());
        let fitting = names.filter(|name| line.words.is_empty() && name.starts_with(cur));
        offer
            .words
            .extend(fitting.map(|name| (name, String::new())));
    }
    let names = line.path[1..].iter().map(|c| c.get_name().to_owned());
    let wanted = Wanted {
        path: names.collect(),
        place: line.words.len(),
    };
    (offer, Some(wanted))
}

fn commands(command: &Command, cur: &str, offer: &mut Suggestions) {
    for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set()) {
        if sub.get_name().starts_with(cur) {
            let about = sub.get_about().map(ToString::to_string).unwrap_or_default();
            offer.words.push((sub.get_name().to_owned(), about));
        }
    }
}

/// The values of a flag.
fn values(flag: &Arg, cur: &str, offer: &mut Suggestions) {
    if flag.get_long() == Some("endpoints") {
        endpoints(flag, cur, offer);
        return;
    }
    match flag.get_value_hint() {
        ValueHint::FilePath => {
            offer.after = After::Files;
            return;
        }
        ValueHint::DirPath => {
            offer.after = After::Directories;
            return;
        }
        _ => {}
    }
    let choices = flag.get_possible_values();
    let names = choices.iter().map(|choice| choice.get_name().to_owned());
    let fitting = names.filter(|name| name.starts_with(cur));
    offer
        .words
        .extend(fitting.map(|name| (name, String::new())));
}

/// Endpoints, separated by commas: their forms, and after a scheme the names of directories or sockets.
fn endpoints(flag: &Arg, cur: &str, offer: &mut Suggestions) {
    offer.after = After::Nothing;
    let (done, last) = match cur.rsplit_once(',') {
        Some((done, last)) => (format!("{done},"), last),
        None => (String::new(), cur),
    };
    for (scheme, directories_only) in [
        (EMBEDDED, true),
        (SNAPSHOT, false),
        ("unix://", false),
        ("unixs://", false),
    ] {
        if let Some(path) = last.strip_prefix(scheme) {
            let paths = paths(path, directories_only).into_iter();
            let words = paths.map(|path| (format!("{done}{scheme}{path}"), String::new()));
            offer.words.extend(words);
            return;
        }
    }
    for form in flag.get_possible_values() {
        if form.get_name().starts_with(last) {
            let word = format!("{done}{}", form.get_name());
            offer.words.push((word, String::new()));
        }
    }
}

/// The paths that begin with `start`. Directories end with a slash.
fn paths(start: &str, directories_only: bool) -> Vec<String> {
    let (folder, name) = match start.rsplit_once('/') {
        Some((folder, name)) => (format!("{folder}/"), name),
        None => (String::new(), start),
    };
    let at = if folder.is_empty() { "./" } else { &folder };
    let Ok(entries) = std::fs::read_dir(at) else {
        return vec![];
    };
    let mut found = vec![];
    for entry in entries.flatten() {
        let own = entry.file_name().to_string_lossy().into_owned();
        let directory = entry.path().is_dir();
        let hidden = own.starts_with('.') && !name.starts_with('.');
        if own.starts_with(name) && !hidden && (directory || !directories_only) {
            let slash = if directory { "/" } else { "" };
            found.push(format!("{folder}{own}{slash}"));
        }
    }
    found.sort();
    found
}

/// The words before the one being completed.
struct Line<'a> {
    path: Vec<&'a Command>,
    /// Positional arguments, without the names of commands.
    words: Vec<String>,
    /// The flag whose value is being completed.
    value_of: Option<&'a Arg>,
    /// Whether `--` has been typed.
    words_only: bool,
}

impl<'a> Line<'a> {
    fn command(&self) -> &'a Command {
        // A path begins with the root.
        self.path[self.path.len() - 1]
    }

    /// The flags that the command accepts: its own and the inherited ones.
    fn flags(&self) -> impl Iterator<Item = &'a Arg> {
        let last = self.path.len() - 1;
        let levels = self.path.clone().into_iter().enumerate();
        let flags = levels.flat_map(move |(level, command)| {
            let own = command.get_arguments();
            own.filter(move |arg| level == last || arg.is_global_set())
        });
        flags.filter(|arg| arg.get_long().is_some())
    }

    fn flag(&self, word: &str) -> Option<&'a Arg> {
        match word.strip_prefix("--") {
            Some(long) => self.flags().find(|arg| arg.get_long() == Some(long)),
            None => {
                let short = word.strip_prefix('-')?.chars().next_back()?;
                self.flags().find(|arg| arg.get_short() == Some(short))
            }
        }
    }
}

fn read<'a>(tree: &'a Command, words: &[String]) -> Line<'a> {
    let mut line = Line {
        path: vec![tree],
        words: vec![],
        value_of: None,
        words_only: false,
    };
    for word in words {
        if line.value_of.take().is_some() {
            continue;
        }
        if line.words_only {
            line.words.push(word.clone());
        } else if word == "--" {
            line.words_only = true;
        } else if word.starts_with('-') && word.len() > 1 {
            let takes_a_word = |arg: &Arg| {
                arg.get_action().takes_values()
                    && arg.get_num_args().is_none_or(|n| n.min_values() > 0)
            };
            let flag = line.flag(word).filter(|arg| takes_a_word(arg));
            line.value_of = flag.filter(|_| !word.contains('='));
        } else if let (Some(next), true) = (
            argv::child(&line.path, word.as_bytes()),
            line.words.is_empty(),
        ) {
            line.path.push(next);
        } else {
            line.words.push(word.clone());
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offered(line: &str) -> (Vec<String>, After, Option<Wanted>) {
        let tree = reference::with_reference(&table::tree());
        let mut words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        let cur = words.pop().unwrap();
        let (offer, wanted) = offer(&tree, &words, &cur);
        let words = offer.words.into_iter().map(|(word, _)| word).collect();
        (words, offer.after, wanted)
    }

    fn words(line: &str) -> Vec<String> {
        offered(line).0
    }

    #[test]
    fn commands_flags_and_values() {
        assert_eq!(words("sna"), ["snapshot"]);
        assert_eq!(words("snapshot s"), ["save", "status"]);
        assert_eq!(words("get --pre"), ["--prefix"]);
        assert_eq!(words("get -w js"), ["json"]);
        assert_eq!(words("get --write-out=ta"), ["table"]);
        assert_eq!(words("-w json endpoint --cl"), ["--cluster"]);
        assert_eq!(words("compact --ph"), ["--physical"]);
        assert_eq!(words("help snapshot re"), ["restore"]);
        assert_eq!(words("completion fi"), ["fish"]);
        assert_eq!(words("--endpoints=a:1,emb"), ["a:1,embedded:"]);
        assert!(words("get k -- --pre").is_empty());
        assert!(!words("serve --").contains(&"--auto-tls-of-nobody".to_owned()));
    }

    #[test]
    fn files_are_offered_only_where_one_is_named() {
        assert_eq!(offered("snapshot status ").1, After::Files);
        assert_eq!(offered("--cacert ").1, After::Files);
        assert_eq!(offered("serve --snapshot=").1, After::Files);
        assert_eq!(offered("serve --data-dir=").1, After::Directories);
        assert_eq!(
            offered("snapshot restore a.db --data-dir ").1,
            After::Directories
        );
        assert_eq!(offered("snapshot status a.db ").1, After::Blank);
        let (words, after, wanted) = offered("get --prefix /a");
        assert_eq!((words, after), (vec![], After::Blank));
        let get = Wanted {
            path: vec!["get".into()],
            place: 0,
        };
        assert_eq!(wanted, Some(get));
        assert_eq!(offered("user grant-role alice ").2.unwrap().place, 1);
    }

    #[test]
    fn a_server_that_would_have_to_be_started_is_not_asked() {
        let asks = |endpoint: &str| {
            asking_context(&[format!("--endpoints={endpoint}"), "get".into()]).is_some()
        };
        assert!(asks("127.0.0.1:1"));
        assert!(!asks("embedded:dir"));
        assert!(!asks("snapshot:file.db"));
    }

    #[test]
    fn directories_are_offered_behind_embedded() {
        assert!(words("--endpoints=embedded:sr").contains(&"embedded:src/".to_owned()));
        assert!(words("--endpoints embedded:tests/cl").contains(&"embedded:tests/cli/".to_owned()));
        assert!(words("--endpoints=unix://Cargo.t").contains(&"unix://Cargo.toml".to_owned()));
        assert!(words("--endpoints=embedded:Cargo.t").is_empty());
        assert_eq!(
            words("--endpoints=snapshot:Cargo.t"),
            ["snapshot:Cargo.toml"]
        );
    }
}
