//! Masks what legitimately varies from run to run on both sides before they are compared
//! (`tests/data/golden/masks.json`, which gives the reason for each mask).

use std::fs;

use fancy_regex::{Captures, Regex};
use serde::Deserialize;

#[derive(Debug, Deserialize)]
struct File {
    masks: Vec<Mask>,
}

#[derive(Debug, Deserialize)]
struct Mask {
    name: String,
    /// `stdout`, `stderr` or `both`.
    on: String,
    #[serde(default)]
    always: bool,
    regex: String,
    #[serde(default)]
    dotall: bool,
    #[serde(default)]
    replace: String,
    /// Blanks these cells of a table row without changing their width.
    cells: Option<Vec<usize>>,
    /// Sorts the parts between these separators.
    sort: Option<String>,
    #[serde(default)]
    join: String,
    /// Replaces runs of spaces and dashes by one.
    #[serde(default)]
    squeeze: bool,
}

pub struct Masks(Vec<(Mask, Regex)>);

impl Masks {
    #[track_caller]
    pub fn load() -> Self {
        let text = fs::read(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/data/golden/masks.json"
        ))
        .expect("the masks can be read");
        let file: File = serde_json::from_slice(&text).expect("the masks are JSON");
        Self(file.masks.into_iter().map(compile).collect())
    }

    /// `extra` names additional masks; `no:NAME` disables one.
    pub fn apply(&self, text: &str, stream: &str, extra: &[&String]) -> String {
        let named = |name: &str| extra.iter().any(|e| *e == name);
        let mut text = text.to_owned();
        for (mask, regex) in &self.0 {
            let on = if mask.always {
                !named(&format!("no:{}", mask.name))
            } else {
                named(&mask.name)
            };
            if on && (mask.on == "both" || mask.on == stream) {
                text = mask.apply(regex, &text);
            }
        }
        text
    }
}

fn compile(mask: Mask) -> (Mask, Regex) {
    let flags = if mask.dotall { "(?ms)" } else { "(?m)" };
    let regex = Regex::new(&format!("{flags}{}", mask.regex))
        .unwrap_or_else(|e| panic!("{}: {e}", mask.name));
    (mask, regex)
}

impl Mask {
    fn apply(&self, regex: &Regex, text: &str) -> String {
        let replaced = regex.replace_all(text, |hit: &Captures<'_>| {
            let whole = hit.get(0).map_or("", |m| m.as_str());
            if let Some(cells) = &self.cells {
                blank_cells(whole, cells, &self.replace)
            } else if let Some(separator) = &self.sort {
                sort_parts(separator, &self.join, whole)
            } else if self.squeeze {
                squeeze(whole)
            } else {
                self.expand(hit)
            }
        });
        replaced.into_owned()
    }

    /// `\1` is a group and `\n` a newline, as in Python.
    fn expand(&self, hit: &Captures<'_>) -> String {
        let mut out = String::new();
        let mut chars = self.replace.chars();
        while let Some(c) = chars.next() {
            match c {
                '\\' => match chars.next() {
                    Some('n') => out.push('\n'),
                    Some(d) if d.is_ascii_digit() => {
                        let group = usize::try_from(d.to_digit(10).unwrap_or(0)).unwrap_or(0);
                        out.push_str(hit.get(group).map_or("", |m| m.as_str()));
                    }
                    other => panic!("{}: what is \\{other:?}?", self.name),
                },
                c => out.push(c),
            }
        }
        out
    }
}

fn blank_cells(row: &str, which: &[usize], word: &str) -> String {
    let bar = row.chars().next().unwrap_or('|');
    let mut cells: Vec<String> = row.split(bar).map(str::to_owned).collect();
    for i in which {
        if i + 2 < cells.len() && !cells[i + 1].trim().is_empty() {
            let width = cells[i + 1].chars().count().saturating_sub(2);
            cells[i + 1] = format!(" {word:>width$} ");
        }
    }
    cells.join(&bar.to_string())
}

fn sort_parts(separator: &str, join: &str, text: &str) -> String {
    let separator = Regex::new(separator).expect("the separator is a pattern");
    let (body, end) = text
        .strip_suffix('\n')
        .map_or((text, ""), |body| (body, "\n"));
    let mut parts: Vec<&str> = separator.split(body).filter_map(Result::ok).collect();
    parts.sort_unstable();
    parts.join(join) + end
}

fn squeeze(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if !(matches!(c, ' ' | '-' | '\u{2500}') && out.ends_with(c)) {
            out.push(c);
        }
    }
    out
}
