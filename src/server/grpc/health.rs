//! The gRPC health service, as etcd registers it: the server as a whole (`""`) serves, and no other
//! name is known.

use std::{collections::HashMap, sync::Arc, time::Duration};

use tonic::Code;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse, health_check_response};

use super::{body::Body, dispatch::Services, message};
use crate::server::{connection::stopping, error::Error};

/// `grpc.health.v1.HealthListResponse`, which the crate does not know yet.
#[derive(Clone, PartialEq, prost::Message)]
pub struct HealthList {
    #[prost(map = "string, message", tag = "1")]
    statuses: HashMap<String, HealthCheckResponse>,
}

/// `grpc.health.v1.HealthListRequest`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct HealthListRequest {}

fn serving() -> HealthCheckResponse {
    HealthCheckResponse {
        status: health_check_response::ServingStatus::Serving.into(),
    }
}

impl Services {
    pub(super) async fn health_check(
        &self,
        r: HealthCheckRequest,
    ) -> Result<HealthCheckResponse, Error> {
        if r.service.is_empty() {
            Ok(serving())
        } else {
            Err(Error::Other(Code::NotFound, "unknown service".into()))
        }
    }

    pub(super) async fn health_list(&self, _: HealthListRequest) -> Result<HealthList, Error> {
        Ok(HealthList {
            statuses: HashMap::from([(String::new(), serving())]),
        })
    }

    /// Says the state once; it stays the same until the server stops, which ends the stream.
    pub(super) fn health_watch(
        self: &Arc<Self>,
        r: HealthCheckRequest,
        deadline: Option<Duration>,
    ) -> Body {
        let (sender, body) = Body::stream(self.config.stream_stall, deadline);
        let mut phase = self.phase.clone();
        let first = if r.service.is_empty() {
            serving()
        } else {
            HealthCheckResponse {
                status: health_check_response::ServingStatus::ServiceUnknown.into(),
            }
        };
        tokio::spawn(async move {
            if sender.send(message::frame(&first)).await.is_err() {
                return;
            }
            tokio::select! {
                () = stopping(&mut phase) => sender.end(Err(Error::Stopped.into())).await,
                () = sender.closed() => {}
            }
        });
        body
    }
}
