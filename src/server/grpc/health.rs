//! The gRPC health service as registered by etcd: the server as a whole (`""`) is serving, and no other name is known.

use std::collections::HashMap;

use tokio::sync::watch;
use tonic::Code;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse, health_check_response};

use super::stream::Outbound;
use crate::server::{
    context::RequestContext,
    error::Error,
    lifecycle::{Phase, stopping},
};

/// `grpc.health.v1.HealthListResponse`, which the crate does not have yet.
#[derive(Clone, PartialEq, prost::Message)]
pub struct HealthListResponse {
    #[prost(map = "string, message", tag = "1")]
    statuses: HashMap<String, HealthCheckResponse>,
}

/// `grpc.health.v1.HealthListRequest`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct HealthListRequest {}

/// The health service.
pub struct Health {
    phase: watch::Receiver<Phase>,
}

fn serving() -> HealthCheckResponse {
    HealthCheckResponse {
        status: health_check_response::ServingStatus::Serving.into(),
    }
}

impl Health {
    pub fn new(phase: watch::Receiver<Phase>) -> Health {
        Health { phase }
    }

    pub async fn check(
        &self,
        _: &RequestContext,
        r: HealthCheckRequest,
    ) -> Result<HealthCheckResponse, Error> {
        if r.service.is_empty() {
            Ok(serving())
        } else {
            Err(Error::Other(Code::NotFound, "unknown service".into()))
        }
    }

    pub async fn list(
        &self,
        _: &RequestContext,
        _: HealthListRequest,
    ) -> Result<HealthListResponse, Error> {
        Ok(HealthListResponse {
            statuses: HashMap::from([(String::new(), serving())]),
        })
    }

    /// Sends the state once. It does not change until the server stops, which ends the stream.
    pub async fn watch(
        &self,
        _: &RequestContext,
        r: HealthCheckRequest,
        outbound: Outbound<HealthCheckResponse>,
    ) -> Result<(), Error> {
        let state = if r.service.is_empty() {
            serving()
        } else {
            HealthCheckResponse {
                status: health_check_response::ServingStatus::ServiceUnknown.into(),
            }
        };
        outbound.send(&state).await?;
        stopping(&mut self.phase.clone()).await;
        Err(Error::Stopped)
    }
}
