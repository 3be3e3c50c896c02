//! Parses endpoints. Resolves no name and opens nothing.

use std::path::PathBuf;

use super::cause::Cause;
use crate::golang::string;

/// How a server is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A host and a port over TCP; `tls` if the scheme is https.
    Tcp {
        /// Name or address, without brackets.
        host: String,
        /// Port.
        port: u16,
        /// `https://`.
        tls: bool,
    },
    /// A Unix socket; `tls` if the scheme is unixs.
    Unix {
        /// Path of the socket.
        path: PathBuf,
        /// `unixs://`.
        tls: bool,
    },
    /// A data directory to serve in this process, and flags for the server.
    Embedded {
        /// The data directory.
        dir: PathBuf,
        /// `name=value` pairs as given.
        flags: Vec<(String, String)>,
    },
    /// A snapshot, or a stopped member's database, to serve in this process.
    Snapshot {
        /// The file.
        file: PathBuf,
    },
    /// The endpoint is malformed; contains the reason.
    Malformed(String),
}

/// Prefix of endpoints that are served in this process.
pub const EMBEDDED: &str = "embedded:";
/// Prefix of snapshots that are served in this process.
pub const SNAPSHOT: &str = "snapshot:";

/// An endpoint as given and as parsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// As given; messages and replies show it in this form.
    pub typed: String,
    /// The parsed form.
    pub target: Target,
}

/// A malformed endpoint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("endpoint {typed:?}: {reason}")]
pub struct EndpointError {
    /// As given.
    pub typed: String,
    /// The defect.
    pub reason: String,
}

impl EndpointError {
    /// The error for a data directory given together with other endpoints.
    pub fn combined(typed: &str) -> EndpointError {
        EndpointError {
            typed: typed.to_owned(),
            reason: "a data directory is the only endpoint of a command; a comma in --endpoints separates endpoints, so \
                     no data directory can have one in its name"
                .into(),
        }
    }
}

impl From<EndpointError> for Endpoint {
    /// An endpoint that fails when it is used, so that the other endpoints still work.
    fn from(error: EndpointError) -> Endpoint {
        Endpoint {
            typed: error.typed,
            target: Target::Malformed(error.reason),
        }
    }
}

impl Endpoint {
    /// Parses one endpoint. A path after the host is ignored, as in etcdctl.
    ///
    /// # Errors
    /// The port is missing, or the scheme is unknown or not supported.
    pub fn parse(typed: &str) -> Result<Endpoint, EndpointError> {
        let fail = |reason: String| EndpointError {
            typed: typed.to_owned(),
            reason,
        };
        let target = if let Some(rest) = typed.strip_prefix(EMBEDDED) {
            embedded(rest).map_err(fail)?
        } else if let Some(file) = typed.strip_prefix(SNAPSHOT) {
            snapshot(file).map_err(fail)?
        } else if let Some(rest) = strip_scheme(typed, "unix") {
            unix(rest, false).map_err(fail)?
        } else if let Some(rest) = strip_scheme(typed, "unixs") {
            unix(rest, true).map_err(fail)?
        } else if let Some((scheme, rest)) = typed.split_once("://") {
            let tls = match scheme.to_ascii_lowercase().as_str() {
                "http" => false,
                "https" => true,
                _ => {
                    return Err(fail(format!(
                        "unknown scheme {scheme:?}: use http, https, unix, unixs or embedded"
                    )));
                }
            };
            let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
            // User information before an @ is not part of the address.
            let host = host.rsplit('@').next().unwrap_or_default();
            tcp(host, tls).map_err(fail)?
        } else {
            tcp(typed.split('/').next().unwrap_or_default(), false).map_err(fail)?
        };
        Ok(Endpoint {
            typed: typed.to_owned(),
            target,
        })
    }

    /// Decides about TLS for endpoints that do not specify it: those without a scheme, and `unix` (etcd v3.7.1,
    /// client/v3/internal/endpoint/endpoint.go).
    #[must_use]
    pub fn with_default_tls(mut self, default: bool) -> Endpoint {
        match &mut self.target {
            Target::Tcp { tls, .. } if !self.typed.contains("://") => *tls = default,
            Target::Unix { tls, .. } => *tls |= default,
            _ => {}
        }
        self
    }

    /// The name that the server's certificate must be valid for: the host, or the file name of the socket up to the
    /// first colon.
    pub fn server_name(&self) -> &str {
        match &self.target {
            Target::Tcp { host, .. } => host,
            Target::Unix { path, .. } => {
                let file = path
                    .file_name()
                    .and_then(|f| f.to_str())
                    .unwrap_or_default();
                file.split(':').next().unwrap_or_default()
            }
            Target::Embedded { .. } | Target::Snapshot { .. } | Target::Malformed(_) => "localhost",
        }
    }

