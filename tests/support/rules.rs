//! The rules by which all our output differs from etcdctl's on purpose: failures as JSON, and hints.

/// Rule: under `-w json` a failure is one JSON object on stderr. Gives it the form that was recorded, and
/// complains where it is not there.
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

/// Rule: where single endpoints failed, that one JSON object tells of all of them, and of nothing else.
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
