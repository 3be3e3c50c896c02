//! The settings of a command: flags override environment variables, which override defaults. Each is checked once.
//! Opens no connection.

use std::{
    collections::BTreeSet, ffi::OsString, os::unix::ffi::OsStrExt, sync::Arc, time::Duration,
};

use super::{
    error::{CommandError, ErrorKind},
    global::{ENV_PREFIX, GlobalArgs, variable},
    value::{self, GoDuration, ValueError},
};
use crate::{
    client::{Tls, discovery::Discovery},
    golang::string,
    output::Format,
};

/// The endpoint that is used by default.
pub const DEFAULT_ENDPOINT: &str = "127.0.0.1:2379";

/// How the client authenticates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credentials {
    /// No authentication.
    None,
    /// A user name, and the password if given.
    User(String, Option<String>),
    /// A token obtained elsewhere.
    Token(String),
}

/// The resolved settings.
#[derive(Clone, Debug)]
pub struct Settings {
    /// As given, in order.
    pub endpoints: Vec<String>,
    /// `-w`.
    pub format: Format,
    /// `--hex`.
    pub hex: bool,
    /// Timeout of a command, from the first attempt to connect to the last byte received.
    pub command_timeout: GoDuration,
    /// Whether [`Settings::command_timeout`] was given: `snapshot save`, `txn` and others have no timeout otherwise.
    pub command_timeout_given: bool,
    /// Timeout of the first attempt to connect.
    pub dial_timeout: GoDuration,
    /// Whether [`Settings::dial_timeout`] was given.
    pub dial_timeout_given: bool,
    /// Idle time before a ping is sent.
    pub keepalive_time: GoDuration,
    /// Timeout of a ping.
    pub keepalive_timeout: GoDuration,
    /// Maximum size of a request in bytes.
    pub max_request_bytes: usize,
    /// Maximum size of a response in bytes; `None` = no limit.
    pub max_recv_bytes: Option<usize>,
    /// How the client authenticates.
    pub credentials: Credentials,
    /// `--cluster` of `endpoint`, if set by its environment variable.
    pub cluster: bool,
    /// TLS settings, if any TLS flag was given.
    pub tls: Option<Arc<Tls>>,
    /// How to look up endpoints, if `--discovery-srv` was given.
    pub discovery: Option<Discovery>,
    /// `--debug`.
    pub debug: bool,
}

/// etcdctl's default limit on the size of a request: 2 MiB.
const DEFAULT_MAX_REQUEST: usize = 2 * 1024 * 1024;

/// An environment variable that could not be used, for a warning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnvWarning {
    /// `unrecognized environment variable`, or what is wrong with the value.
    pub message: String,
    /// `NAME=value`.
    pub variable: String,
}

impl EnvWarning {
    /// One structured line in the format of the log of etcd's client.
    pub fn line(&self) -> String {
        // Strings can always be serialized.
        let text = |s: &str| serde_json::to_string(&string::lossy(s)).unwrap_or_default();
        format!(
            "{{\"level\":\"warn\",\"msg\":{},\"environment-variable\":{}}}",
            text(&self.message),
            text(&self.variable)
        )
    }
}

/// Sets from the environment what no flag has set. Records variables that could not be used.
struct Env {
    variables: Vec<(String, String)>,
    known: BTreeSet<String>,
    warnings: Vec<EnvWarning>,
}

impl Env {
    fn new(variables: impl Iterator<Item = (OsString, OsString)>) -> Env {
        let text = |s: OsString| string::text(s.as_bytes()).into_owned();
        Env {
            variables: variables
                .map(|(k, v)| (text(k), text(v)))
                .filter(|(k, _)| k.starts_with(ENV_PREFIX))
                .collect(),
            // Older scripts set it; version 3 has long been the only one.
            known: BTreeSet::from(["ETCDCTL_API".to_owned()]),
            warnings: vec![],
        }
    }

    /// As in etcdctl, an empty variable counts as not set.
    fn fill<T>(
        &mut self,
        flag: &str,
        slot: &mut Option<T>,
        read: impl Fn(&str) -> Result<T, ValueError>,
    ) {
        let name = variable(flag);
        let value = self.variables.iter().find(|(k, _)| *k == name);
        if let (None, Some((_, text))) = (&slot, value.filter(|(_, v)| !v.is_empty())) {
            match read(text) {
                Ok(value) => *slot = Some(value),
                Err(error) => self.warnings.push(EnvWarning {
                    message: format!("ignored: {error}"),
                    variable: format!("{name}={text}"),
                }),
            }
        }
        self.known.insert(name);
    }

    fn finish(mut self) -> Vec<EnvWarning> {
        for (name, value) in &self.variables {
            let old_api = name == "ETCDCTL_API" && value != "3";
            if old_api || !self.known.contains(name) {
                self.warnings.push(EnvWarning {
                    message: "unrecognized environment variable".into(),
                    variable: format!("{name}={value}"),
                });
            }
        }
        self.warnings
    }
}

