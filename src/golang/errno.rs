//! Errors of the operating system as Go programs print them.

use std::io;

/// The system's error text, in lower case and without the number: `no such file or directory`.
pub fn io_text(error: &io::Error) -> String {
    let text = error.to_string();
    let text = match text.rsplit_once(" (os error ") {
        Some((text, _)) => text,
        None => &text,
    };
    let mut chars = text.chars();
    match (chars.next(), text.chars().nth(1)) {
        // An abbreviation such as `RPC` keeps its capitals.
        (Some(first), Some(second)) if second.is_lowercase() || second == ' ' => {
            first.to_lowercase().chain(chars).collect()
        }
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn system_errors_read_as_in_go() {
        for (number, text) in [
            (2, "no such file or directory"),
            (5, "input/output error"),
            (28, "no space left on device"),
            (73, "RFS specific error"),
        ] {
            let error = io::Error::from_raw_os_error(number);
            if number == 73 && !cfg!(target_os = "linux") {
                continue;
            }
            assert_eq!(io_text(&error), text);
        }
    }
}
