//! A name server on loopback that answers from a table.
//!
//! Start with [`NameServer::start`]; it ends with the runtime that it was started in.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use mail_auth::hickory_resolver::proto::op::{Message, ResponseCode};
use mail_auth::hickory_resolver::proto::rr::rdata::TXT;
use mail_auth::hickory_resolver::proto::rr::{RData, Record, RecordType};
use tokio::net::UdpSocket;

/// What is known of a name.
#[derive(Debug, Clone)]
pub enum Answer {
    Text(String),
    /// The server failed (SERVFAIL).
    Fails,
    /// Nothing comes back.
    Silence,
}

pub struct NameServer {
    pub address: SocketAddr,
}

impl NameServer {
    pub async fn start(table: HashMap<String, Answer>) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a port");
        let address = socket.local_addr().expect("an address");
        tokio::spawn(serve(socket, Arc::new(table)));
        Self { address }
    }
}

async fn serve(socket: UdpSocket, table: Arc<HashMap<String, Answer>>) {
    let mut octets = [0; 4_096];
    loop {
        let (count, peer) = socket.recv_from(&mut octets).await.expect("a question");
        let Some(answer) = answer(&octets[..count], &table) else { continue };
        socket.send_to(&answer, peer).await.expect("the answer is sent");
    }
}

fn answer(question: &[u8], table: &HashMap<String, Answer>) -> Option<Vec<u8>> {
    let asked = Message::from_vec(question).expect("a question");
    let query = asked.queries.first().expect("one name").clone();
    let name = query.name().to_string().trim_end_matches('.').to_lowercase();
    let mut said = Message::response(asked.metadata.id, asked.metadata.op_code);
    said.metadata.recursion_desired = true;
    said.metadata.recursion_available = true;
    said.add_query(query.clone());
    match table.get(&name) {
        Some(Answer::Silence) => return None,
        Some(Answer::Fails) => said.metadata.response_code = ResponseCode::ServFail,
        Some(Answer::Text(text)) if query.query_type() == RecordType::TXT => {
            let pieces = text.as_bytes().chunks(255).map(|piece| String::from_utf8_lossy(piece).into());
            let data = RData::TXT(TXT::new(pieces.collect()));
            said.add_answer(Record::from_rdata(query.name().clone(), 300, data));
        }
        _ => said.metadata.response_code = ResponseCode::NXDomain,
    }
    Some(said.to_vec().expect("an answer"))
}
