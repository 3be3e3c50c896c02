//! What a command is given: settings (resolved when first asked for), a client, a place for its words.

use std::cell::OnceCell;

use super::{
    error::{CommandError, Kind},
    global::GlobalArgs,
    login::Login,
    settings::{Credentials, Extra, Settings},
    ui::Ui,
};
use crate::{
    client::{Client, ClientError, ClientOptions, Deadline, EmbeddedServers, Limit},
    output::{Format, RenderError, RenderOptions, Reply, render, render_notes},
};

/// Prints a reply: its data on stdout, its notes on stderr.
///
/// # Errors
/// The format has no shape for it, or stdout does not take it.
pub fn emit(
    ui: &Ui,
    reply: &Reply,
    format: Format,
    options: &RenderOptions,
) -> Result<(), CommandError> {
    ui.data(|out| match render(reply, format, options, out) {
        Ok(()) => Ok(()),
        Err(RenderError::Io(error)) => Err(CommandError::stdout(error)),
        Err(error) => Err(CommandError::new(Kind::BadFeature, error)),
    })?;
    ui.notes(|err| render_notes(reply, format, err));
    Ok(())
}

/// The surroundings of one command.
pub struct Context {
    /// The terminal.
    pub ui: Ui,
    globals: GlobalArgs,
    extra: Extra,
    settings: OnceCell<Settings>,
    login: OnceCell<Login>,
    embedded: EmbeddedServers,
}

impl Context {
    /// For a command with these global flags; `extra` tells which variables it knows besides theirs.
    pub fn new(ui: Ui, globals: GlobalArgs, extra: Extra) -> Context {
        Context {
            ui,
            globals,
            extra,
            settings: OnceCell::new(),
            login: OnceCell::new(),
            embedded: EmbeddedServers::default(),
        }
    }

    /// The settings; the first call warns of variables that could not be used.
    ///
    /// # Errors
    /// As [`Settings::resolve`].
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

    /// `serve` is no client, and takes no flag that says how to find a server.
    ///
    /// # Errors
    /// There is one, and `path` is that of `serve`.
    pub fn check_globals(&self, path: &[String]) -> Result<(), CommandError> {
        let ([command], Some(flag)) = (path, self.globals.of_clients()) else {
            return Ok(());
        };
        if command != "serve" {
            return Ok(());
        }
        Err(CommandError::new(
            Kind::Failed,
            format!("{flag} before `{command}` is for commands that ask a server"),
        )
        .hint(format!(
            "the flags of `{command}` stand behind it: see `etcdctl {command} --help`"
        )))
    }

    /// The format in which an error is to be shown; known also where the settings could not be resolved.
    pub fn error_format(&self) -> Format {
        if let Some(settings) = self.settings.get() {
            return settings.format;
        }
        let variable = std::env::var("ETCDCTL_WRITE_OUT").unwrap_or_default();
        let name = self.globals.write_out.as_deref().unwrap_or(&variable);
        name.parse().unwrap_or_default()
    }

    /// The command's time, beginning now.
    ///
    /// # Errors
    /// As [`Context::settings`].
    pub fn deadline(&self) -> Result<Deadline, CommandError> {
        Ok(Deadline::after(self.limit()?))
    }

    /// The command's time.
    ///
    /// # Errors
    /// As [`Context::settings`].
    pub fn limit(&self) -> Result<Limit, CommandError> {
        Ok(Limit {
            length: self.settings()?.command_timeout.to_std(),
            flag: "--command-timeout",
        })
    }

    /// A client of all endpoints, logged in.
    ///
    /// # Errors
    /// The settings are wrong, or the login failed.
    pub async fn client(&self) -> Result<Client, CommandError> {
        let endpoints: Vec<String> = self
            .settings()?
            .endpoints
            .iter()
            .map(|e| e.trim().to_owned())
            .collect();
        let client = self.client_of(&endpoints)?;
        let refused = |e: ClientError| CommandError::from(e).kind(Kind::BadConnection);
        self.login()?.tell(&client).await.map_err(refused)?;
        Ok(client)
    }

    /// A client of these endpoints, not logged in.
    ///
    /// # Errors
    /// The settings are wrong, or an endpoint means nothing.
    pub fn client_of(&self, endpoints: &[String]) -> Result<Client, CommandError> {
        let settings = self.settings()?;
        let options = ClientOptions {
            dial_timeout: settings.dial_timeout.to_std(),
            keepalive_time: settings.keepalive_time.to_std(),
            keepalive_timeout: settings.keepalive_timeout.to_std(),
            max_request_bytes: settings.max_request_bytes,
            max_recv_bytes: settings.max_recv_bytes,
            tls: settings.tls.clone(),
            embedded: self.embedded.clone(),
        };
        Ok(Client::new(endpoints, options)?)
    }

    /// Who asks; a password that is not among the settings is asked for once.
    ///
    /// # Errors
    /// The settings are wrong, or a password can't be read.
    pub fn login(&self) -> Result<&Login, CommandError> {
        if let Some(login) = self.login.get() {
            return Ok(login);
        }
        let settings = self.settings()?;
        let asked = match &settings.credentials {
            Credentials::User(_, None) => Some(
                self.ui
                    .ask_password("Password: ")
                    .map_err(|e| CommandError::new(Kind::Failed, e))?,
            ),
            _ => None,
        };
        let time = settings.dial_timeout.to_std();
        let login = Login::new(&settings.credentials, asked.as_deref(), time);
        Ok(self.login.get_or_init(|| login))
    }

    /// Prints a reply in the format that was asked for.
    ///
    /// # Errors
    /// The format has no shape for it, or stdout does not take it.
    pub fn emit(&self, reply: &Reply) -> Result<(), CommandError> {
        let settings = self.settings()?;
        self.emit_as(reply, settings.format, settings.hex)
    }

    /// As [`Context::emit`], for commands that ask for no settings.
    ///
    /// # Errors
    /// As [`Context::emit`].
    pub fn emit_as(&self, reply: &Reply, format: Format, hex: bool) -> Result<(), CommandError> {
        emit(&self.ui, reply, format, &RenderOptions { hex })
    }

    /// Some endpoints failed, each with a line of its own: said as lines, or as the one error of JSON.
    pub fn some_failed(&self, lines: &[String], hints: Vec<String>) -> CommandError {
        if self.error_format() == Format::Json {
            return CommandError::new(Kind::Failed, lines.join("; "));
        }
        for line in lines {
            self.ui.note(line);
        }
        let mut error = CommandError::said(Kind::Failed);
        error.hints = hints;
        error
    }

    /// Ends what the command has started in this process.
    pub async fn close(&self) {
        self.embedded.close().await;
    }
}
