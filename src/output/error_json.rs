//! A failure under `-w json`: one JSON object on a line of stderr instead of `Error: ...`. Contains the error, its gRPC
//! code, the exit code and the hints.

use std::io::{self, Write};

use serde::Serialize;

use crate::golang::json as go_json;

/// A failed command.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ErrorReply {
    /// The text printed after `Error: ` in the other formats.
    pub error: String,
    /// gRPC status code, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<i32>,
    /// Exit status of the process.
    pub exit: u8,
    /// Hints, one line each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hints: Vec<String>,
}

impl ErrorReply {
    /// Writes `{"error":...,"code":...,"exit":...,"hints":[...]}` and a newline.
    ///
    /// # Errors
    /// An error of `err`.
    pub fn write(&self, err: &mut dyn Write) -> io::Result<()> {
        go_json::write_line(self, err)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_object_on_one_line() {
        let mut out = Vec::new();
        let reply = ErrorReply {
            error: "etcdserver: a < b\n".into(),
            code: Some(11),
            exit: 1,
            hints: vec!["try again".into()],
        };
        reply.write(&mut out).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "{\"error\":\"etcdserver: a \\u003c b\\n\",\"code\":11,\"exit\":1,\"hints\":[\"try again\"]}\n"
        );
    }
}
