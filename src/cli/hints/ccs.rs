//! Hints for errors of the client: the server, its certificate, the network.

use crate::ccs::{
    CcsError, CertificateProblem, CertificateRefused, ConnectProblem, RedirectProblem, RequestPurpose,
    TlsProblem, UrlProblem,
};

/// The port of CCS where none was configured (API document, "URL").
const DEFAULT_PORT: u16 = 12431;

pub(crate) fn ccs(error: &CcsError) -> Option<String> {
    let hint = match error {
        CcsError::BadUrl {
            reason: UrlProblem::PlainHttp,
            ..
        } => {
            "use https://, or --insecure for a trial on your own machine".to_owned()
        }
        CcsError::BadUrl {
            reason: UrlProblem::UserInfo,
            ..
        } => {
            "give the user by --username and the password by JOBRUNS_PASSWORD or --password-file".to_owned()
        }
        CcsError::BadUrl { .. } => format!("give it as https://HOST:{DEFAULT_PORT}; the rest is added"),
        CcsError::NoTrustedRoots { .. } => {
            "install the system's CA certificates, or name the server's CA by --ca-cert or its certificate by \
             --pin"
                .to_owned()
        }
        CcsError::NoCertificateInPem | CcsError::BadCertificate { .. } => {
            "export the CA's certificate as Base64 (PEM) and name that file".to_owned()
        }
        CcsError::TlsSetup { .. } => return None,
        CcsError::HttpSetup { .. } => "look at HTTPS_PROXY and the like: each must be a URL".to_owned(),
        CcsError::Connect { proxy: Some(_), .. } => {
            "look at HTTPS_PROXY and ALL_PROXY: is the proxy there and the right one? A server that needs none is \
             named in NO_PROXY; proxy = \"none\" uses none at all"
                .to_owned()
        }
        CcsError::Connect { problem, url, .. } => connect(*problem, url),
        CcsError::Tls { problem, .. } => tls(problem),
        CcsError::NoAnswer { .. } => {
            "try again later; if it stays so, the server or something before it closes the connection".to_owned()
        }
        CcsError::NotHttp { .. } => {
            format!("is this the port of the REST API? Its default is {DEFAULT_PORT}, and it speaks https")
        }
        CcsError::Silence { .. } => {
            "the server may be slow to put a long history together: raise --timeout, or lower --concurrency"
                .to_owned()
        }
        CcsError::NoProgress { .. } => {
            "the server, or a proxy before it, does not finish its answer; if the line is that slow, raise --timeout"
                .to_owned()
        }
        CcsError::Cut { .. } => "try again; what was read whole is kept".to_owned(),
        CcsError::Status { doing, status, .. } => status_code(*doing, *status),
        CcsError::NotJson { .. } => {
            "a proxy or another web server seems to answer in place of CCS: look at the URL, the port and \
             HTTPS_PROXY"
                .to_owned()
        }
        CcsError::Unusable { .. } => "is the URL that of a CCS server's REST API?".to_owned(),
        CcsError::Redirected {
            why: RedirectProblem::OtherQuestion,
            ..
        } => {
            "the server, or a proxy before it, rewrites the URL: its rules must keep path and query of the REST API"
                .to_owned()
        }
        CcsError::Redirected { .. } => {
            "if that is the right server, give its URL by --url; token and password go nowhere else".to_owned()
        }
        CcsError::LoginRejected { .. } => {
            "check --username (DOMAIN\\user) and the password; it was sent once and is not tried again, so that \
             the account is not locked. A server that wants it plain needs --password-encoding none"
                .to_owned()
        }
        CcsError::Unauthorized { .. } => {
            "the login works but its token is not accepted: look at the user's CCS roles and the server's clock"
                .to_owned()
        }
    };
    Some(hint)
}

const CLIENT_CERTIFICATE: &str = "let the server accept this machine without a client certificate (IIS: SSL Settings, \
                                  Client certificates: Ignore or Accept)";

