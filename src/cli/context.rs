//! What every command receives: the settings (resolved when first used), a client, and the terminal.

use std::{cell::OnceCell, sync::Arc};

use super::{
    error::{CommandError, ErrorKind},
    global::GlobalArgs,
    login::Login,
    settings::{Credentials, Extra, Settings},
    ui::Ui,
};
use crate::{
    client::{Client, ClientError, ClientOptions, Deadline, EmbeddedServers, Limit, Tls},
    output::{Format, RenderError, RenderOptions, Reply, render},
};

/// Prints a reply to stdout and flushes it.
///
/// # Errors
/// The format does not support the reply, or stdout cannot be written.
pub fn emit(
    ui: &Ui,
    reply: &dyn Reply,
    format: Format,
    options: &RenderOptions,
) -> Result<(), CommandError> {
    ui.data(|out| match render(reply, format, options, out) {
        Ok(()) => Ok(()),
        Err(RenderError::Io(error)) => Err(CommandError::stdout(error)),
        Err(error) => Err(CommandError::new(ErrorKind::BadFeature, error)),
    })
}

/// The environment of one command.
pub struct Context {
    /// The terminal.
    pub ui: Ui,
    globals: GlobalArgs,
    extra: Extra,
    settings: OnceCell<Settings>,
    login: OnceCell<Login>,
    endpoints: OnceCell<Vec<String>>,
    embedded: EmbeddedServers,
}

impl Context {
    /// Creates the context for a command with these global flags. `extra` lists the additional environment variables
    /// that it reads.
    pub fn new(ui: Ui, globals: GlobalArgs, extra: Extra) -> Context {
        Context {
            ui,
            globals,
            extra,
            settings: OnceCell::new(),
            login: OnceCell::new(),
            endpoints: OnceCell::new(),
            embedded: EmbeddedServers::default(),
        }
    }

    /// The settings. The first call prints a warning for each environment variable that could not be used.
    ///
    /// # Errors
    /// See [`Settings::resolve`].
    pub fn settings(&self) -> Result<&Settings, CommandError> {
        if let Some(settings) = self.settings.get() {
            return Ok(settings);
        }
        let (settings, warnings) =
            Settings::resolve(&self.globals, self.extra, std::env::vars_os())?;
        for warning in warnings {
            self.ui.note(&warning.line());
        }
        if settings.debug {
            for line in settings.debug_lines() {
                self.ui.note(&line);
            }
        }
        Ok(self.settings.get_or_init(|| settings))
    }

    /// Checks that `serve`, which is not a client, was given no flag about reaching a server.
    ///
    /// # Errors
    /// `path` is that of `serve`, and such a flag was given.
    pub fn check_globals(&self, path: &[String]) -> Result<(), CommandError> {
        let ([command], Some(flag)) = (path, self.globals.of_clients()) else {
            return Ok(());
        };
        if command != "serve" {
            return Ok(());
        }
        Err(CommandError::new(
            ErrorKind::Failed,
            format!("{flag} before `{command}` is for commands that contact a server"),
        )
        .hint(format!(
            "put the flags of `{command}` after it: see `etcdctl {command} --help`"
        )))
    }

    /// The format in which errors are printed. Known even if the settings could not be resolved.
    pub fn error_format(&self) -> Format {
        if let Some(settings) = self.settings.get() {
            return settings.format;
        }
        let variable = std::env::var("ETCDCTL_WRITE_OUT").unwrap_or_default();
        let name = self.globals.write_out.as_deref().unwrap_or(&variable);
        name.parse().unwrap_or_default()
    }

    /// A deadline after the command's timeout, starting now.
    ///
    /// # Errors
    /// See [`Context::settings`].
    pub fn deadline(&self) -> Result<Deadline, CommandError> {
        Ok(Deadline::after(self.limit()?))
    }

    /// A deadline for a request to which etcdctl gives any time. `--command-timeout` bounds it if that was given; the
    /// default of that flag bounds only the time until a server is reached, so that a stall of the network ends no
    /// command that etcdctl would complete.
    ///
    /// # Errors
    /// See [`Context::settings`].
    pub fn patient_deadline(&self) -> Result<Deadline, CommandError> {
        let deadline = self.deadline()?;
        Ok(match self.settings()?.command_timeout_given {
            true => deadline,
            false => deadline.until_reached(),
        })
    }

    /// The command's timeout.
    ///
    /// # Errors
    /// See [`Context::settings`].
    pub fn limit(&self) -> Result<Limit, CommandError> {
        Ok(Limit {
            length: self.settings()?.command_timeout.to_std(),
            flag: "--command-timeout",
        })
    }

