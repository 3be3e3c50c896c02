//! `-w table`: the ASCII tables of etcdctl up to 3.6. Draws rows and nothing else; the width of the
//! terminal plays no part.

use std::io::Write;

use comfy_table::{
    Cell, CellAlignment, ContentArrangement, ContentLineStyle, LineStyle, Table, TableStyle,
};
use unicode_width::UnicodeWidthStr;

use super::rows::{self, Rows};
use super::{Format, RenderError, RenderOptions, Reply, simple};

/// A cell is folded at blanks where it is wider than this (tablewriter v0.0.5, which etcd 3.6 draws with).
const FOLD_AT: usize = 30;

/// No line between two rows, and the line below the header is as the others.
const BORDERS: TableStyle = TableStyle::new()
    .top_border(LineStyle::new('+', '-', '+', '+'))
    .header_lines(ContentLineStyle::new('|', '|', '|'))
    .header_separator(LineStyle::new('+', '-', '+', '+'))
    .content_lines(ContentLineStyle::new('|', '|', '|'))
    .bottom_border(LineStyle::new('+', '-', '+', '+'));

/// Writes `reply` as a table.
///
/// # Errors
/// [`RenderError::Unsupported`] where the reply is no rows.
pub fn render(
    reply: &Reply,
    _options: &RenderOptions,
    out: &mut dyn Write,
) -> Result<(), RenderError> {
    let rows = match reply {
        Reply::EndpointStatus(endpoints) => rows::status(endpoints),
        Reply::EndpointHealth(endpoints) => rows::health(endpoints),
        Reply::EndpointHashKv(endpoints) => rows::hash_kv(endpoints),
        Reply::MemberList(answer) => rows::members(answer),
        Reply::SnapshotStatus(status) => rows::snapshot(status),
        Reply::FileHashKv(hash) => rows::file_hash_kv(hash),
        Reply::Get(_) | Reply::Put(_) | Reply::Delete(_) | Reply::Txn(_) | Reply::Alarm(_) => {
            return Err(RenderError::Unsupported(Format::Table));
        }
        Reply::Compaction(..)
        | Reply::Defrag(_)
        | Reply::SnapshotSaved(_)
        | Reply::Version(_)
        | Reply::Nothing => {
            return Ok(simple::plain(reply, out)?);
        }
    };
    Ok(writeln!(out, "{}", draw(&rows))?)
}

fn draw(rows: &Rows) -> Table {
    let cells: Vec<Vec<Vec<String>>> = rows
        .rows
        .iter()
        .map(|row| row.iter().map(|cell| fold(cell)).collect())
        .collect();
    let header = rows.header.iter().enumerate().map(|(column, name)| {
        let below = cells
            .iter()
            .filter_map(|row| row.get(column))
            .flatten()
            .map(|line| line.width())
            .max();
        Cell::new(centre(
            &name.replace('_', " ").to_uppercase(),
            below.unwrap_or(0),
        ))
    });
    let mut table = Table::new();
    table
        .load_style(BORDERS)
        .set_content_arrangement(ContentArrangement::Disabled)
        .set_header(header);
    for row in &cells {
        table.add_row(
            row.iter()
                .map(|lines| Cell::new(lines.join("\n")).set_alignment(CellAlignment::Right)),
        );
    }
    table
}

/// `text` in the middle of `width` columns; an odd space goes to the right.
fn centre(text: &str, width: usize) -> String {
    let gap = width.saturating_sub(text.width());
    let left = gap / 2;
    format!("{}{text}{}", " ".repeat(left), " ".repeat(gap - left))
}