fn connect(problem: ConnectProblem, url: &str) -> String {
    match problem {
        ConnectProblem::UnknownHost => {
            "check the host name in the URL, and the DNS of this machine".to_owned()
        }
        ConnectProblem::ProxyLogin => {
            "put the proxy's user and password into HTTPS_PROXY, or the server's name into NO_PROXY"
                .to_owned()
        }
        ConnectProblem::ProxyRefused => {
            "the proxy may not know this server: put the server's name into NO_PROXY".to_owned()
        }
        ConnectProblem::Closed => {
            "a firewall or a very old TLS may be behind it; try again, then ask who runs the server"
                .to_owned()
        }
        ConnectProblem::ClientCertificate => CLIENT_CERTIFICATE.to_owned(),
        ConnectProblem::NoCertificate => "is this the https port?".to_owned(),
        _ if url.ends_with(&format!(":{DEFAULT_PORT}")) => {
            "is the CCS application server running, its REST API switched on, and the firewall open?"
                .to_owned()
        }
        _ => format!(
            "is the CCS application server running and this its REST port? The default port is {DEFAULT_PORT}"
        ),
    }
}

fn tls(problem: &TlsProblem) -> String {
    match problem {
        TlsProblem::Certificate(refused) => certificate(refused),
        TlsProblem::NotTls => {
            format!("is this the https port? The REST API's default is {DEFAULT_PORT}")
        }
        TlsProblem::TooOld(_) => {
            "the server needs TLS 1.2 or newer, one of the ECDHE suites with AES-GCM or ChaCha20-Poly1305 (such as \
             TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384; those with CBC are not enough), the curve X25519, P-256 or P-384, and a \
             certificate with an RSA, Ed25519, P-256 or P-384 key (not P-521): see the Schannel settings of Windows"
                .to_owned()
        }
        TlsProblem::ClientCertificate => CLIENT_CERTIFICATE.to_owned(),
        TlsProblem::Other(_) => "`jobruns trust` shows what the server presents".to_owned(),
    }
}

fn certificate(refused: &CertificateRefused) -> String {
    let pin = format!(
        "compare this SHA-256 on the server, then use --pin {} (see `jobruns trust`)",
        refused.served.pin()
    );
    match &refused.problem {
        CertificateProblem::UnknownIssuer if refused.served.self_signed => pin,
        CertificateProblem::UnknownIssuer => format!("name the CA's certificate by --ca-cert FILE; or {pin}"),
        CertificateProblem::Expired => format!("renew the server's certificate; until then {pin}"),
        CertificateProblem::NotYetValid => format!("check the clocks of both machines; or {pin}"),
        CertificateProblem::WrongName(wanted) if refused.served.names.contains(wanted) => {
            format!(
                "give the server a certificate with the address as an IP address (subjectAltName IP:{wanted}), or use a \
                 host name of the certificate in --url; or {pin}"
            )
        }
        CertificateProblem::WrongName(_) => {
            format!("use a name of the certificate in --url; or {pin}")
        }
        CertificateProblem::MarkedCa | CertificateProblem::OldVersion => {
            format!("no CA file helps here: {pin}")
        }
        CertificateProblem::WeakKey => "give the server a certificate with an RSA key of 2048 bits or more; only \
                                        --insecure would take this one"
            .to_owned(),
        CertificateProblem::OldSignature => {
            format!("give the server a certificate signed with SHA-256; or {pin}")
        }
        CertificateProblem::BadSignature => {
            "somebody may sit in between, or the CA named is another one of the same name; `jobruns trust` shows \
             what the server presents"
                .to_owned()
        }
        CertificateProblem::PinMismatch(_) => {
            "if the server's certificate was renewed, compare the new SHA-256 on the server and pin it; else \
             somebody sits in between"
                .to_owned()
        }
        CertificateProblem::Other(_) => pin,
    }
}

