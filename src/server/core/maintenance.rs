//! The Maintenance service: alarms, status, defragmentation, hashes and snapshots.

use super::{
    Core, Snapshot, VERSION,
    admission::{Admitted, Size},
    hashing,
};
use crate::{
    proto::etcdserverpb as pb,
    server::{alarms, context::RequestContext, error::Error, quota},
};

impl Core {
    /// Lists, raises or clears alarms.
    ///
    /// # Errors
    /// See [`Core::put`].
    pub async fn alarm(
        &self,
        context: &RequestContext,
        r: pb::AlarmRequest,
    ) -> Result<pb::AlarmResponse, Error> {
        let published = self.inner.shared.published()?;
        (published.auth).check_alarm(&self.identify(context)?, &r)?;
        if r.action() != pb::alarm_request::AlarmAction::Get {
            return self.write(context, r).await;
        }
        Ok(pb::AlarmResponse {
            header: Some(self.inner.shared.header(published.revision)),
            alarms: published.alarms.list(r.alarm),
        })
    }

    /// The data of `endpoint status`.
    ///
    /// # Errors
    /// The server has stopped.
    pub async fn status(&self, context: &RequestContext) -> Result<pb::StatusResponse, Error> {
        self.check_known(context)?;
        let shared = &self.inner.shared;
        let published = shared.published()?;
        let sizes = published.file.sizes()?;
        let downgrade = published.membership.downgrade_target();
        Ok(pb::StatusResponse {
            header: Some(shared.header(published.revision)),
            version: VERSION.into(),
            db_size: sizes.total as i64,
            leader: shared.ids.member,
            raft_index: published.applied,
            raft_term: shared.ids.term,
            raft_applied_index: published.applied,
            errors: published.alarms.list(0).iter().map(alarms::text).collect(),
            db_size_in_use: sizes.in_use as i64,
            is_learner: false,
            storage_version: published.membership.version().to_string(),
            db_size_quota: match self.inner.quota_bytes {
                0 => quota::DEFAULT_BYTES,
                bytes => bytes,
            },
            downgrade_info: Some(pb::DowngradeInfo {
                enabled: downgrade.is_some(),
                target_version: downgrade.unwrap_or_default().into(),
            }),
        })
    }

    /// Rewrites the database file, once no compaction is in progress. Reads continue; writes wait until it is done.
    ///
    /// # Errors
    /// There is no space for the new file, or the server has stopped.
    pub async fn defragment(
        &self,
        context: &RequestContext,
    ) -> Result<pb::DefragmentResponse, Error> {
        self.check_admin(context)?;
        let done = self.inner.shared.queue.push_after_compactions(true)?;
        done.await.map_err(|_| Error::Stopped)??;
        Ok(pb::DefragmentResponse::default())
    }

    /// Waits until no compaction is in progress: old records have been removed, or could not be because of damage or
    /// lack of space.
    ///
    /// # Errors
    /// The server has stopped.
    pub async fn finish_compactions(&self) -> Result<(), Error> {
        let done = self.inner.shared.queue.push_after_compactions(false)?;
        done.await.map_err(|_| Error::Stopped)?
    }

    /// CRC-32C over the whole backend.
    ///
    /// # Errors
    /// A page is damaged, or the server has stopped.
    pub async fn hash(&self, context: &RequestContext) -> Result<pb::HashResponse, Error> {
        self.check_admin(context)?;
        self.blocking(context, Size::Scan, |shared, cancelled| {
            let published = shared.published()?;
            let timer = shared.metrics.hash.start_timer();
            let hash = published.tx.hash(|| cancelled.check())?;
            timer.observe_duration();
            Ok(pb::HashResponse {
                header: Some(shared.header(published.revision)),
                hash,
            })
        })
        .await
    }

    /// CRC-32C over the history of keys up to `r.revision` (0: the current revision).
    ///
    /// # Errors
    /// The revision has been compacted or is in the future, a record is damaged, or the server has stopped.
    pub async fn hash_kv(
        &self,
        context: &RequestContext,
        r: pb::HashKvRequest,
    ) -> Result<pb::HashKvResponse, Error> {
        self.check_admin(context)?;
        self.blocking(context, Size::Scan, move |shared, cancelled| {
            let timer = shared.metrics.hash_by_revision.start_timer();
            let (hash, current) = hashing::by_revision(shared, r.revision, cancelled)?;
            timer.observe_duration();
            Ok(pb::HashKvResponse {
                header: Some(shared.header(current)),
                hash: hash.hash,
                compact_revision: hash.compact_revision,
                hash_revision: hash.revision,
            })
        })
        .await
    }

    /// The database file at one point in time. Its pages cannot be reused until it is dropped.
    ///
    /// # Errors
    /// The server has stopped.
    pub async fn snapshot(&self, context: &RequestContext) -> Result<Snapshot, Error> {
        self.check_admin(context)?;
        let published = self.inner.shared.published()?;
        let version = published.membership.version().to_string();
        Ok(Snapshot::new(&published.tx, version))
    }

    /// Waits until a piece of a snapshot may be read, so that many streams use few threads.
    ///
    /// # Errors
    /// The server has stopped.
    pub async fn admit_snapshot_read(&self) -> Result<Admitted, Error> {
        self.inner.admission.admit_snapshot_read().await
    }
}
