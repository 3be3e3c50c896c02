//! Parses PEM as Go does: skips text outside blocks, and invalid blocks. Does not interpret the content.

use base64::{Engine, engine::general_purpose::STANDARD};

/// One block.
#[derive(Debug, PartialEq, Eq)]
pub struct Block {
    /// The label after BEGIN.
    pub label: String,
    /// The decoded bytes.
    pub bytes: Vec<u8>,
}

const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";
const DASHES: &str = "-----";

/// All complete blocks, in order.
pub fn blocks(text: &[u8]) -> Vec<Block> {
    let text = String::from_utf8_lossy(text);
    let mut out = vec![];
    let mut open: Option<(&str, Vec<&str>)> = None;
    for line in text.split('\n').map(str::trim_end) {
        if let Some(label) = marked(line, BEGIN) {
            open = Some((label, vec![]));
        } else if let Some(label) = marked(line, END) {
            if let Some((begun, lines)) = open.take()
                && begun == label
                && let Some(bytes) = decode(&lines)
            {
                out.push(Block {
                    label: label.to_owned(),
                    bytes,
                });
            }
        } else if let Some((_, lines)) = &mut open {
            lines.push(line);
        }
    }
    out
}

fn marked<'a>(line: &'a str, mark: &str) -> Option<&'a str> {
    line.strip_prefix(mark)?.strip_suffix(DASHES)
}

fn decode(lines: &[&str]) -> Option<Vec<u8>> {
    let text: String = lines
        .iter()
        .skip_while(|line| line.contains(':'))
        .flat_map(|line| line.chars().filter(|c| !c.is_whitespace()))
        .collect();
    STANDARD.decode(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_outside_blocks_is_skipped() {
        let text = b"a chain\r\n-----BEGIN CERTIFICATE-----\r\nAQI=\r\n-----END CERTIFICATE-----\r\n\
            -----BEGIN BROKEN-----\nA\n-----END BROKEN-----\n\
            -----BEGIN OTHER-----\n-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4\nDEK-Info: x\n\nAw ==\n-----END EC PRIVATE KEY-----\n\
            -----BEGIN CERTIFICATE-----\nAQI=\n";
        let block = |label: &str, bytes: &[u8]| Block {
            label: label.into(),
            bytes: bytes.into(),
        };
        assert_eq!(
            blocks(text),
            [block("CERTIFICATE", &[1, 2]), block("EC PRIVATE KEY", &[3])]
        );
        assert_eq!(blocks(b"not a certificate\n"), []);
    }
}
