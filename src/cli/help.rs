//! Help and usage texts, generated from clap's tree and wrapped to a width. The global flags are listed by `options`,
//! each with its environment variable; a program without that command lists them in the help of each command. Prints
//! nothing.

use clap::{Arg, Command};
use unicode_width::UnicodeWidthStr;

use super::{argv::RAW, global::variable, words::SEPARATED_WORDS, words::WORDS};

/// Maximum width of the column of flags or names. For wider ones, the description starts on the next line.
const WIDEST_LEFT: usize = 28;
/// Minimum width of the column of descriptions. If there is less space, each description is below its flag or name.
const NARROWEST_RIGHT: usize = 20;
/// Number of spaces between the columns.
const GAP: usize = 2;
/// The indentation of descriptions below their flags and names.
const BELOW: &str = "        ";

/// The help of the command with this path below `root`, in lines of at most `width` columns where the words permit.
pub fn help(root: &Command, path: &[String], width: usize) -> String {
    let listed = root.find_subcommand("options").is_some();
    let (command, shared, name) = find(root, path);
    let mut text = String::new();
    let about = command.get_long_about().or(command.get_about());
    if let Some(about) = about {
        paragraphs(&about.to_string(), width, &mut text);
        text.push('\n');
    }
    let usage = format!("Usage: {}", usage_of(command, &name));
    wrap_hanging(&usage, "", "    ", width, &mut text);
    commands(command, path.is_empty(), width, &mut text);
    let own = command
        .get_arguments()
        .filter(|arg| path.is_empty() || !arg.is_global_set() || !root_has(root, arg));
    let own = own.filter(|arg| !(path.is_empty() && arg.is_global_set()));
    let mut rows: Vec<_> = own.chain(shared).filter_map(flag_row).collect();
    rows.push(("  -h, --help".to_owned(), "Show this help".to_owned()));
    section("Options", rows, width, &mut text);
    if !listed {
        let global = root.get_arguments().filter(|arg| arg.is_global_set());
        let rows = global.filter_map(flag_row).collect();
        section("Global options", rows, width, &mut text);
    }
    let after = command.get_after_long_help().or(command.get_after_help());
    if let Some(after) = after {
        text.push('\n');
        for line in after.to_string().trim_end().lines() {
            example(line, width, &mut text);
        }
    }
    if listed {
        let name = root.get_name();
        let closing = format!(
            "Use \"{name} options\" for a list of global command-line options (applies to all commands)."
        );
        text.push('\n');
        wrap(&closing, "", width, &mut text);
    }
    text
}

fn root_has(root: &Command, arg: &Arg) -> bool {
    root.get_arguments().any(|a| a.get_id() == arg.get_id())
}

/// The command with this path, the flags inherited from the groups above it (except the root), and its full name.
fn find<'a>(root: &'a Command, path: &[String]) -> (&'a Command, Vec<&'a Arg>, String) {
    let mut command = root;
    let mut shared = vec![];
    let mut name = root.get_name().to_owned();
    for (depth, part) in path.iter().enumerate() {
        let Some(next) = command.find_subcommand(part) else {
            break;
        };
        if depth > 0 {
            shared.extend(command.get_arguments().filter(|arg| arg.is_global_set()));
        }
        name = format!("{name} {part}");
        command = next;
    }
    (command, shared, name)
}

/// The usage of a command, without `Usage: `: its full name, `[options]` if it has flags, and its positional arguments.
fn usage_of(command: &Command, name: &str) -> String {
    match command.get_overridden_usage() {
        Some(usage) => usage.to_string(),
        None => name.to_owned(),
    }
}

/// The usage line of a command for clap's tree. `name` is its full name.
pub fn usage_line(name: &str, command: &Command) -> String {
    let mut usage = name.to_owned();
    let raw = |arg: &Arg| arg.get_id() == RAW && !arg.is_hide_set();
    if command
        .get_arguments()
        .any(|a| a.get_long().is_some() || raw(a))
    {
        usage.push_str(" [options]");
    }
    let words = command
        .get_arguments()
        .find(|arg| arg.get_id() == WORDS || arg.get_id() == SEPARATED_WORDS);
    let names = words.and_then(Arg::get_value_names).unwrap_or_default();
    for words in names.iter().filter(|words| !words.is_empty()) {
        usage.push(' ');
        usage.push_str(words);
    }
    usage
}

/// The usage that is printed after an error.
pub fn usage(root: &Command, path: &[String]) -> String {
    let (command, _, name) = find(root, path);
    format!(
        "Usage: {}\n\nRun '{name} --help' for more.\n",
        usage_of(command, &name)
    )
}

/// The output of `options`: the global flags, each with its environment variable.
pub fn options(root: &Command, width: usize) -> String {
    let mut text = String::new();
    wrap(
        "The following options can be passed to any command:",
        "",
        width,
        &mut text,
    );
    text.push('\n');
    let flags = root.get_arguments().filter(|arg| arg.is_global_set());
    let rows = flags.filter_map(|arg| flag_row(&with_variable(arg.clone())));
    columns(rows.collect(), width, &mut text);
    text
}

