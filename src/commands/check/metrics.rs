//! Reads the memory usage of a server from its `/metrics` page.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixStream,
};

use crate::client::{
    Endpoint, Tls,
    dial::connect,
    endpoint::Target,
    tls::handshake::{Stream, handshake},
};

/// Maximum size of the page in bytes; etcd's has about 100 KiB.
const LONGEST_PAGE: u64 = 16 << 20;

const METRIC: &str = "process_resident_memory_bytes";

/// The resident memory of the server at `endpoint` in bytes.
///
/// # Errors
/// The reason, in one line.
pub async fn resident_memory(
    endpoint: &str,
    tls: Option<&Tls>,
    timeout: Duration,
) -> Result<f64, String> {
    let page = tokio::time::timeout(timeout, fetch(endpoint, tls, timeout)).await;
    let page = page.map_err(|_| "context deadline exceeded".to_owned())??;
    value(&page).ok_or_else(|| format!("{METRIC} is not among the metrics of {endpoint}"))
}

/// The value of the metric in a page.
fn value(page: &str) -> Option<f64> {
    let line = page.lines().find(|line| line.starts_with(METRIC))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// Fetches the page by HTTP/1.0, in which the end of the connection ends the response.
async fn fetch(endpoint: &str, tls: Option<&Tls>, timeout: Duration) -> Result<String, String> {
    let endpoint = Endpoint::parse(endpoint.trim()).map_err(|e| e.to_string())?;
    let endpoint = endpoint.with_default_tls(tls.is_some());
    let text = |e: std::io::Error| e.to_string();
    let (stream, secure): (Box<dyn Stream>, bool) = match &endpoint.target {
        Target::Tcp { host, port, tls } => {
            let stream = connect(host, *port, timeout).await;
            (Box::new(stream.map_err(|cause| cause.to_string())?), *tls)
        }
        Target::Unix { path, tls } => {
            let stream = UnixStream::connect(path).await;
            (Box::new(stream.map_err(text)?), *tls)
        }
        _ => return Err("only a server on the network serves metrics".into()),
    };
    let request = format!(
        "GET /metrics HTTP/1.0\r\nHost: {}\r\n\r\n",
        endpoint.authority()
    );
    let answer = match (secure, tls) {
        (true, Some(tls)) => {
            let name = endpoint.server_name();
            let stream = handshake(tls, stream, name, timeout).await;
            ask(stream.map_err(|e| e.to_string())?, &request).await
        }
        (true, None) => return Err("TLS is not set up".into()),
        (false, _) => ask(stream, &request).await,
    };
    let answer = answer.map_err(text)?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or("no HTTP answer")?;
    let status = head.lines().next().unwrap_or_default();
    if status.split(' ').nth(1) == Some("200") {
        Ok(body.to_owned())
    } else {
        Err(status.to_owned())
    }
}

async fn ask(mut stream: impl Stream, request: &str) -> std::io::Result<String> {
    stream.write_all(request.as_bytes()).await?;
    let mut answer = vec![];
    stream.take(LONGEST_PAGE).read_to_end(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_metric_is_found_among_others() {
        let page = "# HELP process_resident_memory_bytes x\nother 1\nprocess_resident_memory_bytes 2.5e+07\n";
        assert_eq!(value(page), Some(2.5e7));
        assert_eq!(value("other 1\n"), None);
    }
}
