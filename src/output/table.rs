//! `-w table`: ASCII tables as in etcdctl up to 3.6. Independent of the width of the terminal.

use std::io::Write;

use comfy_table::{
    Cell, CellAlignment, ContentArrangement, ContentLineStyle, LineStyle, Table as Drawing,
    TableStyle,
};
use unicode_width::UnicodeWidthStr;

use super::{Format, RenderError, Rendered, Reply, Rows, simple::Simple};

/// A cell that is wider than this is folded at spaces (as in tablewriter v0.0.5, which etcd 3.6 uses).
const FOLD_AT: usize = 30;

/// No lines between rows; the line below the header looks like the others.
const BORDERS: TableStyle = TableStyle::new()
    .top_border(LineStyle::new('+', '-', '+', '+'))
    .header_lines(ContentLineStyle::new('|', '|', '|'))
    .header_separator(LineStyle::new('+', '-', '+', '+'))
    .content_lines(ContentLineStyle::new('|', '|', '|'))
    .bottom_border(LineStyle::new('+', '-', '+', '+'));

/// Writes ASCII tables.
pub struct Table<'a> {
    pub(super) hex: bool,
    pub(super) out: &'a mut dyn Write,
}

impl Table<'_> {
    /// Fails: the reply does not consist of rows.
    ///
    /// # Errors
    /// Always [`RenderError::Unsupported`].
    pub fn unsupported(&self) -> Rendered {
        Err(RenderError::Unsupported(Format::Table))
    }

    /// Prints the reply as plain text.
    ///
    /// # Errors
    /// The output cannot be written.
    pub fn as_simple(&mut self, reply: &dyn Reply) -> Rendered {
        reply.simple(&mut Simple {
            hex: self.hex,
            out: self.out,
        })
    }

    /// Prints rows as a table.
    ///
    /// # Errors
    /// The output cannot be written.
    pub fn rows(&mut self, rows: &Rows) -> Rendered {
        Ok(writeln!(self.out, "{}", draw(rows))?)
    }
}

fn draw(rows: &Rows) -> Drawing {
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
    let mut table = Drawing::new();
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

/// Centres `text` in `width` columns; an odd space goes to the right.
fn centre(text: &str, width: usize) -> String {
    let gap = width.saturating_sub(text.width());
    let left = gap / 2;
    format!("{}{text}{}", " ".repeat(left), " ".repeat(gap - left))
}

/// Folds a cell at spaces into lines of [`FOLD_AT`] columns, or as many as its longest word needs.
///
/// Of all ways to fold it, chooses the one with the least sum of squares of the free columns in every line but the
/// last. A folded cell takes the whole width, so its first line is padded.
///
/// Example: `memberID:10276657743932975437 alarm:NOSPACE` (43 columns) takes two lines, and the column is 30 wide,
/// although the longer line has 29.
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
    // best[i]: the least cost of words[i..], and the index of the end of the line that starts with word i.
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

    /// Expected values from tablewriter v0.0.5.
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
    fn the_odd_space_of_a_centered_header_goes_to_the_right() {
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