    /// Scheme and authority of requests.
    ///
    /// # Errors
    /// The host is not valid in a URL.
    pub fn origin(&self) -> Result<http::Uri, Cause> {
        let tls = matches!(
            self.target,
            Target::Tcp { tls: true, .. } | Target::Unix { tls: true, .. }
        );
        let authority = self.authority();
        http::Uri::builder()
            .scheme(if tls { "https" } else { "http" })
            .authority(authority.as_str())
            .path_and_query("/")
            .build()
            .map_err(|e| Cause::Unsupported(format!("{authority:?} is not a host: {e}")))
    }

    /// The `:authority` of requests.
    pub fn authority(&self) -> String {
        match &self.target {
            Target::Tcp { host, port, .. } => authority(host, *port),
            // The file name of the socket, as in etcdctl 3.5 and later (etcd v3.7.1,
            // client/v3/internal/endpoint/endpoint.go), unless HTTP/2 servers would reject it.
            Target::Unix { path, .. } => path
                .file_name()
                .and_then(|name| name.to_str())
                .filter(|name| name.parse::<http::uri::Authority>().is_ok())
                .unwrap_or("localhost")
                .to_owned(),
            Target::Embedded { .. } | Target::Snapshot { .. } | Target::Malformed(_) => {
                "localhost".into()
            }
        }
    }
}

/// A host and a port as text.
pub fn authority(host: &str, port: u16) -> String {
    if host.contains(':') {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
    }
}

fn strip_scheme<'a>(typed: &'a str, scheme: &str) -> Option<&'a str> {
    let rest = typed.strip_prefix(scheme)?.strip_prefix(':')?;
    Some(rest.strip_prefix("//").unwrap_or(rest))
}

fn unix(path: &str, tls: bool) -> Result<Target, String> {
    if path.is_empty() {
        return Err("the path of the socket is missing".into());
    }
    Ok(Target::Unix {
        path: string::path(path),
        tls,
    })
}

fn snapshot(file: &str) -> Result<Target, String> {
    if file.is_empty() {
        return Err("the file is missing: snapshot:FILE".into());
    }
    check_path("snapshot", "file", file)?;
    Ok(Target::Snapshot {
        file: string::path(file),
    })
}

fn embedded(rest: &str) -> Result<Target, String> {
    let (dir, query) = rest.split_once('?').unwrap_or((rest, ""));
    check_directory(dir)?;
    if let Some((before, flag)) = dir.split_once('&').filter(|(_, flag)| flag.contains('=')) {
        return Err(format!(
            "flags follow a question mark: embedded:{before}?{flag}"
        ));
    }
    let mut flags = vec![];
    for pair in query.split('&').filter(|p| !p.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, "true"));
        if name.trim_start_matches('-') == "data-dir" {
            return Err("the data directory must precede the question mark".into());
        }
        flags.push((name.trim_start_matches('-').to_owned(), value.to_owned()));
    }
    Ok(Target::Embedded {
        dir: string::path(dir),
        flags,
    })
}

/// Rejects directory names that were probably meant as something else.
fn check_directory(dir: &str) -> Result<(), String> {
    if dir.is_empty() {
        return Err("the data directory is missing: embedded:DIR".into());
    }
    check_path("embedded", "directory", dir)?;
    if dir.trim() != dir || dir.contains(char::is_control) {
        return Err(
            "the name of the data directory begins or ends with a space, or contains a control character".into(),
        );
    }
    Ok(())
}

/// Rejects paths that were probably meant as something else. A path that begins with `/`, `./` or `../` is taken as it
/// is.
fn check_path(scheme: &str, what: &str, path: &str) -> Result<(), String> {
    if let Some(path) = path.strip_prefix("//") {
        let path = path.trim_start_matches('/');
        return Err(format!(
            "{scheme}: is followed by a path without `//`: {scheme}:/{path} or {scheme}:{path}"
        ));
    }
    if ["/", "./", "../"]
        .iter()
        .any(|start| path.starts_with(start))
    {
        return Ok(());
    }
    let or_literally = format!("or {scheme}:./{path} for a {what} of that name");
    let home = path.chars().next().filter(|c| *c == '~');
    if let Some(unexpanded) = home.or_else(|| path.chars().find(|c| ['$', '`', '*'].contains(c))) {
        return Err(format!(
            "the shell does not expand {unexpanded} here: give the path itself, {or_literally}"
        ));
    }
    if path.starts_with(['\'', '"']) {
        return Err(format!(
            "the path begins with a quote: omit it, {or_literally}"
        ));
    }
    if path.starts_with('-') {
        return Err(format!(
            "the path begins with a dash: omit it, {or_literally}"
        ));
    }
    // The name of a file often ends with a time.
    let is_port = |(_, port): (&str, &str)| scheme == "embedded" && port.parse::<u16>().is_ok();
    let host = path.split('/').next().unwrap_or_default();
    if path.contains("://") || host.rsplit_once(':').is_some_and(is_port) {
        return Err(format!(
            "this is the address of a server: omit {scheme}:, {or_literally}"
        ));
    }
    if path.contains(":/") {
        return Err(format!(
            "this is a URL: give the path itself, {or_literally}"
        ));
    }
    if ["embedded:", "snapshot:"]
        .iter()
        .any(|s| path.starts_with(s))
    {
        return Err(format!(
            "give only one of embedded: and snapshot:, {or_literally}"
        ));
    }
    Ok(())
}

