//! A bidirectional method for tests: responds to each request with the same key.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Request, Status, Streaming, client::Grpc, transport::Channel};
use tonic_prost::ProstCodec;

use super::stream::{Inbound, Outbound};
use crate::{
    proto::{etcdserverpb as pb, mvccpb::KeyValue},
    server::{
        context::{PeerAddress, RequestContext},
        embedded::Server,
        error::Error,
    },
};

/// The test service.
pub struct Echo;

impl Echo {
    pub async fn echo(
        &self,
        context: &RequestContext,
        mut inbound: Inbound<pb::PutRequest>,
        outbound: Outbound<pb::PutResponse>,
    ) -> Result<(), Error> {
        assert_eq!(context.peer.address, PeerAddress::InProcess);
        while let Some(request) = inbound.next().await? {
            if request.key == "fail" {
                return Err(Error::LeaseNotFound);
            }
            let response = pb::PutResponse {
                prev_kv: Some(KeyValue {
                    key: request.key,
                    value: request.value,
                    ..Default::default()
                }),
                ..Default::default()
            };
            outbound.send(&response).await?;
        }
        Ok(())
    }
}

type Responses = Streaming<pb::PutResponse>;

/// Opens a call. Messages passed to the sender are sent to the server.
async fn open(channel: &Channel) -> (mpsc::Sender<pb::PutRequest>, Result<Responses, Status>) {
    let (sender, requests) = mpsc::channel(1);
    let mut grpc = Grpc::new(channel.clone());
    grpc.ready().await.unwrap();
    let path = http::uri::PathAndQuery::from_static("/test.Echo/Echo");
    let codec = ProstCodec::<pb::PutRequest, pb::PutResponse>::default();
    let request = Request::new(ReceiverStream::new(requests));
    let response = grpc.streaming(request, path, codec).await;
    (sender, response.map(tonic::Response::into_inner))
}

fn put(key: &str, size: usize) -> pb::PutRequest {
    pb::PutRequest {
        key: key.to_string().into(),
        value: vec![7; size].into(),
        ..Default::default()
    }
}

async fn next_key(responses: &mut Responses) -> Option<String> {
    let response = responses.message().await.unwrap()?;
    let key = response.prev_kv.unwrap().key;
    Some(String::from_utf8(key.to_vec()).unwrap())
}

#[tokio::test]
async fn messages_go_both_ways_until_either_side_ends() {
    let server = Server::temporary().await.unwrap();
    let channel = server.channel().await.unwrap();
    let (sender, responses) = open(&channel).await;
    let mut responses = responses.unwrap();
    for i in 0..10 {
        let key = format!("k{i}");
        sender.send(put(&key, 10)).await.unwrap();
        assert_eq!(next_key(&mut responses).await, Some(key));
    }
    drop(sender);
    assert_eq!(next_key(&mut responses).await, None);

    let (sender, responses) = open(&channel).await;
    let mut responses = responses.unwrap();
    sender.send(put("a", 0)).await.unwrap();
    assert_eq!(next_key(&mut responses).await.as_deref(), Some("a"));
    sender.send(put("fail", 0)).await.unwrap();
    let status = responses.message().await.unwrap_err();
    assert_eq!(status.code(), Code::NotFound);
    assert_eq!(status.message(), Error::LeaseNotFound.text());
    server.shutdown().await;
}

#[tokio::test]
async fn a_client_that_reads_nothing_is_made_to_wait_and_loses_nothing() {
    let server = Server::temporary().await.unwrap();
    let channel = server.channel().await.unwrap();
    let (sender, responses) = open(&channel).await;
    let mut responses = responses.unwrap();
    let total = 200;
    let sending = tokio::spawn(async move {
        for i in 0..total {
            sender.send(put(&format!("k{i}"), 100_000)).await.unwrap();
        }
    });
    // If nobody reads, the sender cannot send its 20 MB; another call is served meanwhile.
    let (other, other_responses) = open(&channel).await;
    let mut other_responses = other_responses.unwrap();
    other.send(put("other", 0)).await.unwrap();
    assert_eq!(
        next_key(&mut other_responses).await.as_deref(),
        Some("other")
    );
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(!sending.is_finished());
    for i in 0..total {
        assert_eq!(next_key(&mut responses).await, Some(format!("k{i}")));
    }
    assert_eq!(next_key(&mut responses).await, None);
    sending.await.unwrap();
    server.shutdown().await;
}

#[tokio::test]
async fn a_stopping_server_ends_the_call() {
    let server = Server::temporary().await.unwrap();
    let channel = server.channel().await.unwrap();
    let (_sender, responses) = open(&channel).await;
    let mut responses = responses.unwrap();
    server.shutdown().await;
    let status = responses.message().await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert_eq!(status.message(), Error::Stopped.text());
}
