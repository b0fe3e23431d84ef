//! Compression, lengths, TLS, and start and end of a server.

use std::error::Error;
use std::io::Read;
use std::time::Duration;

use jobruns::simulator::{CertificateKind, Options, Simulator};

use super::bench::{Bench, client, options};

#[tokio::test]
async fn gzip_comes_only_when_asked_for_and_unpacks_to_the_same() {
    let bench = Bench::new().await;
    let path = bench.all_path(0);
    let plain = bench.send(&path).await;
    assert_eq!(plain.headers().get("content-encoding"), None);
    assert_eq!(plain.headers()["content-type"], "application/json; charset=utf-8");
    let plain = plain.bytes().await.unwrap();
    let refused = bench.get(&path).header("Accept-Encoding", "gzip;q=0, identity");
    assert_eq!(refused.send().await.unwrap().bytes().await.unwrap(), plain);
    let packed = bench.get(&path).header("Accept-Encoding", "deflate, GZip;q=0.5");
    let packed = packed.send().await.unwrap();
    assert_eq!(packed.headers()["content-encoding"], "gzip");
    let packed = packed.bytes().await.unwrap();
    assert!(packed.len() < plain.len() / 2);
    let mut unpacked = Vec::new();
    flate2::read::GzDecoder::new(&packed[..])
        .read_to_end(&mut unpacked)
        .unwrap();
    assert!(unpacked == plain);
    let never = Bench::with(Options {
        gzip: false,
        ..options()
    })
    .await;
    let asked = never.get(&path).header("Accept-Encoding", "gzip");
    assert_eq!(asked.send().await.unwrap().bytes().await.unwrap(), plain);
}

#[tokio::test]
async fn answers_come_in_chunks_or_say_their_length() {
    let chunked = Bench::new().await;
    let path = chunked.all_path(0);
    let response = chunked.send(&path).await;
    assert_eq!(response.headers()["transfer-encoding"], "chunked");
    assert_eq!(response.headers().get("content-length"), None);
    let body = response.bytes().await.unwrap();
    let with_length = Bench::with(Options {
        with_length: true,
        ..options()
    })
    .await;
    let response = with_length.send(&path).await;
    assert_eq!(response.headers().get("transfer-encoding"), None);
    assert_eq!(
        response.headers()["content-length"].to_str().unwrap(),
        body.len().to_string()
    );
    assert_eq!(response.bytes().await.unwrap(), body);
}

#[tokio::test]
async fn plain_http_serves_the_same() {
    let secure = Bench::new().await;
    let plain = Bench::with(Options {
        plain: true,
        ..options()
    })
    .await;
    assert!(plain.server.base_url().starts_with("http://127.0.0.1:"));
    assert_eq!(plain.all(0).await, secure.all(0).await);
}

#[tokio::test]
async fn certificates_are_trusted_only_where_they_should_be() {
    for (certificate, trusted) in [
        (CertificateKind::Signed, true),
        (CertificateKind::SelfSigned, true),
        (CertificateKind::SelfSignedAuthority, false),
        (CertificateKind::Expired, false),
        (CertificateKind::OtherName, false),
    ] {
        let server = Simulator::start(Options {
            certificate,
            ..options()
        })
        .await
        .unwrap();
        let get = client(server.authority_pem()).get(format!("{}/ccs/api/v1/Jobs", server.base_url()));
        assert_eq!(get.send().await.is_ok(), trusted, "{certificate:?}");
    }
    let (one, other) = (Bench::new().await, Bench::new().await);
    let stranger = client(other.server.authority_pem()).get(one.url("/ccs/api/v1/Jobs"));
    stranger.send().await.unwrap_err();
}

#[tokio::test]
async fn a_dropped_server_ends_its_connections() {
    let bench = Bench::new().await;
    let url = bench.url("/ccs/api/v1/Jobs");
    // The connection of the login is kept open and could be used for this, too.
    let get = bench.client.get(url).bearer_auth(&bench.access);
    drop(bench.server);
    tokio::time::sleep(Duration::from_millis(50)).await;
    get.send().await.unwrap_err();
}

#[tokio::test]
async fn a_port_that_is_taken_is_named() {
    let bench = Bench::new().await;
    let port: u16 = bench
        .server
        .base_url()
        .rsplit(':')
        .next()
        .unwrap()
        .parse()
        .unwrap();
    let error = Simulator::start(Options { port, ..options() }).await.unwrap_err();
    assert_eq!(error.to_string(), format!("could not listen on 127.0.0.1:{port}"));
    assert!(error.source().is_some());
}

#[tokio::test]
async fn a_connection_is_kept_for_the_next_request() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let bench = Bench::with(Options {
        plain: true,
        ..options()
    })
    .await;
    let address = bench.server.base_url().replace("http://", "");
    let mut line = tokio::net::TcpStream::connect(&address).await.unwrap();
    for _ in 0..2 {
        let request = "GET /ccs/api/v1/Jobs HTTP/1.1\r\nHost: ccs\r\n\r\n";
        line.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"denied for this request.") {
            assert_ne!(line.read_buf(&mut answer).await.unwrap(), 0);
        }
        let text = String::from_utf8(answer).unwrap().to_lowercase();
        assert!(
            text.starts_with("http/1.1 401") && !text.contains("connection: close"),
            "{text}"
        );
    }
}

#[tokio::test]
async fn another_authority_is_unknown_and_not_the_same_with_a_bad_signature() {
    let (one, other) = (Bench::new().await, Bench::new().await);
    let error = one.client.get(other.server.base_url()).send().await.unwrap_err();
    assert!(format!("{error:?}").contains("UnknownIssuer"), "{error:?}");
}