    /// The endpoints, either found by `--discovery-srv` or given by `--endpoints`. They are looked up once.
    ///
    /// # Errors
    /// The settings are invalid, or the lookup failed.
    pub async fn endpoints(&self) -> Result<&[String], CommandError> {
        if let Some(endpoints) = self.endpoints.get() {
            return Ok(endpoints);
        }
        let settings = self.settings()?;
        let mut endpoints = vec![];
        if let Some(discovery) = &settings.discovery {
            let found = discovery
                .endpoints(settings.dial_limit())
                .await
                .map_err(|error| CommandError::new(ErrorKind::Failed, error))?;
            for endpoint in &found.ignored {
                self.ui.note(&format!(
                    "ignoring discovered insecure endpoint {endpoint:?}"
                ));
            }
            endpoints = found.endpoints;
        }
        if endpoints.is_empty() {
            endpoints.clone_from(&settings.endpoints);
        }
        Ok(self.endpoints.get_or_init(|| endpoints))
    }

    /// A client for all endpoints, authenticated.
    ///
    /// # Errors
    /// The settings are invalid, or authentication failed.
    pub async fn client(&self) -> Result<Client, CommandError> {
        let endpoints = self.endpoints().await?.iter();
        let endpoints: Vec<String> = endpoints.map(|e| e.trim().to_owned()).collect();
        let client = self.client_of(&endpoints)?;
        let refused = |e: ClientError| CommandError::from(e).kind(ErrorKind::BadConnection);
        self.login()?.log_in(&client).await.map_err(refused)?;
        Ok(client)
    }

    /// What a command with one request needs: a client of all endpoints, and the command's deadline. The time in which a
    /// person types a password does not count.
    ///
    /// # Errors
    /// As [`Context::client`].
    pub async fn connect(&self) -> Result<(Client, Deadline), CommandError> {
        self.login()?;
        let deadline = self.deadline()?;
        Ok((self.client().await?, deadline))
    }

    /// Like [`Context::connect`], with [`Context::patient_deadline`].
    ///
    /// # Errors
    /// As [`Context::client`].
    pub async fn connect_patiently(&self) -> Result<(Client, Deadline), CommandError> {
        let client = self.client().await?;
        Ok((client, self.patient_deadline()?))
    }

    /// A client for these endpoints, not authenticated.
    ///
    /// # Errors
    /// The settings are invalid, or an endpoint is malformed.
    pub fn client_of(&self, endpoints: &[String]) -> Result<Client, CommandError> {
        self.client_with(endpoints, self.settings()?.tls.clone())
    }

    /// Like [`Context::client_of`], with its own TLS settings.
    ///
    /// # Errors
    /// See [`Context::client_of`].
    pub fn client_with(
        &self,
        endpoints: &[String],
        tls: Option<Arc<Tls>>,
    ) -> Result<Client, CommandError> {
        let settings = self.settings()?;
        let options = ClientOptions {
            dial_timeout: settings.dial_limit(),
            keepalive_time: settings.ping_after(),
            keepalive_timeout: settings.ping_limit(),
            max_request_bytes: settings.max_request_bytes,
            max_recv_bytes: settings.max_recv_bytes,
            tls,
            embedded: self.embedded.clone(),
        };
        Ok(Client::new(endpoints, options)?)
    }

    /// The user or token of this client. Prompts for a missing password, once.
    ///
    /// # Errors
    /// The settings are invalid, or the password cannot be read.
    pub fn login(&self) -> Result<&Login, CommandError> {
        if let Some(login) = self.login.get() {
            return Ok(login);
        }
        let settings = self.settings()?;
        let asked = match &settings.credentials {
            Credentials::User(_, None) => Some(self.ui.ask_password("Password: ")?),
            _ => None,
        };
        let time = settings.dial_limit();
        let login = Login::new(&settings.credentials, asked.as_deref(), time);
        Ok(self.login.get_or_init(|| login))
    }

    /// Prints a reply in the format of `--write-out` and flushes it. A command with several replies calls this for each
    /// one as it arrives.
    ///
    /// # Errors
    /// The format does not support the reply, or stdout cannot be written.
    pub fn emit(&self, reply: &dyn Reply) -> Result<(), CommandError> {
        let settings = self.settings()?;
        self.emit_as(reply, settings.format, settings.hex)
    }

    /// Like [`Context::emit`], for commands that need no settings.
    ///
    /// # Errors
    /// See [`Context::emit`].
    pub fn emit_as(
        &self,
        reply: &dyn Reply,
        format: Format,
        hex: bool,
    ) -> Result<(), CommandError> {
        emit(&self.ui, reply, format, &RenderOptions { hex })
    }

    /// The error if some endpoints failed, each with its own line: printed as lines, or as a single JSON error.
    pub fn some_failed(&self, lines: &[String], hints: Vec<String>) -> CommandError {
        let mut error = if self.error_format() == Format::Json {
            CommandError::new(ErrorKind::Failed, lines.join("; "))
        } else {
            lines.iter().for_each(|line| self.ui.note(line));
            CommandError::already_reported(ErrorKind::Failed)
        };
        error.hints = hints;
        error
    }

    /// Stops the embedded servers that the command started.
    pub async fn close(&self) {
        self.embedded.close().await;
    }
}
