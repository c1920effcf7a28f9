//! Bytes over TCP, as a test wants them: a client and a server without manners.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::PATIENCE;

/// A server that answers each request with the same bytes, and keeps what it received.
#[derive(Debug)]
pub(crate) struct RawServer {
    address: SocketAddr,
    received: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

impl RawServer {
    /// Keeps its connections open if `answer` is whole by itself; ends them otherwise.
    pub(crate) async fn start(answer: impl Into<Vec<u8>>, keeps_open: bool) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .expect("a port of the loopback interface");
        let address = listener
            .local_addr()
            .expect("the address of a bound socket");
        let received = Arc::<Mutex<Vec<String>>>::default();
        let task = tokio::spawn(serve(listener, answer.into(), keeps_open, received.clone()));
        Self {
            address,
            received,
            task,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Takes the requests that came since the last call, each with its body.
    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.received.lock())
    }
}

impl Drop for RawServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(
    listener: TcpListener,
    answer: Vec<u8>,
    keeps_open: bool,
    received: Arc<Mutex<Vec<String>>>,
) {
    loop {
        let (mut stream, _) = listener.accept().await.expect("a listening socket");
        let (answer, received) = (answer.clone(), received.clone());
        tokio::spawn(async move {
            while let Some(request) = read_request(&mut stream).await {
                received.lock().push(request);
                if stream.write_all(&answer).await.is_err() || !keeps_open {
                    return;
                }
            }
        });
    }
}

/// Reads one request as a careless server does; `None` at the end of the connection.
async fn read_request(stream: &mut TcpStream) -> Option<String> {
    let mut request = Vec::new();
    while !is_whole(&request) {
        let mut bytes = [0; 4096];
        match stream.read(&mut bytes).await {
            Ok(0) | Err(_) if request.is_empty() => return None,
            Ok(0) | Err(_) => break,
            Ok(length) => request.extend_from_slice(&bytes[..length]),
        }
    }
    Some(String::from_utf8_lossy(&request).into_owned())
}

fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request).to_ascii_lowercase();
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    if head.contains("transfer-encoding: chunked") {
        return body == "0\r\n\r\n" || body.contains("\r\n0\r\n") && body.ends_with("\r\n\r\n");
    }
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    length.is_none_or(|length| body.len() >= length.parse().expect("a length"))
}

/// Sends bytes, and gives all that comes until the server ends the connection.
pub(crate) async fn exchange(server: SocketAddr, request: impl AsRef<[u8]>) -> String {
    let talk = async {
        let mut stream = TcpStream::connect(server).await.expect("a connection");
        stream
            .write_all(request.as_ref())
            .await
            .expect("a server that reads");
        let mut answer = Vec::new();
        // A reset is an end, too.
        let mut bytes = [0; 4096];
        while let Ok(length @ 1..) = stream.read(&mut bytes).await {
            answer.extend_from_slice(&bytes[..length]);
        }
        answer
    };
    let answer = timeout(PATIENCE, talk).await.expect("the end in time");
    String::from_utf8_lossy(&answer).into_owned()
}
