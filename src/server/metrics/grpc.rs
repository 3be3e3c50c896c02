//! Metrics of gRPC requests, as in grpc-prometheus (github.com/grpc-ecosystem/go-grpc-middleware). The counters of each
//! method are looked up once, so that counting a request takes only a few atomic additions.

use std::{
    sync::{Arc, atomic::AtomicU64, atomic::Ordering},
    time::Instant,
};

use prometheus::{Histogram, HistogramOpts, IntCounter, IntCounterVec};
use tonic::Code;

use super::register::Register;

/// Maximum number of distinct values of `client-api-version` that are counted. Clients choose them freely, so further
/// ones are counted as `other`.
const CLIENT_VERSIONS: usize = 64;
/// gRPC's codes are 0 to 16.
const CODES: usize = 17;

/// The labels of one method.
#[derive(Clone, Copy, Debug)]
pub struct MethodLabels {
    /// Full name of the service.
    pub service: &'static str,
    /// Name of the method.
    pub method: &'static str,
    /// `unary`, `server_stream` or `bidi_stream`.
    pub kind: &'static str,
}

/// The counters of all methods, indexed by number.
pub struct GrpcMetrics {
    methods: Vec<Arc<MethodMetrics>>,
    client_requests: IntCounterVec,
    client_versions: AtomicU64,
}

struct MethodMetrics {
    labels: MethodLabels,
    started: IntCounter,
    handled: IntCounterVec,
    /// The counters of those codes that have occurred.
    by_code: [std::sync::OnceLock<IntCounter>; CODES],
    received: IntCounter,
    sent: IntCounter,
    /// Counts the bytes of all methods together, like `sent_bytes`.
    received_bytes: IntCounter,
    sent_bytes: IntCounter,
    seconds: Option<Histogram>,
}

/// A request in progress. If it is dropped without a code, its deadline has passed or the client has canceled it.
pub struct Handling {
    method: Arc<MethodMetrics>,
    since: Instant,
    deadline: Option<Instant>,
    ended: bool,
}

impl GrpcMetrics {
    /// Registers the counters of these methods. `extensive` adds the histogram of durations, as `--metrics=extensive`
    /// does.
    ///
    /// # Errors
    /// A name is registered twice.
    pub(super) fn register(
        register: &Register<'_>,
        methods: &[MethodLabels],
        extensive: bool,
    ) -> prometheus::Result<GrpcMetrics> {
        let labels = &["grpc_type", "grpc_service", "grpc_method"];
        let started = register.counters(
            "grpc_server_started_total",
            "Total number of RPCs started on the server.",
            labels,
        )?;
        let handled = register.counters(
            "grpc_server_handled_total",
            "Total number of RPCs completed on the server, regardless of success or failure.",
            &["grpc_type", "grpc_service", "grpc_method", "grpc_code"],
        )?;
        let received = register.counters(
            "grpc_server_msg_received_total",
            "Total number of RPC stream messages received on the server.",
            labels,
        )?;
        let sent = register.counters(
            "grpc_server_msg_sent_total",
            "Total number of gRPC stream messages sent by the server.",
            labels,
        )?;
        let received_bytes = register.counter(
            "etcd_network_client_grpc_received_bytes_total",
            "The total number of bytes received from grpc clients.",
        )?;
        let sent_bytes = register.counter(
            "etcd_network_client_grpc_sent_bytes_total",
            "The total number of bytes sent to grpc clients.",
        )?;
        let seconds = if extensive {
            let opts = HistogramOpts::new(
                "grpc_server_handling_seconds",
                "Histogram of response latency (seconds) of gRPC that had been application-level handled by the \
                 server.",
            );
            Some(register.histograms(opts, labels)?)
        } else {
            None
        };
        let methods = methods
            .iter()
            .map(|m| {
                let values = [m.kind, m.service, m.method];
                Arc::new(MethodMetrics {
                    labels: *m,
                    started: started.with_label_values(&values),
                    handled: handled.clone(),
                    by_code: Default::default(),
                    received: received.with_label_values(&values),
                    sent: sent.with_label_values(&values),
                    received_bytes: received_bytes.clone(),
                    sent_bytes: sent_bytes.clone(),
                    seconds: seconds.as_ref().map(|s| s.with_label_values(&values)),
                })
            })
            .collect();
        Ok(GrpcMetrics {
            methods,
            client_requests: register.counters(
                "etcd_server_client_requests_total",
                "The total number of client requests per client version.",
                &["type", "client_api_version"],
            )?,
            client_versions: AtomicU64::new(0),
        })
    }

    /// Starts counting a request of the method with this number.
    pub fn start(&self, method: usize, deadline: Option<Instant>) -> Handling {
        let method = Arc::clone(&self.methods[method]);
        method.started.inc();
        Handling {
            method,
            since: Instant::now(),
            deadline,
            ended: false,
        }
    }

