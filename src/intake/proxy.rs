//! The PROXY protocol, versions 1 and 2: what a proxy of ours says of the client behind it, before
//! the client says anything.
//!
//! Read from listed peers only, who must send it: a client that could send it itself would choose
//! its own address. Start with [`read`].

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::time::timeout;

/// A proxy sends its header at once.
const HEADER_WITHIN: Duration = Duration::from_secs(10);
/// The longest header of version 1, its line end included.
const LINE_OCTETS_MAX: usize = 107;
/// What version 2 begins with.
const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
/// Addresses of Unix sockets take 216 octets; what comes behind is for others.
const REST_OCTETS_MAX: usize = 2_048;

/// Reads the header, and nothing of what stands behind it. `None`: the proxy speaks for itself, or
/// does not know its client.
///
/// # Errors
///
/// The proxy's, or of whoever listed its address: that was no header.
pub async fn read<S: AsyncRead + Unpin>(stream: &mut S) -> io::Result<Option<IpAddr>> {
    timeout(HEADER_WITHIN, read_header(stream))
        .await
        .unwrap_or_else(|_| Err(io::Error::from(ErrorKind::TimedOut)))
}

async fn read_header<S: AsyncRead + Unpin>(stream: &mut S) -> io::Result<Option<IpAddr>> {
    // No header of either version is shorter.
    let mut start = [0; SIGNATURE.len()];
    stream.read_exact(&mut start).await?;
    if start == SIGNATURE {
        return read_binary(stream).await;
    }
    let mut line = start.to_vec();
    while !line.ends_with(b"\r\n") {
        if line.len() == LINE_OCTETS_MAX || !line.starts_with(b"PROXY ") {
            return Err(no_header());
        }
        line.push(stream.read_u8().await?);
    }
    let line = std::str::from_utf8(&line).map_err(|_| no_header())?;
    read_line(line.trim_end())
}

/// `PROXY TCP4 192.0.2.1 192.0.2.2 40000 25`; of `UNKNOWN` the rest says nothing.
fn read_line(line: &str) -> io::Result<Option<IpAddr>> {
    let words: Vec<&str> = line.split(' ').collect();
    match words.as_slice() {
        ["PROXY", "UNKNOWN", ..] => Ok(None),
        ["PROXY", family @ ("TCP4" | "TCP6"), client, server, client_port, server_port] => {
            let addresses = [client, server].map(|address| address.parse::<IpAddr>());
            let ports = [client_port, server_port].map(|port| port.parse::<u16>());
            match addresses {
                [Ok(client), Ok(server)]
                    if client.is_ipv4() == (*family == "TCP4")
                        && client.is_ipv4() == server.is_ipv4()
                        && ports.iter().all(Result::is_ok) =>
                {
                    Ok(Some(client.to_canonical()))
                }
                _ => Err(no_header()),
            }
        }
        _ => Err(no_header()),
    }
}

async fn read_binary<S: AsyncRead + Unpin>(stream: &mut S) -> io::Result<Option<IpAddr>> {
    let (version_and_command, family) = (stream.read_u8().await?, stream.read_u8().await?);
    let mut rest = vec![0; usize::from(stream.read_u16().await?)];
    if version_and_command >> 4 != 2 || rest.len() > REST_OCTETS_MAX {
        return Err(no_header());
    }
    stream.read_exact(&mut rest).await?;
    match (version_and_command & 0xf, family >> 4) {
        // LOCAL: a health check of the proxy's own.
        (0, _) => Ok(None),
        (1, 1) if rest.len() >= 12 => {
            let address: [u8; 4] = first(&rest)?;
            Ok(Some(Ipv4Addr::from(address).into()))
        }
        (1, 2) if rest.len() >= 36 => {
            let address: [u8; 16] = first(&rest)?;
            Ok(Some(IpAddr::from(Ipv6Addr::from(address)).to_canonical()))
        }
        (1, 0 | 3) => Ok(None),
        _ => Err(no_header()),
    }
}

fn first<const N: usize>(octets: &[u8]) -> io::Result<[u8; N]> {
    octets.first_chunk().copied().ok_or_else(no_header)
}

fn no_header() -> io::Error {
    io::Error::new(ErrorKind::InvalidData, "no header of the PROXY protocol")
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn said(mut wire: &[u8]) -> Option<(Option<IpAddr>, Vec<u8>)> {
        let client = read(&mut wire).await.ok()?;
        Some((client, wire.to_vec()))
    }

    fn binary(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
        [&SIGNATURE[..], &[0x20 | command, family], &length, rest, b"EHLO"].concat()
    }

    #[tokio::test]
    async fn both_versions_name_the_client_and_leave_the_rest_alone() {
        let four: Option<IpAddr> = Some([192, 0, 2, 7].into());
        let six: Option<IpAddr> = "2001:db8::7".parse().ok();
        let after = b"EHLO".to_vec();
        for (wire, client) in [
            (b"PROXY TCP4 192.0.2.7 192.0.2.1 4000 25\r\nEHLO".to_vec(), four),
            (b"PROXY TCP6 2001:db8::7 2001:db8::1 4000 25\r\nEHLO".to_vec(), six),
            (b"PROXY TCP6 ::ffff:192.0.2.7 ::1 4000 25\r\nEHLO".to_vec(), four),
            (b"PROXY UNKNOWN\r\nEHLO".to_vec(), None),
            (b"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\nEHLO".to_vec(), None),
            (binary(1, 0x11, &[192, 0, 2, 7, 192, 0, 2, 1, 0, 1, 0, 25]), four),
            (binary(1, 0x11, &[192, 0, 2, 7, 192, 0, 2, 1, 0, 1, 0, 25, 4, 0, 1, 9]), four),
            (binary(0, 0x00, &[]), None),
            (binary(1, 0x31, &[0; 216]), None),
        ] {
            assert_eq!(said(&wire).await, Some((client, after.clone())), "{wire:?}");
        }
        let address = "2001:db8::7".parse::<Ipv6Addr>().unwrap().octets();
        let rest = [&address[..], &[0; 16], &[0, 1, 0, 25]].concat();
        assert_eq!(said(&binary(1, 0x21, &rest)).await, Some((six, after)));
    }

    #[tokio::test]
    async fn what_is_no_header_is_refused() {
        let long = format!("PROXY UNKNOWN {}\r\n", "x".repeat(200));
        for wire in [
            b"EHLO c.example\r\nMAIL FROM:<>\r\n".to_vec(),
            b"PROXY TCP4 192.0.2.7 192.0.2.1 4000\r\n".to_vec(),
            b"PROXY TCP4 2001:db8::7 192.0.2.1 4000 25\r\n".to_vec(),
            b"PROXY TCP6 192.0.2.7 192.0.2.1 4000 25\r\n".to_vec(),
            b"PROXY TCP4 192.0.2.7 192.0.2.1 4000 70000\r\n".to_vec(),
            b"PROXY TCP4 192.0.2.300 192.0.2.1 1 25\r\n".to_vec(),
            long.into_bytes(),
            binary(2, 0x11, &[0; 12]),
            binary(1, 0x11, &[0; 4]),
            [&SIGNATURE[..], &[0x11, 0x11, 0, 12], &[0; 12]].concat(),
            [&SIGNATURE[..], &[0x21, 0x11, 0xff, 0xff]].concat(),
            b"PROXY TCP4 192".to_vec(),
        ] {
            assert_eq!(said(&wire).await, None, "{wire:?}");
        }
    }
}