/// Appends the name of its environment variable to the help of a flag.
pub fn with_variable(arg: Arg) -> Arg {
    let Some(long) = arg.get_long() else {
        return arg;
    };
    let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
    let text = format!("{help} [env: {}]", variable(long));
    arg.help(text)
}

/// The subcommands of `command`. At the root they are grouped by headings, in the order of the first command of each.
fn commands(command: &Command, is_root: bool, width: usize, text: &mut String) {
    let mut sections: Vec<(String, Vec<(String, String)>)> = vec![];
    for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set()) {
        let heading = sub.get_next_help_heading().filter(|_| is_root);
        let heading = heading.unwrap_or("Commands");
        let about = sub.get_about().map(ToString::to_string).unwrap_or_default();
        let row = (format!("  {}", sub.get_name()), about);
        match sections.iter_mut().find(|(name, _)| name == heading) {
            Some((_, rows)) => rows.push(row),
            None => sections.push((heading.to_owned(), vec![row])),
        }
    }
    for (heading, rows) in sections {
        section(&heading, rows, width, text);
    }
}

/// A flag with its description; `None` for hidden flags and other arguments.
fn flag_row(arg: &Arg) -> Option<(String, String)> {
    let long = arg.get_long().filter(|_| !arg.is_hide_set())?;
    let mut left = match arg.get_short() {
        Some(short) => format!("  -{short}, --{long}"),
        None => format!("      --{long}"),
    };
    // A boolean flag is shown without a value, although it also accepts `=false`.
    let takes_a_word = arg.get_num_args().is_none_or(|n| n.min_values() > 0);
    if arg.get_action().takes_values() && takes_a_word {
        let names = arg.get_value_names().unwrap_or_default();
        let name = names.first().map_or("value", |name| name.as_str());
        left.push_str(&format!(" <{name}>"));
    }
    let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
    Some((left, help))
}

fn section(heading: &str, rows: Vec<(String, String)>, width: usize, text: &mut String) {
    if !rows.is_empty() {
        text.push_str(&format!("\n{heading}:\n"));
        columns(rows, width, text);
    }
}

/// Two columns: names and descriptions. A terminal that is too narrow for two columns gets one.
fn columns(rows: Vec<(String, String)>, width: usize, text: &mut String) {
    let widths = rows.iter().map(|(left, _)| left.width());
    let left_width = widths.filter(|w| *w <= WIDEST_LEFT).max().unwrap_or(0) + GAP;
    let words = rows.iter().flat_map(|(_, right)| right.split_whitespace());
    let longest_word = words.map(UnicodeWidthStr::width).max().unwrap_or(0);
    let stacked = left_width + longest_word.max(NARROWEST_RIGHT) > width;
    let indent = if stacked {
        BELOW.to_owned()
    } else {
        " ".repeat(left_width)
    };
    for (left, right) in rows {
        if stacked || left.width() + GAP > left_width {
            let name = left.trim_start();
            let before = " ".repeat(left.width() - name.width());
            wrap_hanging(name, &before, BELOW, width, text);
            wrap(&right, &indent, width, text);
        } else {
            let mut wrapped = String::new();
            wrap(&right, &indent, width, &mut wrapped);
            let row = format!("{left:left_width$}{}", wrapped.trim_start());
            text.push_str(row.trim_end());
            text.push('\n');
        }
    }
}

/// Paragraphs separated by empty lines. Line breaks inside a paragraph come from the source and are removed.
fn paragraphs(about: &str, width: usize, text: &mut String) {
    for (n, paragraph) in about.split("\n\n").enumerate() {
        if n > 0 {
            text.push('\n');
        }
        wrap(paragraph, "", width, text);
    }
}

/// Wraps words to at most `width` columns and indents each line. Never breaks a word.
pub fn wrap(words: &str, indent: &str, width: usize, text: &mut String) {
    wrap_hanging(words, indent, indent, width, text);
}

/// Like [`wrap`], with a different indentation for the first line.
fn wrap_hanging(words: &str, first: &str, indent: &str, width: usize, text: &mut String) {
    let words: Vec<&str> = words.split_whitespace().collect();
    for line in fill(&words, first, indent, width) {
        text.push_str(&line);
        text.push('\n');
    }
}

/// Lines of at most `width` columns with these words, which are never broken. `first` precedes the first line, `indent`
/// the others.
fn fill(words: &[&str], first: &str, indent: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = vec![];
    let mut column = 0;
    for word in words {
        match lines.last_mut() {
            Some(line) if column + 1 + word.width() <= width => {
                line.push(' ');
                line.push_str(word);
                column += 1 + word.width();
            }
            _ => {
                let before = if lines.is_empty() { first } else { indent };
                lines.push(format!("{before}{word}"));
                column = before.width() + word.width();
            }
        }
    }
    lines
}

