//! The end of a watch, as etcdctl reports it. Does not watch anything itself.

use std::slice::from_ref;

use crate::{
    cli::{
        context::Context,
        error::{CommandError, ErrorKind},
    },
    client::ClientError,
    commands::permission::{self, Needed},
    output::replies::watch::Watched,
    proto::etcdserverpb as pb,
};

/// The end of a watch.
#[derive(Debug)]
pub(super) struct Ended {
    /// Why it ended; `None` if the server canceled a running watch without a reason that Go's client passes on.
    reason: Option<String>,
    /// The last answer, according to which the watch is canceled.
    answer: pb::WatchResponse,
    /// The error of a watch that was never created.
    error: Option<ClientError>,
}

impl Ended {
    /// The end of a watch that failed with `error` (etcd v3.7.1, client/v3/watch.go). `created` tells whether the server had
    /// created it before.
    pub(super) fn of(error: ClientError, created: bool) -> Ended {
        let bare = pb::WatchResponse {
            canceled: true,
            ..Default::default()
        };
        match error {
            ClientError::WatchCancelled { reason, answer } if answer.compact_revision != 0 => {
                Ended {
                    reason: Some(reason),
                    answer: *answer,
                    error: None,
                }
            }
            // If a watch was rejected, Go's client shows only the reason.
            ClientError::WatchCancelled { reason, answer }
                if answer.created && !answer.cancel_reason.is_empty() =>
            {
                Ended {
                    reason: Some(reason),
                    answer: bare,
                    error: None,
                }
            }
            ClientError::WatchCancelled { answer, .. } => Ended {
                reason: None,
                answer: *answer,
                error: None,
            },
            error => Ended {
                reason: Some(error.to_string()),
                answer: bare,
                error: (!created).then_some(error),
            },
        }
    }

    /// Prints why the watch has ended.
    ///
    /// # Errors
    /// Stdout cannot be written.
    pub(super) fn show(&self, ctx: &Context) -> Result<(), CommandError> {
        if let Some(reason) = &self.reason {
            ctx.ui.note(&format!("watch was canceled ({reason})"));
            ctx.emit(&Watched::whole(self.answer.clone()))?;
        }
        Ok(())
    }

    /// Like [`Ended::show`], and returns the error of a command that has no other watch.
    ///
    /// # Errors
    /// Stdout cannot be written.
    pub(super) fn show_as_error(
        mut self,
        ctx: &Context,
        needed: &Needed,
    ) -> Result<CommandError, CommandError> {
        if let Some(error) = self.error.take() {
            // No server was reached, or it refused the stream: nothing was watched.
            if error.code() != Some(tonic::Code::PermissionDenied) {
                return Ok(permission::name(error.into(), from_ref(needed)));
            }
        }
        self.show(ctx)?;
        let mut error =
            CommandError::new(ErrorKind::Interrupted, "watch is canceled by the server");
        if let Some(reason) = &self.reason
            && let Some(hint) = permission::hint(reason, from_ref(needed))
        {
            error = error.hint(hint);
        }
        if self.answer.compact_revision > 0 {
            error = error.hint(format!(
                "the oldest revision that can be watched is {}",
                self.answer.compact_revision
            ));
        }
        Ok(error)
    }
}
