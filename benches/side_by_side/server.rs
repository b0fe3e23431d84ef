//! A static file server over plain HTTP for one machine: bodies from memory, and a token for whoever asks.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request, Response, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

/// Serves `folder` (`ccs/api/v1/Jobs/<id>/jobruns`) until the process ends; says its port on stdout.
pub(crate) async fn serve(folder: &Path) -> std::io::Result<()> {
    let mut bodies = HashMap::new();
    for job in std::fs::read_dir(folder.join("ccs/api/v1/Jobs"))? {
        let job = job?;
        let path = format!(
            "/ccs/api/v1/jobs/{}/jobruns",
            job.file_name().to_string_lossy().to_lowercase()
        );
        bodies.insert(path, Bytes::from(std::fs::read(job.path().join("jobruns"))?));
    }
    let bodies = Arc::new(bodies);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    println!("{}", listener.local_addr()?.port());
    loop {
        let (stream, _) = listener.accept().await?;
        let bodies = Arc::clone(&bodies);
        tokio::spawn(async move {
            let service = service_fn(move |request: Request<Incoming>| {
                let bodies = Arc::clone(&bodies);
                async move { Ok::<_, Infallible>(answer(&bodies, &request)) }
            });
            drop(
                hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service)
                    .await,
            );
        });
    }
}

fn answer(bodies: &HashMap<String, Bytes>, request: &Request<Incoming>) -> Response<Full<Bytes>> {
    let (status, body) = if request.method() == Method::POST {
        (
            200,
            Bytes::from_static(b"{\"access_token\":\"a\",\"refresh_token\":\"b\",\"expires_in\":3600}"),
        )
    } else {
        match bodies.get(&request.uri().path().to_lowercase()) {
            Some(body) => (200, body.clone()),
            None => (404, Bytes::from_static(b"not found")),
        }
    };
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = http::StatusCode::from_u16(status).expect("200 and 404 are statuses");
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        header::HeaderValue::from_static("application/json"),
    );
    response
}
