//! A small server for the tests of this module: raw answers, counted requests, optional TLS.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

/// A request as it arrived.
#[derive(Debug, Clone)]
pub(super) struct ReceivedRequest {
    /// `GET /path?query`.
    pub(super) line: String,
    /// Header lines, names in lower case.
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: String,
}

impl ReceivedRequest {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    pub(super) fn is_token(&self) -> bool {
        self.line == "POST /ccs/api/v1/oauth/tokens"
    }

    /// A value of the form in the body, decoded as by ASP.NET: `+` is a space, `%XX` a byte.
    pub(super) fn form(&self, name: &str) -> Option<String> {
        let pair = self
            .body
            .split('&')
            .find_map(|pair| pair.strip_prefix(&format!("{name}=")))?;
        let mut bytes = Vec::new();
        let mut rest = pair.as_bytes();
        while let Some((&first, more)) = rest.split_first() {
            (bytes, rest) = match first {
                b'+' => ([&bytes[..], b" "].concat(), more),
                b'%' => {
                    let hex = std::str::from_utf8(&more[..2]).unwrap();
                    (
                        [&bytes[..], &[u8::from_str_radix(hex, 16).unwrap()]].concat(),
                        &more[2..],
                    )
                }
                other => ([&bytes[..], &[other]].concat(), more),
            };
        }
        Some(String::from_utf8(bytes).unwrap())
    }
}

pub(super) enum TestReply {
    /// These bytes, and the connection stays open.
    Raw(Vec<u8>),
    /// These bytes, then the connection is closed.
    Close(Vec<u8>),
    /// These bytes, then silence.
    Stall(Vec<u8>),
}

/// An answer with length.
pub(super) fn reply(status: u16, content_type: &str, body: &str) -> TestReply {
    TestReply::Raw(
        format!(
            "HTTP/1.1 {status} Words\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .into_bytes(),
    )
}

/// A JSON answer with status 200.
pub(super) fn json(body: &str) -> TestReply {
    reply(200, "application/json; charset=utf-8", body)
}

pub(super) fn token(access: &str, refresh: &str) -> TestReply {
    json(&format!(
        r#"{{"access_token":"{access}","refresh_token":"{refresh}","expires_in":"3600"}}"#
    ))
}

/// A running server; it ends when dropped.
pub(super) struct TestServer {
    port: u16,
    requests: Arc<Mutex<Vec<ReceivedRequest>>>,
    task: JoinHandle<()>,
}

impl TestServer {
    /// Starts a server on a free loopback port. It answers by `handler`, which also gets the number of earlier requests.
    pub(super) async fn start(
        tls: Option<rustls::ServerConfig>,
        handler: impl Fn(usize, &ReceivedRequest) -> TestReply + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&requests);
        let handler = Arc::new(handler);
        let acceptor = tls.map(|config| TlsAcceptor::from(Arc::new(config)));
        let task = tokio::spawn(async move {
            // Connections end with the server.
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (noted, handler, acceptor) = (Arc::clone(&noted), Arc::clone(&handler), acceptor.clone());
                connections.spawn(async move {
                    match acceptor {
                        None => serve(stream, noted, &*handler).await,
                        Some(acceptor) => {
                            if let Ok(stream) = acceptor.accept(stream).await {
                                serve(stream, noted, &*handler).await;
                            }
                        }
                    }
                });
            }
        });
        Self { port, requests, task }
    }

    pub(super) const fn port(&self) -> u16 {
        self.port
    }

    pub(super) fn requests(&self) -> Vec<ReceivedRequest> {
        self.requests.lock().unwrap().clone()
    }

    /// How many requests match `wanted`.
    pub(super) fn count(&self, wanted: impl Fn(&ReceivedRequest) -> bool) -> usize {
        self.requests().iter().filter(|request| wanted(request)).count()
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    requests: Arc<Mutex<Vec<ReceivedRequest>>>,
    handler: &(dyn Fn(usize, &ReceivedRequest) -> TestReply + Send + Sync),
) {
    while let Some(request) = read_request(&mut stream).await {
        let before = {
            let mut requests = requests.lock().unwrap();
            requests.push(request.clone());
            requests.len() - 1
        };
        let (bytes, then) = match handler(before, &request) {
            TestReply::Raw(bytes) => (bytes, "go on"),
            TestReply::Close(bytes) => (bytes, "close"),
            TestReply::Stall(bytes) => (bytes, "stall"),
        };
        if stream.write_all(&bytes).await.is_err() || stream.flush().await.is_err() {
            return;
        }
        match then {
            "close" => {
                let _ = stream.shutdown().await;
                return;
            }
            "stall" => std::future::pending().await,
            _ => {}
        }
    }
}

async fn read_request<S: AsyncRead + Unpin>(stream: &mut S) -> Option<ReceivedRequest> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = memchr::memmem::find(&bytes, b"\r\n\r\n") {
            break end;
        }
        let mut chunk = [0; 4096];
        match stream.read(&mut chunk).await {
            Ok(0) | Err(_) => return None,
            Ok(count) => bytes.extend_from_slice(&chunk[..count]),
        }
    };
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let mut lines = head.split("\r\n");
    let line = lines.next().unwrap().trim_end_matches(" HTTP/1.1").to_owned();
    let headers: Vec<(String, String)> = lines
        .map(|line| line.split_once(": ").unwrap())
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let length: usize = length.map_or(0, |(_, value)| value.parse().unwrap());
    while bytes.len() < end + 4 + length {
        let mut chunk = [0; 4096];
        match stream.read(&mut chunk).await {
            Ok(0) | Err(_) => return None,
            Ok(count) => bytes.extend_from_slice(&chunk[..count]),
        }
    }
    let body = String::from_utf8(bytes[end + 4..].to_vec()).unwrap();
    Some(ReceivedRequest { line, headers, body })
}
