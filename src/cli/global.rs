//! The global flags, which correspond to etcdctl's, as typed. Defaults are applied in [`super::settings`], which must
//! know whether a flag was given.

use clap::Args;

use super::value::{self, GoDuration, Suggest};

/// Prefix of the environment variables for global flags.
pub const ENV_PREFIX: &str = "ETCDCTL_";

/// The values of `--write-out`.
pub const FORMATS: &[&str] = &["fields", "json", "protobuf", "simple", "table"];

/// The forms of an endpoint, for completion.
pub const ENDPOINT_FORMS: &[&str] = &[
    "127.0.0.1:2379",
    "http://",
    "https://",
    "unix://",
    "unixs://",
    "embedded:",
];

/// Global flags as typed.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Global options")]
pub struct GlobalArgs {
    /// Servers to talk to, separated by commas: host:port, http://, https://, unix://, unixs://, embedded:DIR [default: 127.0.0.1:2379]
    #[arg(long, global = true, value_name = "list", value_parser = Suggest(ENDPOINT_FORMS), action = clap::ArgAction::Append, hide_possible_values = true)]
    pub endpoints: Vec<String>,
    /// Output format: fields, json, protobuf, simple, table [default: simple]
    #[arg(long, short = 'w', global = true, value_name = "format", value_parser = Suggest(FORMATS), hide_possible_values = true)]
    pub write_out: Option<String>,
    /// Print keys, values and ids in hexadecimal
    #[arg(long, global = true, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "bool", hide_possible_values = true)]
    pub hex: Option<bool>,
    /// Timeout of a command, excluding the time to connect [default: 5s]
    #[arg(long, global = true, value_name = "time", value_parser = value::duration)]
    pub command_timeout: Option<GoDuration>,
    /// Timeout of each attempt to connect [default: 2s]
    #[arg(long, global = true, value_name = "time", value_parser = value::duration)]
    pub dial_timeout: Option<GoDuration>,
    /// Idle time after which a running request pings the server [default: 2s, at least 10s is used]
    #[arg(long, global = true, value_name = "time", value_parser = value::duration)]
    pub keepalive_time: Option<GoDuration>,
    /// Time to wait for the answer to a ping [default: 6s]
    #[arg(long, global = true, value_name = "time", value_parser = value::duration)]
    pub keepalive_timeout: Option<GoDuration>,
    /// Maximum size of a request in bytes; 0 means 2 MiB [default: 0]
    #[arg(long, global = true, value_name = "bytes", value_parser = value::flag_int)]
    pub max_request_bytes: Option<i64>,
    /// Maximum size of a response in bytes; 0 means no limit [default: 0]
    #[arg(long, global = true, value_name = "bytes", value_parser = value::flag_int)]
    pub max_recv_bytes: Option<i64>,
    /// User name, or name:password; a missing password is prompted for
    #[arg(long, global = true, value_name = "name[:password]")]
    pub user: Option<String>,
    /// Password of --user
    #[arg(long, global = true, value_name = "password")]
    pub password: Option<String>,
    /// JSON web token, instead of --user and --password
    #[arg(long, global = true, value_name = "token")]
    pub auth_jwt_token: Option<String>,
    /// Print the settings in use to stderr
    #[arg(long, global = true, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "bool", hide_possible_values = true)]
    pub debug: Option<bool>,
    /// Certificate authorities to trust, for TLS
    #[arg(long, global = true, value_name = "file", value_hint = clap::ValueHint::FilePath)]
    pub cacert: Option<String>,
    /// Client certificate, for TLS
    #[arg(long, global = true, value_name = "file", value_hint = clap::ValueHint::FilePath)]
    pub cert: Option<String>,
    /// Private key of --cert
    #[arg(long, global = true, value_name = "file", value_hint = clap::ValueHint::FilePath)]
    pub key: Option<String>,
    /// Connect without TLS unless the endpoint says https [default: true]
    #[arg(long, global = true, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "bool", hide_possible_values = true)]
    pub insecure_transport: Option<bool>,
    /// Do not verify the server's certificate (for tests only)
    #[arg(long, global = true, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "bool", hide_possible_values = true)]
    pub insecure_skip_tls_verify: Option<bool>,
    /// Domain to query for SRV records of the endpoints
    #[arg(long, short = 'd', global = true, value_name = "domain")]
    pub discovery_srv: Option<String>,
    /// Name of the service to look up with --discovery-srv
    #[arg(long, global = true, value_name = "name")]
    pub discovery_srv_name: Option<String>,
    /// Accept SRV records of endpoints without TLS [default: true]
    #[arg(long, global = true, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "bool", hide_possible_values = true)]
    pub insecure_discovery: Option<bool>,
}

impl GlobalArgs {
    /// The first given flag that only applies to clients.
    pub fn of_clients(&self) -> Option<&'static str> {
        let GlobalArgs {
            write_out: _,
            hex: _,
            debug: _,
            endpoints,
            command_timeout,
            dial_timeout,
            keepalive_time,
            keepalive_timeout,
            max_request_bytes,
            max_recv_bytes,
            user,
            password,
            auth_jwt_token,
            cacert,
            cert,
            key,
            insecure_transport,
            insecure_skip_tls_verify,
            discovery_srv,
            discovery_srv_name,
            insecure_discovery,
        } = self;
        [
            (!endpoints.is_empty(), "--endpoints"),
            (command_timeout.is_some(), "--command-timeout"),
            (dial_timeout.is_some(), "--dial-timeout"),
            (keepalive_time.is_some(), "--keepalive-time"),
            (keepalive_timeout.is_some(), "--keepalive-timeout"),
            (max_request_bytes.is_some(), "--max-request-bytes"),
            (max_recv_bytes.is_some(), "--max-recv-bytes"),
            (user.is_some(), "--user"),
            (password.is_some(), "--password"),
            (auth_jwt_token.is_some(), "--auth-jwt-token"),
            (cacert.is_some(), "--cacert"),
            (cert.is_some(), "--cert"),
            (key.is_some(), "--key"),
            (insecure_transport.is_some(), "--insecure-transport"),
            (
                insecure_skip_tls_verify.is_some(),
                "--insecure-skip-tls-verify",
            ),
            (discovery_srv.is_some(), "--discovery-srv"),
            (discovery_srv_name.is_some(), "--discovery-srv-name"),
            (insecure_discovery.is_some(), "--insecure-discovery"),
        ]
        .into_iter()
        .find_map(|(given, flag)| given.then_some(flag))
    }
}

/// The environment variable for a flag: `ETCDCTL_DIAL_TIMEOUT` for `dial-timeout`.
pub fn variable(flag: &str) -> String {
    format!("{ENV_PREFIX}{}", flag.to_uppercase().replace('-', "_"))
}