/// Environment variables that a command reads in addition to those of the global flags.
#[derive(Clone, Copy, Debug, Default)]
pub struct Extra {
    /// `ETCDCTL_CLUSTER`, for the commands under `endpoint`.
    pub cluster: bool,
}

/// grpc-go's limit for an attempt to connect, and for the answer to a ping, where the client sets none
/// (`minConnectTimeout` and `defaultClientKeepaliveTimeout`).
const GRPC_TIMEOUT: Duration = Duration::from_secs(20);

/// A duration that is set. etcd's client treats zero and negative ones as absent (etcd v3.7.1, client/v3/client.go).
fn positive(time: GoDuration) -> Option<Duration> {
    Some(time.to_std()).filter(|time| !time.is_zero())
}

impl Settings {
    /// Combines flags, `environment` and defaults, in this order of precedence.
    ///
    /// # Errors
    /// A value or a combination that etcdctl rejects, with its exit code.
    pub fn resolve(
        args: &GlobalArgs,
        extra: Extra,
        environment: impl Iterator<Item = (OsString, OsString)>,
    ) -> Result<(Settings, Vec<EnvWarning>), CommandError> {
        let text = |s: &str| Ok(s.to_owned());
        let mut args = args.clone();
        let mut env = Env::new(environment);
        // Join the lists of all `--endpoints` flags.
        let mut endpoints = None;
        if !args.endpoints.is_empty() {
            let mut list = vec![];
            for value in &args.endpoints {
                list.extend(value::list(value).unwrap_or_default());
            }
            endpoints = Some(list);
        }
        // Fill in from the environment what no flag has set.
        env.fill("endpoints", &mut endpoints, value::list);
        env.fill("write-out", &mut args.write_out, text);
        env.fill("hex", &mut args.hex, value::boolean);
        env.fill("debug", &mut args.debug, value::boolean);
        env.fill("dial-timeout", &mut args.dial_timeout, value::duration);
        env.fill(
            "command-timeout",
            &mut args.command_timeout,
            value::duration,
        );
        env.fill("keepalive-time", &mut args.keepalive_time, value::duration);
        env.fill(
            "keepalive-timeout",
            &mut args.keepalive_timeout,
            value::duration,
        );
        env.fill(
            "max-request-bytes",
            &mut args.max_request_bytes,
            value::flag_int,
        );
        env.fill("max-recv-bytes", &mut args.max_recv_bytes, value::flag_int);
        env.fill(
            "insecure-transport",
            &mut args.insecure_transport,
            value::boolean,
        );
        env.fill(
            "insecure-discovery",
            &mut args.insecure_discovery,
            value::boolean,
        );
        env.fill(
            "insecure-skip-tls-verify",
            &mut args.insecure_skip_tls_verify,
            value::boolean,
        );
        env.fill("cert", &mut args.cert, text);
        env.fill("key", &mut args.key, text);
        env.fill("cacert", &mut args.cacert, text);
        env.fill("auth-jwt-token", &mut args.auth_jwt_token, text);
        env.fill("user", &mut args.user, text);
        env.fill("password", &mut args.password, text);
        env.fill("discovery-srv", &mut args.discovery_srv, text);
        env.fill("discovery-srv-name", &mut args.discovery_srv_name, text);
        let mut cluster = None;
        if extra.cluster {
            env.fill("cluster", &mut cluster, value::boolean);
        }
        let warnings = env.finish();

        // Check the values, and apply defaults to those that depend on others.
        not_empty(&args)?;
        let discovery = args
            .discovery_srv
            .clone()
            .filter(|domain| !domain.is_empty())
            .map(|domain| Discovery {
                domain,
                service: args.discovery_srv_name.clone().unwrap_or_default(),
                insecure: args.insecure_discovery.unwrap_or(true),
            });
        let format = match args.write_out.as_deref().unwrap_or("simple").parse() {
            Ok(format) => format,
            Err(error) => {
                return Err(
                    CommandError::new(ErrorKind::BadFeature, error).hint(format!(
                        "--write-out takes {}",
                        super::global::FORMATS.join(", ")
                    )),
                );
            }
        };
        // Read the TLS files.
        let files = [&args.cacert, &args.cert, &args.key].map(Option::as_deref);
        // Servers found by secure discovery must have certificates for the domain.
        let domain = discovery.as_ref().filter(|d| !d.insecure);
        let tls = tls(
            files,
            args.insecure_transport == Some(false) || domain.is_some(),
            args.insecure_skip_tls_verify == Some(true),
            domain.map(|d| d.domain.as_str()),
        )?;
        let (max_request_bytes, max_recv_bytes) = limits(&args)?;
        // Apply etcdctl's defaults.
        let settings = Settings {
            endpoints: named(endpoints.unwrap_or_else(|| vec![DEFAULT_ENDPOINT.into()])),
            format,
            hex: args.hex.unwrap_or(false),
            command_timeout: args.command_timeout.unwrap_or(GoDuration::seconds(5)),
            command_timeout_given: args.command_timeout.is_some(),
            dial_timeout: args.dial_timeout.unwrap_or(GoDuration::seconds(2)),
            dial_timeout_given: args.dial_timeout.is_some(),
            keepalive_time: args.keepalive_time.unwrap_or(GoDuration::seconds(2)),
            keepalive_timeout: args.keepalive_timeout.unwrap_or(GoDuration::seconds(6)),
            max_request_bytes,
            max_recv_bytes,
            credentials: credentials(&args),
            cluster: cluster.unwrap_or(false),
            tls,
            discovery,
            debug: args.debug.unwrap_or(false),
        };
        Ok((settings, warnings))
    }

