//! A server over plain HTTP on loopback whose answers a test writes byte by byte.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

/// A request: its first line without the version, and its body.
pub struct Asked {
    pub line: String,
    pub body: String,
}

/// Answers each request by `answer`, for as long as the test's process lives. Says the base URL.
pub fn answering(answer: impl Fn(&Asked) -> Vec<u8> + Send + Sync + Clone + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let answer = answer.clone();
            std::thread::spawn(move || serve(connection.unwrap(), &answer));
        }
    });
    url
}

fn serve(connection: TcpStream, answer: &dyn Fn(&Asked) -> Vec<u8>) {
    let mut reader = BufReader::new(connection.try_clone().unwrap());
    let mut writer = connection;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        let mut length = 0;
        loop {
            let mut header = String::new();
            if reader.read_line(&mut header).unwrap_or(0) == 0 {
                return;
            }
            let header = header.trim().to_ascii_lowercase();
            if header.is_empty() {
                break;
            }
            if let Some(value) = header.strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        let asked = Asked {
            line: line.trim_end().trim_end_matches(" HTTP/1.1").to_owned(),
            body: String::from_utf8_lossy(&body).into_owned(),
        };
        if writer.write_all(&answer(&asked)).is_err() {
            return;
        }
    }
}

/// A server that logs everybody in, and whose answer with runs begins with `begin` and goes on with `again`, after a
/// pause each time, until the client has gone. Says the base URL.
pub fn going_on(begin: &'static [u8], again: &'static [u8], pause: Duration) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let mut connection = connection.unwrap();
            std::thread::spawn(move || {
                let mut request = [0; 16 << 10];
                let length = connection.read(&mut request).unwrap_or(0);
                let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n";
                let line = String::from_utf8_lossy(&request[..length]).to_ascii_lowercase();
                let line = line.lines().next().unwrap_or_default().to_owned();
                if !line.contains("/jobruns") {
                    let token = r#"{"access_token":"a","refresh_token":"b","expires_in":3600}"#;
                    let body = if line.contains("oauth") { token } else { "[]" };
                    let answer = format!("{head}Content-Length: {}\r\n\r\n{body}", body.len());
                    let _ = connection.write_all(answer.as_bytes());
                    return;
                }
                let mut sent = connection.write_all(format!("{head}\r\n").as_bytes());
                sent = sent.and_then(|()| connection.write_all(begin));
                while sent.is_ok() {
                    std::thread::sleep(pause);
                    sent = connection.write_all(again);
                }
            });
        }
    });
    url
}

/// An answer with these headers and its length.
pub fn reply(status: u16, headers: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let head = format!(
        "HTTP/1.1 {status} Words\r\n{headers}Content-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}
