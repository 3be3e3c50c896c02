//! The Lease service's stream of keep-alives. The other methods are implemented by `Core`.

use super::stream::{Inbound, Outbound};
use crate::{
    proto::etcdserverpb as pb,
    server::{context::RequestContext, core::Core, error::Error},
};

/// The Lease service.
pub struct Lease {
    core: Core,
}

impl Lease {
    pub fn new(core: Core) -> Lease {
        Lease { core }
    }

    /// Renews the lease named by each message, and responds in the same order.
    pub async fn keep_alive(
        &self,
        context: &RequestContext,
        mut inbound: Inbound<pb::LeaseKeepAliveRequest>,
        outbound: Outbound<pb::LeaseKeepAliveResponse>,
    ) -> Result<(), Error> {
        while let Some(request) = inbound.next().await? {
            // Fill in the header before the renewal, so that a client never sees a lease renewed at a revision at which
            // it had been revoked.
            let header = Some(self.core.header());
            let ttl = self.core.lease_renew(context, request.id).await?;
            let response = pb::LeaseKeepAliveResponse {
                header,
                id: request.id,
                ttl,
            };
            outbound.send(&response).await?;
        }
        Ok(())
    }
}