    /// The time limit of `--dial-timeout`. Without a positive one, grpc-go's own limit for an attempt to connect applies.
    pub fn dial_limit(&self) -> Duration {
        positive(self.dial_timeout).unwrap_or(GRPC_TIMEOUT)
    }

    /// The idle time before a ping is sent; `None` = no pings.
    pub fn ping_after(&self) -> Option<Duration> {
        positive(self.keepalive_time)
    }

    /// The timeout of a ping. Without a positive one, grpc-go's default applies.
    pub fn ping_limit(&self) -> Duration {
        positive(self.keepalive_timeout).unwrap_or(GRPC_TIMEOUT)
    }

    /// The settings as `NAME=value` lines, for `--debug`.
    pub fn debug_lines(&self) -> Vec<String> {
        let duration = |d: GoDuration| crate::golang::format::duration(d.to_std());
        vec![
            format!("ETCDCTL_ENDPOINTS=[{}]", self.endpoints.join(",")),
            format!("ETCDCTL_WRITE_OUT={}", self.format),
            format!("ETCDCTL_HEX={}", self.hex),
            format!("ETCDCTL_COMMAND_TIMEOUT={}", duration(self.command_timeout)),
            format!("ETCDCTL_DIAL_TIMEOUT={}", duration(self.dial_timeout)),
            format!("ETCDCTL_KEEPALIVE_TIME={}", duration(self.keepalive_time)),
            format!(
                "ETCDCTL_KEEPALIVE_TIMEOUT={}",
                duration(self.keepalive_timeout)
            ),
            format!("ETCDCTL_MAX_REQUEST_BYTES={}", self.max_request_bytes),
            format!(
                "ETCDCTL_MAX_RECV_BYTES={}",
                self.max_recv_bytes.unwrap_or(0)
            ),
            format!("ETCDCTL_DEBUG={}", self.debug),
        ]
    }
}

/// Removes empty endpoints from a list with others: scripts often produce superfluous commas.
fn named(mut endpoints: Vec<String>) -> Vec<String> {
    if endpoints.iter().any(|e| !e.is_empty()) {
        endpoints.retain(|e| !e.is_empty());
    }
    endpoints
}

fn credentials(args: &GlobalArgs) -> Credentials {
    match args
        .auth_jwt_token
        .clone()
        .filter(|token| !token.is_empty())
    {
        Some(token) => Credentials::Token(token),
        None => Credentials::of(args.user.clone(), args.password.clone()),
    }
}

impl Credentials {
    /// From `--user`, which may contain a password after a colon, and `--password`.
    pub fn of(user: Option<String>, password: Option<String>) -> Credentials {
        let given = |value: Option<String>| value.filter(|v| !v.is_empty());
        match (given(user), given(password)) {
            (None, _) => Credentials::None,
            (Some(user), Some(password)) => Credentials::User(user, Some(password)),
            (Some(user), None) => match user.split_once(':') {
                Some((name, password)) => Credentials::User(name.into(), Some(password.into())),
                None => Credentials::User(user, None),
            },
        }
    }
}

/// Rejects empty file names.
fn not_empty(args: &GlobalArgs) -> Result<(), CommandError> {
    for (flag, value) in [
        ("cert", &args.cert),
        ("key", &args.key),
        ("cacert", &args.cacert),
    ] {
        if value.as_deref() == Some("") {
            return Err(CommandError::new(
                ErrorKind::BadArgs,
                format!("empty string is passed to --{flag} option"),
            ));
        }
    }
    Ok(())
}

