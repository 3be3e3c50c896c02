//! The rules of the write path, each with a test that fails without it. A watcher delays, counts or fails operations on
//! the disk; no test waits for time to pass.

mod compaction;
mod disk;
mod groups;
mod lifecycle;
mod limits;
mod reads;

use std::{
    future::Future,
    io,
    path::Path,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use parking_lot::{Condvar, Mutex};

use super::super::config::AutoCompaction;
use super::*;
use crate::{
    bolt::{Batch, Db, Event, Options, Watcher},
    proto::etcdserverpb::{
        AlarmType, alarm_request::AlarmAction, compare::TargetUnion, request_op,
    },
    schema::{bucket, meta},
};

/// Delays syncs while it is shut, counts them, and makes operations fail on demand.
#[derive(Default)]
struct Gate {
    shut: Mutex<bool>,
    changed: Condvar,
    held: AtomicBool,
    syncs: AtomicUsize,
    full: AtomicBool,
    broken: AtomicBool,
}

impl Watcher for Gate {
    fn event(&self, event: Event<'_>) -> io::Result<()> {
        match event {
            Event::Allocate { .. } if self.full.load(Ordering::SeqCst) => {
                return Err(io::Error::from_raw_os_error(
                    rustix::io::Errno::NOSPC.raw_os_error(),
                ));
            }
            Event::Sync { .. } if self.broken.load(Ordering::SeqCst) => {
                return Err(io::Error::other("the disk is gone"));
            }
            Event::Sync { .. } => {}
            _ => return Ok(()),
        }
        self.syncs.fetch_add(1, Ordering::SeqCst);
        let mut shut = self.shut.lock();
        while *shut {
            self.held.store(true, Ordering::SeqCst);
            self.changed.wait(&mut shut);
        }
        self.held.store(false, Ordering::SeqCst);
        Ok(())
    }
}

impl Gate {
    fn shut(&self) {
        *self.shut.lock() = true;
    }

    fn open(&self) {
        *self.shut.lock() = false;
        self.changed.notify_all();
    }

    fn options(self: &Arc<Gate>) -> Options {
        Options {
            grow: 4096,
            watcher: Some(self.clone()),
            ..Options::default()
        }
    }

    /// Waits until the writer is blocked at the gate.
    async fn held(&self) {
        for _ in 0..10_000 {
            if self.held.load(Ordering::SeqCst) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        panic!("the writer never came to the gate");
    }
}

struct Fixture {
    core: Core,
    gate: Arc<Gate>,
    config: Config,
    _dir: tempfile::TempDir,
}

fn start(set: impl FnOnce(&mut Config)) -> Fixture {
    let dir = tempfile::tempdir().unwrap();
    let mut config = Config::new(dir.path().join("data"));
    set(&mut config);
    let gate = Arc::new(Gate::default());
    let core = open_blocking(&config, gate.options());
    Fixture {
        core,
        gate,
        config,
        _dir: dir,
    }
}

fn open_blocking(config: &Config, options: Options) -> Core {
    tokio::task::block_in_place(|| Core::open_with(config, options).unwrap())
}

impl Fixture {
    async fn restart(&mut self) {
        self.core.shutdown().await;
        self.core = open_blocking(&self.config, self.gate.options());
    }
}

fn put(key: &str, value: impl Into<Bytes>) -> pb::PutRequest {
    pb::PutRequest {
        key: key.to_string().into(),
        value: value.into(),
        ..Default::default()
    }
}

fn get(key: &str, revision: i64) -> pb::RangeRequest {
    pb::RangeRequest {
        key: key.to_string().into(),
        revision,
        ..Default::default()
    }
}

async fn value(core: &Core, key: &str) -> Option<Bytes> {
    let answer = core
        .range(&RequestContext::in_process(), get(key, 0))
        .await
        .unwrap();
    answer.kvs.first().map(|kv| kv.value.clone())
}

fn delete(key: &str) -> pb::DeleteRangeRequest {
    pb::DeleteRangeRequest {
        key: key.to_string().into(),
        prev_kv: true,
        ..Default::default()
    }
}

fn compaction(revision: i64, physical: bool) -> pb::CompactionRequest {
    pb::CompactionRequest { revision, physical }
}

fn txn(compare: Vec<pb::Compare>, success: Vec<request_op::Request>) -> pb::TxnRequest {
    let op = |request| pb::RequestOp {
        request: Some(request),
    };
    pb::TxnRequest {
        compare,
        success: success.into_iter().map(op).collect(),
        failure: Vec::new(),
    }
}

fn alarm(action: AlarmAction, member_id: u64, kind: AlarmType) -> pb::AlarmRequest {
    pb::AlarmRequest {
        action: action.into(),
        member_id,
        alarm: kind.into(),
    }
}

type Pending<T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send>>;

/// Starts requests in this order, without waiting for their responses.
async fn begin<T>(pending: &mut [Pending<T>]) {
    std::future::poll_fn(|cx| {
        for one in &mut *pending {
            assert!(one.as_mut().poll(cx).is_pending(), "answered too early");
        }
        std::task::Poll::Ready(())
    })
    .await;
}

fn puts(core: &Core, requests: Vec<pb::PutRequest>) -> Vec<Pending<pb::PutResponse>> {
    let put = |r| -> Pending<pb::PutResponse> {
        let core = core.clone();
        Box::pin(async move { core.put(&RequestContext::in_process(), r).await })
    };
    requests.into_iter().map(put).collect()
}

/// Waits for all requests. The results are in the same order.
async fn finish<T>(mut pending: Vec<Pending<T>>) -> Vec<Result<T, Error>> {
    let mut results: Vec<_> = pending.iter().map(|_| None).collect();
    std::future::poll_fn(|cx| {
        for (one, result) in pending.iter_mut().zip(&mut results) {
            if result.is_none()
                && let std::task::Poll::Ready(ready) = one.as_mut().poll(cx)
            {
                *result = Some(ready);
            }
        }
        match results.iter().all(Option::is_some) {
            true => std::task::Poll::Ready(()),
            false => std::task::Poll::Pending,
        }
    })
    .await;
    results.into_iter().flatten().collect()
}

/// Every key from `k` on.
fn all_keys() -> pb::RangeRequest {
    pb::RangeRequest {
        range_end: Bytes::from_static(b"\0"),
        ..get("k", 0)
    }
}

async fn fill(core: &Core, keys: usize, bytes: usize) {
    let many = (0..keys).map(|i| put(&format!("k{i:03}"), vec![7; bytes]));
    let written = finish(puts(core, many.collect())).await;
    assert!(written.iter().all(Result::is_ok));
}
