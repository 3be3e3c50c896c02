//! The output of `snapshot save`: a file or standard output. The digest is checked in both cases.

use bytes::Bytes;

use super::stream::Broken;
use crate::{
    cli::{
        context::Context,
        error::{CommandError, ErrorKind},
    },
    files::{
        digest::Digest,
        packing::{Packer, Packing},
        part_file::PartError,
        writer::{Writer, Written},
    },
};

/// Where a save writes to.
pub enum Sink {
    /// A file that appears only when it is complete.
    File(Writer),
    /// Standard output.
    Stdout(Box<Stdout>),
}

/// The state of a stream to standard output.
pub struct Stdout {
    /// Digest of the received bytes.
    digest: Digest,
    /// The compressor, if any.
    packer: Option<Packer>,
    /// Bytes written.
    size: u64,
}

impl Sink {
    /// Creates the output for standard output.
    ///
    /// # Errors
    /// The compressor cannot be created.
    pub fn stdout(packing: Packing) -> Result<Sink, PartError> {
        Ok(Sink::Stdout(Box::new(Stdout {
            digest: Digest::default(),
            packer: Packer::new(packing).map_err(stdout_error)?,
            size: 0,
        })))
    }

    /// Writes the next bytes.
    ///
    /// # Errors
    /// The output cannot be written.
    pub async fn write(&mut self, ctx: &Context, chunk: Bytes) -> Result<(), CommandError> {
        match self {
            Sink::File(writer) => writer.write(chunk).await.map_err(local),
            Sink::Stdout(stdout) => stdout.write(ctx, chunk),
        }
    }

    /// Checks the digest and completes the output.
    ///
    /// # Errors
    /// The digest does not match ([`Broken::Remote`]), or the output cannot be written.
    pub async fn finish(self, ctx: &Context) -> Result<Written, Broken> {
        match self {
            Sink::File(mut writer) => writer.finish().await.map_err(|error| match error {
                PartError::NoDigest(_) | PartError::WrongDigest { .. } => {
                    Broken::Remote(local(error))
                }
                error => Broken::Local(local(error)),
            }),
            Sink::Stdout(stdout) => stdout.finish(ctx),
        }
    }
}

impl Stdout {
    fn write(&mut self, ctx: &Context, chunk: Bytes) -> Result<(), CommandError> {
        self.digest.update(&chunk);
        let packed = match &mut self.packer {
            Some(packer) => {
                let packed = packer.pack(&chunk);
                packed.map_err(|e| local(stdout_error(e)))?.into()
            }
            None => chunk,
        };
        self.size += packed.len() as u64;
        ctx.ui.bytes(&packed)
    }

    fn finish(self, ctx: &Context) -> Result<Written, Broken> {
        let checked = self.digest.check();
        let checked = checked.map_err(|e| Broken::Remote(local(e)))?;
        let Some(packer) = self.packer else {
            return Ok(Written {
                size: self.size,
                sha256: checked.sha256,
            });
        };
        let (rest, sha256) = packer
            .end()
            .map_err(|e| Broken::Local(local(stdout_error(e))))?;
        ctx.ui.bytes(&rest).map_err(Broken::Local)?;
        Ok(Written {
            size: self.size + rest.len() as u64,
            sha256,
        })
    }
}

/// The command's error for an output error.
pub fn local(error: PartError) -> CommandError {
    CommandError::new(ErrorKind::Interrupted, error)
}

fn stdout_error(error: std::io::Error) -> PartError {
    PartError::Write {
        part: "/dev/stdout".into(),
        error,
    }
}