/// The TLS settings, if any TLS flag was given. As in etcdctl, the files (authorities, certificate, key) are read
/// before connecting. With `server_name`, every server's certificate must be valid for that name.
///
/// # Errors
/// A file cannot be read, or key and certificate do not match; exit code 128.
pub fn tls(
    files: [Option<&str>; 3],
    wanted: bool,
    skip_verify: bool,
    server_name: Option<&str>,
) -> Result<Option<Arc<Tls>>, CommandError> {
    if !(wanted || skip_verify || files.iter().any(Option::is_some)) {
        return Ok(None);
    }
    let [cacert, cert, key] = files;
    match Tls::load(cacert, cert, key, skip_verify) {
        Ok(tls) => Ok(Some(Arc::new(match server_name {
            Some(name) => tls.for_server(name),
            None => tls,
        }))),
        Err(error) => Err(CommandError::new(ErrorKind::BadArgs, error)),
    }
}

fn limits(args: &GlobalArgs) -> Result<(usize, Option<usize>), CommandError> {
    let positive = |n: Option<i64>| n.and_then(|n| usize::try_from(n).ok()).filter(|n| *n > 0);
    let (send, recv) = (
        positive(args.max_request_bytes),
        positive(args.max_recv_bytes),
    );
    if let (Some(send), Some(recv)) = (send, recv)
        && send > recv
    {
        return Err(CommandError::new(
            ErrorKind::BadConnection,
            format!(
                "gRPC message recv limit ({recv} bytes) must be greater than send limit ({send} bytes)"
            ),
        ));
    }
    Ok((send.unwrap_or(DEFAULT_MAX_REQUEST), recv))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(
        args: &GlobalArgs,
        env: &[(&str, &str)],
    ) -> Result<(Settings, Vec<EnvWarning>), CommandError> {
        let env: Vec<_> = env
            .iter()
            .map(|(k, v)| (OsString::from(k), OsString::from(v)))
            .collect();
        Settings::resolve(args, Extra::default(), env.into_iter())
    }

    #[test]
    fn a_flag_beats_its_variable_and_both_beat_the_default() {
        let args = GlobalArgs {
            hex: Some(false),
            ..Default::default()
        };
        let (settings, warnings) = resolve(
            &args,
            &[
                ("ETCDCTL_HEX", "true"),
                ("ETCDCTL_ENDPOINTS", "a:1,b:2"),
                ("ETCDCTL_API", "3"),
                ("PATH", "/"),
            ],
        )
        .unwrap();
        assert!(!settings.hex);
        assert_eq!(settings.endpoints, ["a:1", "b:2"]);
        assert_eq!(settings.dial_timeout, GoDuration::seconds(2));
        assert!(warnings.is_empty());
    }

    #[test]
    fn durations_of_the_connection_that_are_not_positive_are_absent() {
        let with = |time: GoDuration| {
            let args = GlobalArgs {
                dial_timeout: Some(time),
                keepalive_time: Some(time),
                keepalive_timeout: Some(time),
                ..GlobalArgs::default()
            };
            let (settings, _) = resolve(&args, &[]).unwrap();
            (
                settings.dial_limit(),
                settings.ping_after(),
                settings.ping_limit(),
            )
        };
        let second = Duration::from_secs(1);
        assert_eq!(with(GoDuration::seconds(1)), (second, Some(second), second));
        let absent = (GRPC_TIMEOUT, None, GRPC_TIMEOUT);
        assert_eq!(with(GoDuration(0)), absent);
        assert_eq!(with(GoDuration::seconds(-1)), absent);
    }

    #[test]
    fn a_variable_that_is_unknown_or_wrong_is_named() {
        let (settings, warnings) = resolve(
            &GlobalArgs::default(),
            &[("ETCDCTL_NO_SUCH", "x"), ("ETCDCTL_DIAL_TIMEOUT", "soon")],
        )
        .unwrap();
        assert_eq!(settings.dial_timeout, GoDuration::seconds(2));
        assert_eq!(
            warnings
                .iter()
                .map(|w| w.variable.as_str())
                .collect::<Vec<_>>(),
            ["ETCDCTL_DIAL_TIMEOUT=soon", "ETCDCTL_NO_SUCH=x"]
        );
        assert_eq!(
            warnings[1].line(),
            r#"{"level":"warn","msg":"unrecognized environment variable","environment-variable":"ETCDCTL_NO_SUCH=x"}"#
        );
    }

    #[test]
    fn a_password_may_be_part_of_the_user_flag() {
        let args = GlobalArgs {
            user: Some("u:p:q".into()),
            ..Default::default()
        };
        assert_eq!(
            credentials(&args),
            Credentials::User("u".into(), Some("p:q".into()))
        );
    }

    #[test]
    fn certificate_flags_are_checked_in_pairs() {
        let args = GlobalArgs {
            cert: Some("/c".into()),
            ..Default::default()
        };
        let error = resolve(&args, &[]).unwrap_err();
        assert_eq!(error.kind, ErrorKind::BadArgs);
        assert_eq!(
            error.to_string(),
            "KeyFile and CertFile must both be present[key: , cert: /c]"
        );
    }
}
