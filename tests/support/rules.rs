//! General rules by which our output intentionally differs from etcdctl's: failures as JSON, and hints.

/// Rule: with `-w json`, a failure is one JSON object on stderr. Converts it to the recorded form. Fails if it is missing.
pub fn json_errors(stderr: &str, exit: i32) -> Result<String, String> {
    let mut out = String::new();
    for line in stderr.split_inclusive('\n') {
        match serde_json::from_str::<serde_json::Value>(line) {
            Ok(object) if object["error"].is_string() => {
                if object["exit"] != exit {
                    return Err(format!("the exit code in {line:?} is not {exit}"));
                }
                out += &format!("Error: {}\n", object["error"].as_str().unwrap_or_default());
            }
            _ if line.starts_with("Error:") => return Err(format!("no JSON: {line:?}")),
            _ => out += line,
        }
    }
    Ok(out)
}

/// Rule: if single endpoints failed, one JSON object contains the errors of all of them, and nothing else.
pub fn one_error(recorded: &str) -> String {
    let failed: Vec<&str> = recorded
        .lines()
        .filter(|line| line.starts_with("Failed to "))
        .collect();
    if failed.is_empty() {
        recorded.to_owned()
    } else {
        format!("Error: {}\n", failed.join("; "))
    }
}

/// Rule: lines that start with `hint: ` are ours.
pub fn without_hints(stderr: &str) -> String {
    stderr
        .split_inclusive('\n')
        .filter(|line| !line.starts_with("hint: "))
        .collect()
}
