//! Suggests names that may have been meant by a mistyped one, by the rule of cobra, the library with which etcd's tools
//! parse their command lines. Knows no names.

/// Whether `name` is suggested to somebody who typed `typed`: it can be reached with two edits, or begins with it.
pub fn suggests(typed: &str, name: &str) -> bool {
    distance(typed, name) <= 2 || name.starts_with(typed)
}

/// The one name that is suggested to somebody who typed `typed`: the one with the fewest edits, and the first of these in
/// alphabetical order. Adding the rest of a name counts as one edit. A word that would have to be replaced completely is
/// not considered a mistyped name.
pub fn closest<'a>(typed: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let edits = |name: &str| match distance(typed, name) {
        0 => 0,
        _ if name.starts_with(typed) => 1,
        edits => edits,
    };
    let near = names.filter(|name| suggests(typed, name) && edits(name) < typed.len());
    near.min_by_key(|name| (edits(name), *name))
}

/// Levenshtein distance in bytes.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.bytes().enumerate() {
            let above = row[j + 1];
            row[j + 1] = if x == y {
                diagonal
            } else {
                1 + diagonal.min(above).min(row[j])
            };
            diagonal = above;
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_with_the_fewest_edits_is_suggested() {
        let names = ["get", "put", "lease", "prefix", "print-value-only"];
        for (typed, suggested) in [
            ("gte", Some("get")),
            ("puts", Some("put")),
            ("pre", Some("prefix")),
            ("print", Some("print-value-only")),
            ("prefxi", Some("prefix")),
            ("member", None),
            ("no", None),
            ("g", None),
            ("", None),
        ] {
            assert_eq!(closest(typed, names.into_iter()), suggested, "{typed}");
        }
    }
}