    /// Counts a request by a client with this API version.
    pub fn client(&self, unary: bool, version: &str) {
        let kind = if unary { "unary" } else { "stream" };
        let known = self.client_versions.load(Ordering::Relaxed);
        let version = if version == "unknown" || known < CLIENT_VERSIONS as u64 {
            version
        } else {
            "other"
        };
        let counter = self.client_requests.with_label_values(&[kind, version]);
        if counter.get() == 0 {
            self.client_versions.fetch_add(1, Ordering::Relaxed);
        }
        counter.inc();
    }
}

impl MethodMetrics {
    fn received(&self, bytes: usize) {
        self.received.inc();
        self.received_bytes.inc_by(bytes as u64);
    }

    fn sent(&self, messages: u64, bytes: usize) {
        self.sent.inc_by(messages);
        self.sent_bytes.inc_by(bytes as u64);
    }

    fn handled(&self, code: Code) -> &IntCounter {
        self.by_code[code as usize].get_or_init(|| {
            let MethodLabels {
                service,
                method,
                kind,
            } = self.labels;
            self.handled
                .with_label_values(&[kind, service, method, code_name(code)])
        })
    }
}

impl Handling {
    /// A message of the request with this many bytes has been read.
    pub fn received(&self, bytes: usize) {
        self.method.received(bytes);
    }

    /// A message of the response with this many bytes is being sent.
    pub fn sent(&self, bytes: usize) {
        self.method.sent(1, bytes);
    }

    /// Records the code with which the request ended.
    pub fn end(mut self, code: Code) {
        self.finish(code);
    }

    /// Counts messages of this request after it has been moved elsewhere.
    pub fn messages(&self) -> Messages {
        Messages(Arc::clone(&self.method))
    }

    fn finish(&mut self, code: Code) {
        self.ended = true;
        self.method.handled(code).inc();
        if let Some(seconds) = &self.method.seconds {
            seconds.observe(self.since.elapsed().as_secs_f64());
        }
    }
}

impl Drop for Handling {
    fn drop(&mut self) {
        if !self.ended {
            let late = self.deadline.is_some_and(|at| at <= Instant::now());
            self.finish(if late {
                Code::DeadlineExceeded
            } else {
                Code::Cancelled
            });
        }
    }
}

/// Counts the messages of a stream.
#[derive(Clone)]
pub struct Messages(Arc<MethodMetrics>);

impl Messages {
    /// A message of this many bytes was read.
    pub fn received(&self, bytes: usize) {
        self.0.received(bytes);
    }

    /// This many messages, with this total size in bytes, are being sent.
    pub fn sent(&self, messages: u64, bytes: usize) {
        self.0.sent(messages, bytes);
    }
}

/// The names of gRPC codes in grpc-prometheus, which are Go's.
fn code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "Canceled",
        Code::Unknown => "Unknown",
        Code::InvalidArgument => "InvalidArgument",
        Code::DeadlineExceeded => "DeadlineExceeded",
        Code::NotFound => "NotFound",
        Code::AlreadyExists => "AlreadyExists",
        Code::PermissionDenied => "PermissionDenied",
        Code::ResourceExhausted => "ResourceExhausted",
        Code::FailedPrecondition => "FailedPrecondition",
        Code::Aborted => "Aborted",
        Code::OutOfRange => "OutOfRange",
        Code::Unimplemented => "Unimplemented",
        Code::Internal => "Internal",
        Code::Unavailable => "Unavailable",
        Code::DataLoss => "DataLoss",
        Code::Unauthenticated => "Unauthenticated",
    }
}

#[cfg(test)]
mod tests {
    use prometheus::Registry;

    use super::*;

    #[test]
    fn a_request_that_is_given_up_counts_as_canceled() {
        let registry = Registry::new();
        let put = MethodLabels {
            service: "S",
            method: "Put",
            kind: "unary",
        };
        let grpc = GrpcMetrics::register(&Register(&registry), &[put], true).unwrap();
        grpc.start(0, None).end(Code::Ok);
        drop(grpc.start(0, None));
        drop(grpc.start(0, Some(Instant::now())));
        let codes = [Code::Ok, Code::Cancelled, Code::DeadlineExceeded];
        assert_eq!(
            codes.map(|code| grpc.methods[0].handled(code).get()),
            [1; 3]
        );
        assert_eq!(grpc.methods[0].started.get(), 3);
    }

    #[test]
    fn the_number_of_client_versions_is_limited() {
        let registry = Registry::new();
        let grpc = GrpcMetrics::register(&Register(&registry), &[], false).unwrap();
        for i in 0..CLIENT_VERSIONS * 3 {
            grpc.client(true, &format!("3.{i}"));
        }
        let family = registry
            .gather()
            .into_iter()
            .find(|f| f.name() == "etcd_server_client_requests_total");
        assert_eq!(
            family.unwrap().get_metric().len(),
            CLIENT_VERSIONS + 1,
            "the named ones and `other`"
        );
    }
}