/// Folds a cell at blanks into lines of [`FOLD_AT`] columns, or as many as its longest word has.
///
/// Of all ways to fold, that one with the least sum of squares of what is left free in each line but the
/// last. A folded cell takes the whole width, so its first line is filled up.
///
/// Example: `memberID:10276657743932975437 alarm:NOSPACE` (43 columns) stands on two lines, and the column
/// is 30 wide, although the longer line has 29.
fn fold(cell: &str) -> Vec<String> {
    let words: Vec<&str> = cell.split(['\n', ' ']).collect();
    let one_line = words.join(" ");
    if one_line.width() <= FOLD_AT {
        return vec![one_line];
    }
    let limit = words
        .iter()
        .map(|word| word.width())
        .max()
        .unwrap_or(0)
        .max(FOLD_AT);
    // best[i]: the least cost of words[i..], and where the line that starts at word i ends.
    let mut best = vec![(0, words.len()); words.len() + 1];
    for start in (0..words.len()).rev() {
        if words[start..].join(" ").width() <= limit {
            continue;
        }
        best[start] = (start + 1..words.len())
            .map(|end| (limit.checked_sub(words[start..end].join(" ").width()), end))
            .map_while(|(free, end)| Some((free?.pow(2) + best[end].0, end)))
            .min_by_key(|(cost, _)| *cost)
            .unwrap_or((0, start + 1));
    }
    let mut lines = Vec::new();
    let mut start = 0;
    while start < words.len() {
        let end = best[start].1;
        lines.push(words[start..end].join(" "));
        start = end;
    }
    if let Some(first) = lines.first_mut() {
        *first = format!("{first:>limit$}");
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(header: &'static [&'static str], rows: &[&[&str]]) -> String {
        let rows = rows
            .iter()
            .map(|row| row.iter().map(|cell| cell.to_string()).collect())
            .collect();
        draw(&Rows { header, rows }).to_string()
    }

    /// As tablewriter v0.0.5 draws the same cells.
    #[test]
    fn folds_long_cells() {
        let header = &["endpoint", "errors"];
        let table = drawn(
            header,
            &[
                &["a", "memberID:10276657743932975437 alarm:NOSPACE"],
                &["b", ""],
            ],
        );
        assert_eq!(
            table,
            "\
+----------+--------------------------------+
| ENDPOINT |             ERRORS             |
+----------+--------------------------------+
|        a |  memberID:10276657743932975437 |
|          |                  alarm:NOSPACE |
|        b |                                |
+----------+--------------------------------+"
        );
        let text =
            "etcdserver: no leader, memberID:123 alarm:CORRUPT and a few words more than usual";
        assert_eq!(
            drawn(header, &[&["a", text]]),
            "\
+----------+--------------------------------+
| ENDPOINT |             ERRORS             |
+----------+--------------------------------+
|        a |         etcdserver: no leader, |
|          | memberID:123 alarm:CORRUPT and |
|          |    a few words more than usual |
+----------+--------------------------------+"
        );
        let two = "memberID:10276657743932975437 alarm:NOSPACE, memberID:1 alarm:CORRUPT";
        assert_eq!(
            drawn(header, &[&["a", two]]),
            "\
+----------+--------------------------------+
| ENDPOINT |             ERRORS             |
+----------+--------------------------------+
|        a |  memberID:10276657743932975437 |
|          |      alarm:NOSPACE, memberID:1 |
|          |                  alarm:CORRUPT |
+----------+--------------------------------+"
        );
        assert_eq!(
            drawn(
                header,
                &[&[
                    "a",
                    "short averyveryveryveryverylongwordwithoutanyblank x y"
                ]]
            ),
            "\
+----------+----------------------------------------------+
| ENDPOINT |                    ERRORS                    |
+----------+----------------------------------------------+
|        a |                                        short |
|          | averyveryveryveryverylongwordwithoutanyblank |
|          |                                          x y |
+----------+----------------------------------------------+"
        );
    }

    #[test]
    fn an_odd_space_goes_to_the_right_of_a_header() {
        assert_eq!(
            drawn(&["quota", "hash_revision"], &[&["2.1 GB", "值值值é"]]),
            "\
+--------+---------------+
| QUOTA  | HASH REVISION |
+--------+---------------+
| 2.1 GB |       值值值é |
+--------+---------------+"
        );
    }

    #[test]
    fn no_rows_are_a_header_between_lines() {
        assert_eq!(
            drawn(&["ID", "errors"], &[]),
            "\
+----+--------+
| ID | ERRORS |
+----+--------+
+----+--------+"
        );
    }
}
