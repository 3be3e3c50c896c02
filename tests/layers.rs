//! Checks the code against ARCHITECTURE.md: which module may use which, which modules are synchronous, what only one
//! place may do, and that the tests named there exist. Reads source text, without a compiler.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Modules that do not use tokio.
const SYNCHRONOUS: &[&str] = &[
    "bolt",
    "wal",
    "schema",
    "snapshot",
    "output",
    "golang",
    "files::direct",
    "files::flusher",
    "server::mvcc",
];

/// Something that only some files may do.
struct Reserved {
    /// Description.
    what: &'static str,
    /// Code that does it. An entry that ends in `(` or `!` is a call.
    words: &'static [&'static str],
    /// Files and folders below `src/` that may do it.
    places: &'static [&'static str],
}

const RESERVED: &[Reserved] = &[
    Reserved {
        what: "writes to stdout or stderr",
        words: &[
            "println!",
            "print!",
            "eprintln!",
            "eprint!",
            "dbg!",
            "io::stdout(",
            "io::stderr(",
        ],
        places: &["cli/ui.rs"],
    },
    Reserved {
        what: "writes to the file system",
        words: &[
            "File::create(",
            "File::create_new(",
            "OpenOptions",
            "File::options(",
            "fs::write(",
            "fs::rename(",
            "fs::copy(",
            "fs::hard_link(",
            "fs::remove_file(",
            "fs::remove_dir(",
            "fs::remove_dir_all(",
            "fs::create_dir(",
            "fs::create_dir_all(",
            "fs::set_permissions(",
            "DirBuilder",
            "set_len(",
            "sync_all(",
            "sync_data(",
            "fallocate(",
            "ftruncate(",
            "renameat(",
            "unlinkat(",
            "openat(",
        ],
        places: &[
            "bolt/disk.rs",
            "files/",
            // Builds a whole directory of files, which is then renamed into place.
            "snapshot/restore/",
            // Grows and syncs segments of a log in such a directory.
            "wal/writer.rs",
            // Appends to the files of `--log-outputs`.
            "commands/serve/log.rs",
            // Generates the certificate of `--auto-tls`, once, in a separate folder.
            "server/tls/auto.rs",
            // Removes the socket file that it created.
            "server/address.rs",
        ],
    },
    Reserved {
        what: "is unsafe",
        words: &["unsafe"],
        places: &["bolt/map.rs"],
    },
    Reserved {
        what: "ends the process",
        words: &["process::exit(", "process::abort(", "exit_group("],
        places: &["program/", "process/"],
    },
    Reserved {
        what: "opens a bolt database",
        words: &["Db::open(", "Db::create(", "FileReader::open("],
        places: &["bolt/", "snapshot/", "server/backend.rs", "server/core/"],
    },
];

/// A source file without comments, string literals and tests.
struct Source {
    /// Path below `src/`.
    file: String,
    /// `server::http::gateway`.
    module: Vec<String>,
    code: String,
}