fn status_code(doing: RequestPurpose, status: u16) -> String {
    let hint = match (doing, status) {
        (RequestPurpose::ListJobs, 400) => {
            "this server wants another filter to list its jobs; name the jobs by `jobruns jobs add ID`"
        }
        (_, 403) => {
            "the user needs the CCS permissions View all jobs, View standards and View assets, and access to the \
             folders Asset System and Standards"
        }
        (RequestPurpose::JobRuns(_) | RequestPurpose::JobName(_), 404) => {
            "the server does not know this job, or no longer: check its GUID (`jobruns jobs discover` lists those it has). If \
             a watched job is gone for good, `jobruns jobs remove ID` (or its name) ends its being asked for. What is archived stays"
        }
        (RequestPurpose::JobRuns(_) | RequestPurpose::JobName(_), 400) => "check the job's GUID",
        (_, 404) => "is the URL that of a CCS server's REST API, and is the API switched on?",
        (_, 407) => "put the proxy's user and password into HTTPS_PROXY, or the server's name into NO_PROXY",
        (_, 408 | 429) => "the server has too much to do: lower --concurrency or set --rate-limit",
        (_, 500) => "the server's own log says more; try again later",
        (_, 502..=504) => "the server, or a proxy before it, is not ready; try again later",
        _ => {
            "is the URL that of a CCS server's REST API? Another web server, or a proxy, may answer in its place"
        }
    };
    hint.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ccs::CertificateFacts;

    fn says(error: &CcsError, expected: &str) {
        let hint = ccs(error).unwrap();
        assert!(hint.contains(expected), "{hint}");
    }

    fn tls_error(problem: TlsProblem) -> CcsError {
        CcsError::Tls {
            doing: RequestPurpose::Login,
            url: "https://ccs:12431".to_owned(),
            problem: Box::new(problem),
        }
    }

    #[test]
    fn a_bad_url_says_what_to_give_instead() {
        for (reason, expected) in [
            (UrlProblem::PlainHttp, "--insecure"),
            (UrlProblem::UserInfo, "--username"),
            (UrlProblem::NoHost, "https://HOST:12431"),
        ] {
            let url = "x".to_owned();
            says(&CcsError::BadUrl { url, reason }, expected);
        }
    }

    #[test]
    fn a_connection_that_fails_names_port_or_proxy() {
        for (problem, proxy, expected) in [
            (ConnectProblem::Refused, None, "12431"),
            (ConnectProblem::NoCertificate, None, "https port"),
            (
                ConnectProblem::ProxyLogin,
                Some("http://proxy:3128".to_owned()),
                "NO_PROXY",
            ),
        ] {
            let error = CcsError::Connect {
                doing: RequestPurpose::Login,
                url: "https://ccs:1".to_owned(),
                proxy,
                problem,
                source: None,
            };
            says(&error, expected);
        }
    }

    #[test]
    fn a_handshake_that_fails_says_what_the_server_needs() {
        says(&tls_error(TlsProblem::NotTls), "12431");
        says(
            &tls_error(TlsProblem::TooOld(rustls::Error::HandshakeNotComplete)),
            "TLS 1.2",
        );
        says(&tls_error(TlsProblem::ClientCertificate), "SSL Settings");
    }

    #[test]
    fn a_refused_certificate_can_be_pinned_and_a_private_ca_named() {
        let mut served = CertificateFacts::read(b"");
        served.names = vec!["127.0.0.1".to_owned()];
        let pin = served.pin();
        for (problem, expected) in [
            (CertificateProblem::UnknownIssuer, "--ca-cert"),
            (CertificateProblem::MarkedCa, pin.as_str()),
            (
                CertificateProblem::WrongName("127.0.0.1".to_owned()),
                "IP:127.0.0.1",
            ),
        ] {
            let served = served.clone();
            says(
                &tls_error(TlsProblem::Certificate(CertificateRefused { problem, served })),
                expected,
            );
        }
        says(&CcsError::NoTrustedRoots { source: None }, "--ca-cert");
    }

    #[test]
    fn a_redirect_to_another_question_is_a_rewritten_url() {
        let error = CcsError::Redirected {
            doing: RequestPurpose::Login,
            url: String::new(),
            status: 302,
            to: String::new(),
            why: RedirectProblem::OtherQuestion,
        };
        says(&error, "must keep path and query");
    }
}
