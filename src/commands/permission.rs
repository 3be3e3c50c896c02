//! Names the keys of a request that the server rejected for lack of permission, because the server's error does not name
//! them. Makes no decisions about permissions.

use bytes::Bytes;

use crate::{
    cli::error::CommandError,
    client::rpc::prefix_end,
    golang::format::quote,
    proto::etcdserverpb::{self as pb, request_op::Request},
};

/// The server's error text. It may be part of a longer text.
const DENIED: &str = "etcdserver: permission denied";

/// Maximum number of requests of a transaction that are named.
const NAMED: usize = 5;

/// A permission that a request needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Needed {
    verb: &'static str,
    key: Bytes,
    end: Bytes,
}

impl Needed {
    /// The permission to read a key, or the range up to `end`.
    pub fn read(key: &Bytes, end: &Bytes) -> Needed {
        Needed {
            verb: "read",
            key: key.clone(),
            end: end.clone(),
        }
    }

    /// The permission to write a key, or the range up to `end`.
    pub fn write(key: &Bytes, end: &Bytes) -> Needed {
        Needed {
            verb: "write",
            ..Needed::read(key, end)
        }
    }

    /// All permissions that a transaction needs, without duplicates.
    pub fn of_txn(txn: &pb::TxnRequest) -> Vec<Needed> {
        let mut all = vec![];
        gather(txn, &mut all);
        let mut each: Vec<Needed> = vec![];
        for needed in all {
            if !each.contains(&needed) {
                each.push(needed);
            }
        }
        each
    }

    fn text(&self) -> String {
        let (key, end) = (quote(&self.key), quote(&self.end));
        let (verb, from_start) = (self.verb, self.key[..] == [0]);
        match &self.end[..] {
            [] => format!("{verb} the key {key}"),
            [0] if from_start => format!("{verb} all keys"),
            [0] => format!("{verb} the keys from {key} on"),
            _ if self.end[..] == prefix_end(&self.key)[..] => {
                format!("{verb} the keys that begin with {key}")
            }
            _ => format!("{verb} the keys from {key} up to {end}"),
        }
    }
}

fn gather(txn: &pb::TxnRequest, all: &mut Vec<Needed>) {
    let none = Bytes::new();
    for compare in &txn.compare {
        all.push(Needed::read(&compare.key, &compare.range_end));
    }
    for op in txn.success.iter().chain(&txn.failure) {
        match &op.request {
            Some(Request::RequestRange(r)) => all.push(Needed::read(&r.key, &r.range_end)),
            Some(Request::RequestPut(r)) => all.push(Needed::write(&r.key, &none)),
            Some(Request::RequestDeleteRange(r)) => {
                all.push(Needed::write(&r.key, &r.range_end));
            }
            Some(Request::RequestTxn(inner)) => gather(inner, all),
            None => {}
        }
    }
}

/// Adds the hint to an error, if the cause is a missing permission.
pub fn name(mut error: CommandError, needed: &[Needed]) -> CommandError {
    if let Some(hint) = hint(&error.to_string(), needed) {
        error.hints.insert(0, hint);
    }
    error
}

/// The hint for an error with this text, if the cause is a missing permission.
pub fn hint(text: &str, needed: &[Needed]) -> Option<String> {
    if !text.contains(DENIED) {
        return None;
    }
    let texts: Vec<String> = needed.iter().take(NAMED).map(Needed::text).collect();
    match &texts[..] {
        [] => None,
        [one] => Some(format!("no permission to {one}")),
        several => Some(format!(
            "no permission for at least one of: {}",
            several.join("; ")
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::error::ErrorKind;

    fn read(key: &'static str, end: &'static str) -> Needed {
        Needed::read(&key.into(), &end.into())
    }

    #[test]
    fn ranges_are_named_as_they_are_typed() {
        for (key, end, text) in [
            ("k", "", "read the key \"k\""),
            ("k", "l", "read the keys that begin with \"k\""),
            ("k", "z", "read the keys from \"k\" up to \"z\""),
            ("k", "\0", "read the keys from \"k\" on"),
            ("\0", "\0", "read all keys"),
        ] {
            assert_eq!(read(key, end).text(), text);
        }
    }

    #[test]
    fn only_a_refusal_for_lack_of_permission_gets_the_hint() {
        let hints = |text: &str, needed: &[Needed]| {
            name(CommandError::new(ErrorKind::Failed, text), needed).hints
        };
        let one = [read("k", "")];
        assert_eq!(hints(DENIED, &one), ["no permission to read the key \"k\""]);
        assert!(hints("etcdserver: too many requests", &one).is_empty());
        assert!(hints(DENIED, &[]).is_empty());
        let two = [read("a", ""), read("b", "")];
        assert_eq!(
            hints(DENIED, &two),
            ["no permission for at least one of: read the key \"a\"; read the key \"b\""]
        );
    }
}