fn tcp(text: &str, tls: bool) -> Result<Target, String> {
    let (host, port) = if let Some(rest) = text.strip_prefix('[') {
        let (host, rest) = rest
            .split_once(']')
            .ok_or("a closing bracket is missing in the address")?;
        (host, rest.strip_prefix(':').ok_or("the port is missing")?)
    } else {
        let (host, port) = text.rsplit_once(':').ok_or("the port is missing")?;
        if host.contains(':') {
            return Err("write an IPv6 address in brackets: [::1]:2379".into());
        }
        (host, port)
    };
    let port = port
        .parse()
        .map_err(|_| format!("{port:?} is not a port number"))?;
    Ok(Target::Tcp {
        // An empty host means this machine, as in Go.
        host: if host.is_empty() {
            "localhost".into()
        } else {
            host.into()
        },
        port,
        tls,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tcp(host: &str, port: u16, tls: bool) -> Target {
        Target::Tcp {
            host: host.into(),
            port,
            tls,
        }
    }

    #[test]
    fn every_form() {
        for (typed, target) in [
            ("127.0.0.1:2379", tcp("127.0.0.1", 2379, false)),
            (":2379", tcp("localhost", 2379, false)),
            ("http://h:1/path?x", tcp("h", 1, false)),
            ("HTTPS://h:1", tcp("h", 1, true)),
            ("h:1/path", tcp("h", 1, false)),
            ("[::1]:2379", tcp("::1", 2379, false)),
            ("http://[::1]:2379", tcp("::1", 2379, false)),
            (
                "unix:///run/etcd.sock",
                Target::Unix {
                    path: "/run/etcd.sock".into(),
                    tls: false,
                },
            ),
            (
                "unix:rel",
                Target::Unix {
                    path: "rel".into(),
                    tls: false,
                },
            ),
            (
                "embedded:d?quota-backend-bytes=1&name=x",
                Target::Embedded {
                    dir: "d".into(),
                    flags: vec![
                        ("quota-backend-bytes".into(), "1".into()),
                        ("name".into(), "x".into()),
                    ],
                },
            ),
        ] {
            assert_eq!(Endpoint::parse(typed).unwrap().target, target, "{typed}");
        }
        assert_eq!(Endpoint::parse("[::1]:1").unwrap().authority(), "[::1]:1");
    }

    #[test]
    fn origins_and_server_names() {
        for (typed, default, origin, name) in [
            ("h:1", false, "http://h:1/", "h"),
            ("h:1", true, "https://h:1/", "h"),
            ("http://h:1", true, "http://h:1/", "h"),
            ("https://[::1]:1", false, "https://[::1]:1/", "::1"),
            ("unix:///run/h:0", false, "http://h:0/", "h"),
            ("unix:///run/h:0", true, "https://h:0/", "h"),
            ("unixs://h", false, "https://h/", "h"),
            ("unix:///run/a b", false, "http://localhost/", "a b"),
        ] {
            let endpoint = Endpoint::parse(typed).unwrap().with_default_tls(default);
            assert_eq!(endpoint.origin().unwrap().to_string(), origin, "{typed}");
            assert_eq!(endpoint.server_name(), name, "{typed}");
        }
    }

    #[test]
    fn meaningless_values_are_refused() {
        for typed in [
            "",
            "host",
            "host:",
            "host:99999",
            "::1:2379",
            "[::1",
            "[::1]",
            "ftp://h:1",
            "unix:",
            "embedded:",
            "embedded:?name=x",
            "embedded:~/x",
            "embedded:~root/x",
            "embedded:$HOME/x",
            "embedded:data/$HOST",
            "embedded:data/`hostname`",
            "embedded:--data-dir=x",
            "embedded:file:/x",
            "embedded:h:2379/x",
            "embedded:d&name=x",
            "embedded:/d&name=x",
            "snapshot:file:/x.db",
            "snapshot:backups/$HOST.db",
            "embedded://x/y",
            "embedded:///x/y",
            "embedded: x",
            "embedded:x\n",
            "embedded:*",
            "embedded:'x'",
            "embedded:http://h:1",
            "embedded:h:2379",
            "embedded:snapshot:x",
            "snapshot:~/x",
            "snapshot:x*.db",
            "snapshot:embedded:x",
            "snapshot:",
            "http://",
        ] {
            let error = Endpoint::parse(typed).unwrap_err();
            assert!(error.to_string().starts_with("endpoint \""), "{typed}");
        }
        for typed in [
            "embedded:./*",
            "embedded:/h:2379",
            "embedded:../x://y",
            "embedded:x:y",
            "embedded:a/b:1",
            "embedded:x'",
            "embedded:a&b",
            "embedded:/$a",
            "snapshot:./~",
            "snapshot:backup-12:30",
        ] {
            assert!(Endpoint::parse(typed).is_ok(), "{typed}");
        }
    }
}
