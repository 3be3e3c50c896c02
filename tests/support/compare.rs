//! Lists the lines in which two texts differ.

use std::fmt::Write;

/// The lines that only one side has, with the number of their first line; `None` if both are equal.
pub fn texts(what: &str, want: &str, got: &str) -> Option<String> {
    if want == got {
        return None;
    }
    let (a, b): (Vec<&str>, Vec<&str>) = (
        want.split_inclusive('\n').collect(),
        got.split_inclusive('\n').collect(),
    );
    let same = a.iter().zip(&b).take_while(|(x, y)| x == y).count();
    let tail = a[same..]
        .iter()
        .rev()
        .zip(b[same..].iter().rev())
        .take_while(|(x, y)| x == y)
        .count();
    let mut out = format!("  {what} differs from line {}:\n", same + 1);
    for line in &a[same..a.len() - tail] {
        let _ = writeln!(out, "    want {line:?}");
    }
    for line in &b[same..b.len() - tail] {
        let _ = writeln!(out, "    got  {line:?}");
    }
    Some(out)
}
