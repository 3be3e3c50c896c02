//! One condition of a transaction: `TARGET("KEY") OPERATOR "VALUE"`.

use super::split;
use crate::{
    cli::{
        error::{CommandError, ErrorKind},
        value,
    },
    golang::{format::quote, string},
    proto::etcdserverpb as pb,
};

/// Parses a condition.
///
/// # Errors
/// The error texts of etcdctl (etcd v3.7.1, etcdctl `ParseCompare`), and one for an invalid operator.
pub fn parse(line: &[u8]) -> Result<pb::Compare, CommandError> {
    use pb::compare::{CompareTarget, TargetUnion};
    let shown = string::text(line);
    let malformed = |tail: String| {
        CommandError::new(
            ErrorKind::InvalidInput,
            format!("malformed comparison: {shown}{tail}"),
        )
    };
    // Split the condition into its parts.
    let Some(at) = line.iter().position(|&b| b == b'(') else {
        return Err(malformed(String::new()));
    };
    let target = string::text(&line[..at]);
    let parts = scan(&line[at + 1..]);
    let (Some(key), Some(operator), Some(operand)) = (&parts.key, &parts.operator, &parts.value)
    else {
        let error = malformed(format!(
            "; got {target}({}) {} {}",
            quote(parts.key.as_deref().unwrap_or_default()),
            string::text(parts.operator.as_deref().unwrap_or_default()),
            quote(parts.value.as_deref().unwrap_or_default())
        ));
        let operand = line
            .windows(2)
            .any(|w| matches!(w, [b'=' | b'<' | b'>', b'"' | b'`']));
        return Err(if parts.key.is_some() && operand {
            error.hint("put spaces around the operator: value(\"key\") = \"text\"")
        } else {
            error.hint("a condition is TARGET(\"key\") OPERATOR \"value\", with all quotes")
        });
    };
    // Parse the operand according to the target.
    let number = |base| {
        value::int(&string::text(operand), base).map_err(|_| {
            CommandError::new(
                ErrorKind::InvalidInput,
                format!("invalid txn compare request: {shown}"),
            )
        })
    };
    let (target, union) = match &*target {
        "ver" | "version" => (CompareTarget::Version, TargetUnion::Version(number(10)?)),
        "c" | "create" => (
            CompareTarget::Create,
            TargetUnion::CreateRevision(number(10)?),
        ),
        "m" | "mod" => (CompareTarget::Mod, TargetUnion::ModRevision(number(10)?)),
        "val" | "value" => (
            CompareTarget::Value,
            TargetUnion::Value(operand.clone().into()),
        ),
        // Leases are always written in hexadecimal.
        "lease" => (CompareTarget::Lease, TargetUnion::Lease(number(16)?)),
        other => return Err(malformed(format!(" (unknown target {other})"))),
    };
    // Parse the operator.
    let result = match &operator[..] {
        b"=" => pb::compare::CompareResult::Equal,
        b"!=" => pb::compare::CompareResult::NotEqual,
        b">" => pb::compare::CompareResult::Greater,
        b"<" => pb::compare::CompareResult::Less,
        other => {
            return Err(malformed(format!(
                " (unknown operator {})",
                string::text(other)
            )));
        }
    };
    Ok(pb::Compare {
        result: result.into(),
        target: target.into(),
        key: key.clone().into(),
        target_union: Some(union),
        range_end: bytes::Bytes::new(),
    })
}

#[derive(Default)]
struct Parts {
    key: Option<Vec<u8>>,
    operator: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
}

/// Go's `Sscanf` with `%q) %s %q`, as far as it succeeds.
fn scan(text: &[u8]) -> Parts {
    let mut parts = Parts::default();
    let Some((key, rest)) = quoted(text) else {
        return parts;
    };
    parts.key = Some(key);
    let Some(rest) = rest.strip_prefix(b")").and_then(skip_spaces) else {
        return parts;
    };
    let end = split::word_end(rest);
    if end == 0 {
        return parts;
    }
    parts.operator = Some(rest[..end].to_vec());
    let Some(rest) = skip_spaces(&rest[end..]) else {
        return parts;
    };
    parts.value = quoted(rest).map(|(value, _)| value);
    parts
}

/// Skips one or more spaces; at the end of the text there need be none.
fn skip_spaces(text: &[u8]) -> Option<&[u8]> {
    let trimmed = split::trim_start(text);
    (text.is_empty() || trimmed.len() < text.len()).then_some(trimmed)
}

/// Reads a text in double quotes or backquotes. Returns it and the rest.
fn quoted(text: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let text = split::trim_start(text);
    match text.first()? {
        b'"' => {
            let end = split::quoted_end(text)?;
            Some((split::unquote(&text[1..end - 1]).ok()?, &text[end..]))
        }
        b'`' => {
            let end = text[1..].iter().position(|&b| b == b'`')? + 1;
            Some((text[1..end].to_vec(), &text[end + 1..]))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(line: &str) -> String {
        let error = parse(line.as_bytes()).unwrap_err();
        assert_eq!(error.kind, ErrorKind::InvalidInput);
        error.to_string()
    }

    #[test]
    fn every_target_and_operator() {
        use pb::compare::TargetUnion;
        let compare = parse(br#"ver("k") = "1""#).unwrap();
        assert_eq!(compare.target_union, Some(TargetUnion::Version(1)));
        let compare = parse(b"lease(`k`)   !=   `1f`").unwrap();
        assert_eq!(compare.target_union, Some(TargetUnion::Lease(31)));
        assert_eq!(compare.result, 3);
        let compare = parse("mod(\"k\")\u{a0}>\u{3000}\"1\"".as_bytes()).unwrap();
        assert_eq!(compare.target_union, Some(TargetUnion::ModRevision(1)));
        let compare = parse(br#"val("tab\t") < "x""#).unwrap();
        assert_eq!(&compare.key[..], b"tab\t");
    }

    #[test]
    fn invalid_comparisons_are_refused_with_etcds_text() {
        for (line, text) in [
            (
                r#"ver("k") = 1"#,
                r#"malformed comparison: ver("k") = 1; got ver("k") = """#,
            ),
            (r#"ver "k" = "1""#, r#"malformed comparison: ver "k" = "1""#),
            (
                r#"size("k") = "1""#,
                r#"malformed comparison: size("k") = "1" (unknown target size)"#,
            ),
            (
                r#"ver("k") = "one""#,
                r#"invalid txn compare request: ver("k") = "one""#,
            ),
            (
                r#"ver("k")="1""#,
                r#"malformed comparison: ver("k")="1"; got ver("k")  """#,
            ),
            (
                r#"ver("k") ~ "1""#,
                r#"malformed comparison: ver("k") ~ "1" (unknown operator ~)"#,
            ),
        ] {
            assert_eq!(error(line), text);
        }
    }
}