/// A line of the examples: a heading, or a command that may end with a comment. If it does not fit, the comment precedes
/// the command, and the command continues after backslashes, so that it can still be copied.
fn example(line: &str, width: usize, text: &mut String) {
    let command = line.trim_start();
    if line.width() <= width || command == line {
        wrap(line, &line[..line.len() - command.len()], width, text);
        return;
    }
    let (command, comment) = match command.split_once("    # ") {
        Some((command, comment)) => (command, Some(comment)),
        None => (command, None),
    };
    for line in comment.iter().flat_map(|comment| {
        let words: Vec<&str> = comment.split_whitespace().collect();
        fill(&words, "  # ", "  # ", width)
    }) {
        text.push_str(&line);
        text.push('\n');
    }
    let words = shell_words(command);
    let whole = format!("  {}", words.join(" "));
    let lines = if whole.width() <= width {
        vec![whole]
    } else {
        // Each line but the last ends with a space and a backslash.
        fill(&words, "  ", "      ", width.saturating_sub(2))
    };
    text.push_str(&lines.join(" \\\n"));
    text.push('\n');
}

/// The words of a command as a shell separates them, including their quotes. A `$(...)` is not divided.
fn shell_words(command: &str) -> Vec<&str> {
    let mut words = vec![];
    let (mut start, mut quote, mut depth) = (0, None, 0_usize);
    for (at, c) in command.char_indices() {
        match (c, quote) {
            ('\'' | '"', None) => quote = Some(c),
            (c, Some(open)) if c == open => quote = None,
            ('(', None) => depth += 1,
            (')', None) => depth = depth.saturating_sub(1),
            (' ', None) if depth == 0 => {
                words.push(&command[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    words.push(&command[start..]);
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tool() -> Command {
        let limit = Arg::new("limit")
            .long("limit")
            .value_name("n")
            .help("At most so many of the results, which may be a great many of them");
        let hex = Arg::new("hex")
            .long("hex")
            .short('x')
            .num_args(0..=1)
            .global(true);
        Command::new("tool")
            .arg(hex.help("In hexadecimal"))
            .about("A tool")
            .subcommand(
                Command::new("get")
                    .about("Get things")
                    .next_help_heading("Things")
                    .override_usage("tool get [options] <thing>")
                    .arg(limit)
                    .after_help("Examples:\n  tool get a"),
            )
            .subcommand(
                Command::new("options")
                    .about("Options")
                    .next_help_heading("Others"),
            )
    }

    #[test]
    fn help_is_wrapped_between_words() {
        let help = help(&tool(), &["get".to_owned()], 40);
        assert_eq!(
            help,
            "\
Get things

Usage: tool get [options] <thing>

Options:
      --limit <n>  At most so many of
                   the results, which
                   may be a great many
                   of them
  -h, --help       Show this help

Examples:
  tool get a

Use \"tool options\" for a list of global
command-line options (applies to all
commands).
"
        );
        for line in help.lines() {
            assert!(line.width() <= 40, "{line}");
        }
    }

    #[test]
    fn a_narrow_terminal_gets_one_column() {
        let help = help(&tool(), &["get".to_owned()], 30);
        assert!(
            help.contains(
                "\
Usage: tool get [options]
    <thing>

Options:
      --limit <n>
        At most so many of the
        results, which may be
        a great many of them
  -h, --help
        Show this help
"
            ),
            "{help}"
        );
    }

    #[test]
    fn a_long_example_continues_after_backslashes_outside_of_quotes() {
        let wrapped = |line| {
            let mut text = String::new();
            example(line, 30, &mut text);
            text
        };
        assert_eq!(wrapped("  tool get a"), "  tool get a\n");
        assert_eq!(
            wrapped("  tool get --limit=1 'a key' \"$(date +%Y %m)\""),
            "  tool get --limit=1 'a key' \\\n      \"$(date +%Y %m)\"\n"
        );
        assert_eq!(
            wrapped("  tool save $(date +%Y %m %d).db"),
            "  tool save \\\n      $(date +%Y %m %d).db\n"
        );
        assert_eq!(
            wrapped("  tool get a    # and then other things"),
            "  # and then other things\n  tool get a\n"
        );
    }

    #[test]
    fn the_help_of_a_program_has_its_commands_under_headings() {
        let help = help(&tool(), &[], 80);
        assert!(help.contains("\nThings:\n  get  Get things\n"), "{help}");
        assert!(help.contains("\nOthers:\n  options  Options\n"), "{help}");
        assert!(
            !help.contains("--hex"),
            "global flags belong to `options`: {help}"
        );
        let options = options(&tool(), 80);
        assert!(
            options.ends_with("  -x, --hex  In hexadecimal [env: ETCDCTL_HEX]\n"),
            "{options}"
        );
    }
}