#[test]
fn parts_name_only_what_the_picture_allows() {
    let picture = picture();
    let mut wrong = BTreeSet::new();
    let mut seen: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for source in sources() {
        let from = part(&picture, &source.module)
            .unwrap_or_else(|| panic!("{} belongs to no part of the picture", source.file));
        for path in names(&source) {
            let Some(to) = part(&picture, &path) else {
                continue;
            };
            if from == to {
                continue;
            }
            seen.entry(from.clone()).or_default().insert(to.clone());
            if !picture[&from].contains(&to) {
                wrong.insert(format!("{}: {from} names {}", source.file, path.join("::")));
            }
        }
    }
    if std::env::var_os("LAYERS_SHOW").is_some() {
        for (from, to) in &seen {
            let to: Vec<&str> = to.iter().map(String::as_str).collect();
            println!("    {from:24} {}", to.join(" "));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    let idle: Vec<String> = picture
        .iter()
        .flat_map(|(from, to)| to.iter().map(move |to| (from, to)))
        .filter(|(from, to)| !seen.get(*from).is_some_and(|seen| seen.contains(*to)))
        .map(|(from, to)| format!("{from} -> {to}"))
        .collect();
    assert!(
        idle.is_empty(),
        "the picture allows what nobody does: {idle:?}"
    );
}

#[test]
fn synchronous_parts_know_no_tokio() {
    let mut wrong = BTreeSet::new();
    for source in sources() {
        let module = source.module.join("::");
        let synchronous = SYNCHRONOUS
            .iter()
            .any(|part| module == *part || module.starts_with(&format!("{part}::")));
        if synchronous && (has_word(&source.code, "tokio") || has_word(&source.code, "async")) {
            wrong.insert(source.file);
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn reserved_operations_happen_only_in_their_place() {
    let mut wrong = BTreeSet::new();
    let sources = sources();
    for reserved in RESERVED {
        let mut done = false;
        for source in &sources {
            let allowed = reserved.places.iter().any(|p| source.file.starts_with(p));
            for word in reserved.words {
                if !has_word(&source.code, word) {
                    continue;
                }
                done = true;
                if !allowed {
                    wrong.insert(format!("{} {}: {word}", source.file, reserved.what));
                }
            }
        }
        assert!(done, "nobody {}", reserved.what);
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Every invariant has a unique number and names at least one existing test.
#[test]
fn every_invariant_names_tests_that_exist() {
    let page = fs::read_to_string(root().join("ARCHITECTURE.md")).expect("ARCHITECTURE.md");
    let mut tests = String::new();
    for folder in ["src", "tests", ".ci"] {
        let mut files = Vec::new();
        walk_all(&root().join(folder), &mut files);
        for file in files {
            tests += &String::from_utf8_lossy(&fs::read(file).expect("a source"));
        }
    }
    let mut numbers = BTreeSet::new();
    let mut wrong = Vec::new();
    for paragraph in page.split("\n\n") {
        let Some(rest) = paragraph.strip_prefix("**Invariant") else {
            continue;
        };
        let (number, text) = rest.split_once(":**").expect("a number");
        if number.trim().is_empty() || !numbers.insert(number.trim()) {
            wrong.push(format!("no unique number: {paragraph}"));
        }
        let text = text.replace('\n', " ");
        let Some((_, named)) = text.rsplit_once("Test: ").or(text.rsplit_once("Tests: ")) else {
            wrong.push(format!("{number} names no test"));
            continue;
        };
        // Every second piece is between backticks.
        for name in named.split('`').skip(1).step_by(2) {
            let test = format!("fn {name}(");
            let case = format!("{name};");
            if !tests.contains(&test) && !tests.contains(&case) && !root().join(name).exists() {
                wrong.push(format!("{number}: there is no test {name}"));
            }
        }
    }
    assert!(numbers.len() > 5, "{numbers:?}");
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The permitted dependencies: the indented lines `module -> module module` of ARCHITECTURE.md.
fn picture() -> BTreeMap<String, BTreeSet<String>> {
    let page = root().join("ARCHITECTURE.md");
    let page = fs::read_to_string(page).expect("ARCHITECTURE.md");
    let lines = page.lines().filter_map(|line| line.strip_prefix("    "));
    let picture: BTreeMap<String, BTreeSet<String>> = lines
        .filter_map(|line| line.split_once("->"))
        .map(|(from, to)| {
            let to = to.split_whitespace().map(String::from).collect();
            (from.trim().to_owned(), to)
        })
        .collect();
    assert!(picture.len() > 10, "ARCHITECTURE.md has no picture");
    for to in picture.values().flatten() {
        assert!(picture.contains_key(to), "{to} has no line in the picture");
    }
    picture
}

/// The most specific entry of the table that contains the module.
fn part(picture: &BTreeMap<String, BTreeSet<String>>, module: &[String]) -> Option<String> {
    (1..=module.len())
        .rev()
        .map(|n| module[..n].join("::"))
        .find(|name| picture.contains_key(name))
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn sources() -> Vec<Source> {
    let src = root().join("src");
    let mut files = Vec::new();
    walk(&src, &mut files);
    let mut sources = Vec::new();
    let tests = test_modules(&files);
    for path in files {
        let below = path.strip_prefix(&src).expect("it was found there");
        let file = below.display().to_string();
        // The programs' `main`, the list of modules, generated code, and files that contain only tests.
        if file.starts_with("bin/")
            || file == "lib.rs"
            || file.starts_with("proto")
            || tests.contains(&path)
            || tests
                .iter()
                .any(|test| path.starts_with(test.with_extension("")))
        {
            continue;
        }
        let mut module: Vec<String> = below
            .with_extension("")
            .iter()
            .map(|name| name.to_string_lossy().into_owned())
            .collect();
        if module.last().is_some_and(|name| name == "mod") {
            module.pop();
        }
        let text = fs::read_to_string(&path).expect("it was found there");
        let code = without_tests(&without_comments_and_texts(&text));
        sources.push(Source { file, module, code });
    }
    assert!(sources.len() > 100, "src/ was not found");
    sources
}

/// The files included by `#[cfg(test)] mod name;`.
fn test_modules(files: &[PathBuf]) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    for path in files {
        let code = without_comments_and_texts(&fs::read_to_string(path).expect("a source"));
        let folder = match path.file_name().and_then(|name| name.to_str()) {
            Some("mod.rs" | "lib.rs") => path.with_file_name(""),
            _ => path.with_extension(""),
        };
        for (at, marker) in code.match_indices("#[cfg(test)]") {
            let item = code[at + marker.len()..].trim_start();
            if let Some(module) = item.strip_prefix("mod ") {
                let name: String = module.chars().take_while(|c| is_word(*c)).collect();
                found.insert(folder.join(format!("{name}.rs")));
                found.insert(folder.join(name).join("mod.rs"));
            }
        }
    }
    found
}

fn walk(dir: &Path, files: &mut Vec<PathBuf>) {
    walk_all(dir, files);
    files.retain(|path| path.extension().is_some_and(|e| e == "rs"));
}

fn walk_all(dir: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).expect("a folder of sources") {
        let path = entry.expect("a folder of sources").path();
        if path.is_dir() {
            walk_all(&path, files);
        } else {
            files.push(path);
        }
    }
    files.sort();
}

/// Code without comments and string literals, which could otherwise be mistaken for code.
fn without_comments_and_texts(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if rest.starts_with("//") {
            rest = &rest[rest.find('\n').unwrap_or(rest.len())..];
        } else if rest.starts_with("/*") {
            rest = rest.find("*/").map_or("", |end| &rest[end + 2..]);
        } else if let Some(after) = raw_text(rest) {
            out.push_str("\"\"");
            rest = after;
        } else if c == '"' {
            out.push_str("\"\"");
            rest = text_end(&rest[1..]);
        } else if c == '\'' {
            // A character literal; a lifetime has no second quote so close.
            let end = match rest.as_bytes().get(1) {
                Some(b'\\') => rest[2..].find('\'').filter(|n| *n < 12).map(|n| n + 3),
                _ => {
                    let width = rest[1..].chars().next().map_or(1, char::len_utf8);
                    (rest.as_bytes().get(1 + width) == Some(&b'\'')).then_some(2 + width)
                }
            };
            out.push('\'');
            rest = &rest[end.unwrap_or(1)..];
        } else {
            out.push(c);
            rest = &rest[c.len_utf8()..];
        }
    }
    out
}

/// The text after a raw string literal, if there is one here.
fn raw_text(rest: &str) -> Option<&str> {
    let after = rest.strip_prefix('r').or(rest.strip_prefix("br"))?;
    let hashes = after.len() - after.trim_start_matches('#').len();
    let body = after[hashes..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    Some(body.find(&end).map_or("", |at| &body[at + end.len()..]))
}

fn text_end(body: &str) -> &str {
    let mut escaped = false;
    for (at, c) in body.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return &body[at + 1..],
            _ => {}
        }
    }
    ""
}

/// Removes items marked `#[cfg(test)]`.
fn without_tests(code: &str) -> String {
    let mut out = String::with_capacity(code.len());
    let mut rest = code;
    while let Some(at) = rest.find("#[cfg(test)]") {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let body = rest.find('{').unwrap_or(rest.len());
        let semicolon = rest.find(';').unwrap_or(rest.len());
        if semicolon < body {
            rest = &rest[semicolon + 1..];
            continue;
        }
        let mut depth = 0;
        let end = rest
            .char_indices()
            .skip_while(|(at, _)| *at < body)
            .find(|(_, c)| {
                match c {
                    '{' => depth += 1,
                    '}' => depth -= 1,
                    _ => {}
                }
                depth == 0
            });
        rest = end.map_or("", |(at, _)| &rest[at + 1..]);
    }
    out.push_str(rest);
    out
}

/// The paths within this crate that the code uses, without `crate`, `self` and `super`.
fn names(source: &Source) -> BTreeSet<Vec<String>> {
    let mut found = BTreeSet::new();
    for (at, _) in source.code.match_indices("::") {
        // The first segment of a path precedes its first pair of colons.
        let before = &source.code[..at];
        let start = before.rfind(|c: char| !is_word(c)).map_or(0, |n| {
            n + before[n..].chars().next().map_or(1, char::len_utf8)
        });
        if before[..start].ends_with("::") {
            continue;
        }
        let base = match &before[start..] {
            "crate" => Vec::new(),
            "self" => source.module.clone(),
            "super" => {
                let mut base = source.module.clone();
                base.pop();
                base
            }
            _ => continue,
        };
        expand(&source.code[at + 2..], base, &mut found);
    }
    found
}

/// Follows a path, and all branches of a group in braces. Returns the rest.
fn expand<'a>(
    mut rest: &'a str,
    mut base: Vec<String>,
    found: &mut BTreeSet<Vec<String>>,
) -> &'a str {
    loop {
        rest = rest.trim_start();
        if let Some(mut group) = rest.strip_prefix('{') {
            loop {
                group = expand(group, base.clone(), found).trim_start();
                match group.strip_prefix(',') {
                    Some(more) => group = more,
                    None => return group.strip_prefix('}').unwrap_or(group),
                }
            }
        }
        let end = rest.find(|c: char| !is_word(c)).unwrap_or(rest.len());
        match &rest[..end] {
            "super" => {
                base.pop();
            }
            "self" | "" => {}
            word => base.push(word.to_owned()),
        }
        rest = &rest[end..];
        match rest.strip_prefix("::") {
            Some(more) => rest = more,
            None => break,
        }
    }
    if !base.is_empty() {
        found.insert(base);
    }
    // Renamed: `as other`.
    match rest.trim_start().strip_prefix("as ") {
        Some(name) => name.trim_start().trim_start_matches(is_word),
        None => rest,
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Whether `word` occurs as a whole word.
fn has_word(code: &str, word: &str) -> bool {
    let open = word.ends_with(is_word);
    code.match_indices(word).any(|(at, _)| {
        let begins = !code[..at].ends_with(is_word);
        let ends = !open || !code[at + word.len()..].starts_with(is_word);
        begins && ends
    })
}

#[test]
fn comments_and_literals_are_not_mistaken_for_code() {
    let text = r##"
        // crate::comment
        use crate::{client::{self, cause::Cause as Why}, golang::string};
        /* crate::long::comment */
        const A: &str = "crate::text \" crate::more"; const B: char = '"';
        fn f<'a>(x: &'a str) { super::sibling::g(r#"crate::raw"#); self::own(); crate::server::core::h() }
        #[cfg(test)]
        mod tests { use crate::tests_only; fn g() { {} } }
        use super::super::uncle;
    "##;
    let source = Source {
        file: "a/b.rs".into(),
        module: vec!["a".into(), "b".into()],
        code: without_tests(&without_comments_and_texts(text)),
    };
    let names: Vec<String> = names(&source).iter().map(|n| n.join("::")).collect();
    assert_eq!(
        names,
        [
            "a::b::own",
            "a::sibling::g",
            "client",
            "client::cause::Cause",
            "golang::string",
            "server::core::h",
            "uncle",
        ]
    );
    assert!(has_word("x stdout() y", "stdout(") && !has_word("mystdout()", "stdout("));
    assert!(!has_word("unsafe_code", "unsafe") && has_word("{unsafe {", "unsafe"));
}
