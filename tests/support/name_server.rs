//! A name server on port 53 of an address of this machine, so that `/etc/resolv.conf` can refer to it. It has only service
//! and address records, and answers only over UDP.

use std::net::{Ipv4Addr, UdpSocket};
use std::thread;

/// A record of the server.
#[derive(Clone, Debug)]
pub enum Record {
    /// Port and target of a service.
    Service(u16, &'static str),
    Address(Ipv4Addr),
}

const A: u16 = 1;
const SRV: u16 = 33;

/// Starts the server with these records, by name without the trailing dot. Returns its address, or `None` if ports below
/// 1024 cannot be bound. Its thread ends with the test process.
pub fn start(records: Vec<(&'static str, Record)>) -> Option<Ipv4Addr> {
    let [_, _, high, low] = std::process::id().to_be_bytes();
    let address = Ipv4Addr::new(127, 53, high, low.clamp(1, 254));
    let socket = UdpSocket::bind((address, 53)).ok()?;
    thread::spawn(move || {
        let mut query = [0; 512];
        while let Ok((length, from)) = socket.recv_from(&mut query) {
            if let Some(answer) = answer(&query[..length], &records) {
                let _ = socket.send_to(&answer, from);
            }
        }
    });
    Some(address)
}

/// The answer (RFC 1035): a header of 12 bytes, the question, and the records. Code 3 means that the name does not exist.
fn answer(query: &[u8], records: &[(&str, Record)]) -> Option<Vec<u8>> {
    let mut labels = vec![];
    let mut at = 12;
    while *query.get(at)? != 0 {
        let end = at + 1 + usize::from(query[at]);
        labels.push(String::from_utf8_lossy(query.get(at + 1..end)?).to_lowercase());
        at = end;
    }
    let question = query.get(12..at + 5)?;
    let kind = u16::from_be_bytes([query[at + 1], query[at + 2]]);
    let name = labels.join(".");
    let known: Vec<_> = records.iter().filter(|(n, _)| *n == name).collect();
    let data: Vec<Vec<u8>> = known
        .iter()
        .filter_map(|(_, record)| match record {
            Record::Service(port, target) if kind == SRV => {
                let [high, low] = port.to_be_bytes();
                let mut data = vec![0, 0, 0, 0, high, low];
                for label in target.split('.') {
                    data.push(u8::try_from(label.len()).ok()?);
                    data.extend(label.bytes());
                }
                data.push(0);
                Some(data)
            }
            Record::Address(address) if kind == A => Some(address.octets().to_vec()),
            _ => None,
        })
        .collect();
    let code = if known.is_empty() { 3 } else { 0 };
    let mut out = vec![query[0], query[1], 0x81, 0x80 | code, 0, 1, 0];
    out.push(u8::try_from(data.len()).ok()?);
    out.extend([0, 0, 0, 0]);
    out.extend(question);
    for data in data {
        // The name is that of the question.
        out.extend([0xc0, 12]);
        out.extend(kind.to_be_bytes());
        out.extend([0, 1, 0, 0, 0, 60]);
        out.extend(u16::try_from(data.len()).ok()?.to_be_bytes());
        out.extend(data);
    }
    Some(out)
}
