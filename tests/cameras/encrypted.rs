//! Cameras behind TLS, behind HTTP, and behind both: proxies in front of a simulated one.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};

use aws_lc_rs::digest::{SHA256, digest};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rtsp_webrtc_gateway::config::{PullOptions, Transport};
use rtsp_webrtc_gateway::error::Status;
use testkit::camera::{CameraServer, Script};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, copy, copy_bidirectional};
use tokio::net::tcp::OwnedWriteHalf;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::common::pull;
use crate::seen::{Seen, camera, run, watch};

const LOCAL: Ipv4Addr = Ipv4Addr::LOCALHOST;

/// What a camera proves itself with, and the authority that vouches for it.
struct Identity {
    certificate: CertificateDer<'static>,
    key: Vec<u8>,
    authority: String,
}

impl Identity {
    fn new() -> Identity {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let authority = params.self_signed(&key).unwrap().pem();
        let issuer = Issuer::new(params, key);
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![LOCAL.to_string()]).unwrap();
        let certificate = params.signed_by(&key, &issuer).unwrap();
        Identity {
            certificate: certificate.der().clone(),
            key: key.serialize_der(),
            authority,
        }
    }

    fn fingerprint(&self) -> String {
        let digest = digest(&SHA256, &self.certificate);
        digest
            .as_ref()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }

    fn acceptor(&self) -> TlsAcceptor {
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(self.key.clone()));
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![self.certificate.clone()], key)
            .unwrap();
        TlsAcceptor::from(Arc::new(config))
    }
}

/// Decrypts what comes, for the server at this port. Returns its own port.
async fn behind_tls(identity: &Identity, port: u16) -> u16 {
    let listener = TcpListener::bind((LOCAL, 0)).await.unwrap();
    let own = listener.local_addr().unwrap().port();
    let acceptor = identity.acceptor();
    tokio::task::spawn_local(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::task::spawn_local(async move {
                if let Ok(mut stream) = acceptor.accept(stream).await {
                    let mut camera = TcpStream::connect((LOCAL, port)).await.unwrap();
                    let _ = copy_bidirectional(&mut stream, &mut camera).await;
                }
            });
        }
    });
    own
}

/// A web server in front of the camera at this port: what a GET gets comes from there, and what a POST with the same
/// cookie says goes there. Without `authorization` in the requests it asks for a password.
async fn behind_http(authorization: Option<&'static str>, port: u16) -> u16 {
    let listener = TcpListener::bind((LOCAL, 0)).await.unwrap();
    let own = listener.local_addr().unwrap().port();
    let tunnels = Arc::<Mutex<HashMap<String, OwnedWriteHalf>>>::default();
    tokio::task::spawn_local(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let tunnels = Arc::clone(&tunnels);
            tokio::task::spawn_local(tunnel(stream, authorization, port, tunnels));
        }
    });
    own
}

async fn tunnel(
    mut client: TcpStream,
    authorization: Option<&'static str>,
    port: u16,
    tunnels: Arc<Mutex<HashMap<String, OwnedWriteHalf>>>,
) {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        head.push(char::from(client.read_u8().await.unwrap()));
    }
    let header = |name: &str| {
        head.lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    };
    let said = header("Authorization").unwrap_or_default();
    if authorization.is_some_and(|expected| !said.starts_with(expected)) {
        let challenges = "WWW-Authenticate: Basic realm=\"camera\"\r\n";
        let refusal = format!("HTTP/1.1 401 Unauthorized\r\n{challenges}Content-Length: 0\r\n\r\n");
        client.write_all(refusal.as_bytes()).await.unwrap();
        return;
    }
    let cookie = header("x-sessioncookie").unwrap().to_owned();
    assert_eq!(head.split(' ').nth(1), Some("/camera"));
    if head.starts_with("GET") {
        let (mut media, requests) = TcpStream::connect((LOCAL, port))
            .await
            .unwrap()
            .into_split();
        tunnels.lock().unwrap().insert(cookie, requests);
        let answer = b"HTTP/1.0 200 OK\r\nContent-Type: application/x-rtsp-tunnelled\r\n\r\n";
        client.write_all(answer).await.unwrap();
        let _ = copy(&mut media, &mut client).await;
    } else {
        let mut requests = tunnels.lock().unwrap().remove(&cookie).unwrap();
        let _ = decode(&mut client, &mut requests).await;
    }
}

/// Base64, with padding wherever a request ends.
async fn decode(
    from: &mut (impl AsyncRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
) -> std::io::Result<()> {
    loop {
        let mut digits = [0; 4];
        from.read_exact(&mut digits).await?;
        let value = |digit: u8| match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            b'=' => 0,
            other => panic!("{other}"),
        };
        let bits = digits
            .iter()
            .fold(0, |bits, &digit| bits << 6 | u32::from(value(digit)));
        let bytes = 3 - digits.iter().filter(|&&digit| digit == b'=').count();
        to.write_all(&bits.to_be_bytes()[1..=bytes]).await?;
    }
}

/// A camera alone on a server.
fn server() -> CameraServer {
    CameraServer::start(vec![camera("camera", Script::new())]).unwrap()
}

async fn plays(options: &PullOptions) {
    let seen = watch("camera", options, |seen| seen.plays() || seen.failed()).await;
    assert!(!seen.failed(), "{:?}", seen.failures);
    assert_eq!(seen.is_whole(), Ok(()));
}

async fn fails(options: &PullOptions) -> rtsp_webrtc_gateway::error::Error {
    let mut seen = watch("camera", options, Seen::failed).await;
    assert!(!seen.live);
    seen.failures.remove(0).0
}

#[test]
fn a_certificate_is_trusted_by_its_authority_or_its_fingerprint_or_not() {
    let server = server();
    run(async {
        let identity = Identity::new();
        let port = behind_tls(&identity, server.port()).await;
        let options = pull(format!("rtsps://127.0.0.1:{port}/camera"));
        let refused = fails(&options).await;
        assert_eq!(refused.status(), Status::Connect);
        // What to pass if it is right.
        assert!(
            refused.message().contains(&identity.fingerprint()),
            "{refused}"
        );
        plays(&PullOptions {
            tls_fingerprint: Some(identity.fingerprint()),
            ..options.clone()
        })
        .await;
        plays(&PullOptions {
            tls_ca: Some(identity.authority.clone()),
            ..options.clone()
        })
        .await;
        plays(&PullOptions {
            tls_unverified: true,
            ..options.clone()
        })
        .await;
        let other = Identity::new();
        for wrong in [
            PullOptions {
                tls_fingerprint: Some(other.fingerprint()),
                ..options.clone()
            },
            PullOptions {
                tls_ca: Some(other.authority.clone()),
                ..options.clone()
            },
        ] {
            let refused = fails(&wrong).await;
            assert!(refused.message().contains("not trusted"), "{refused}");
        }
    });
}

/// The name has to be that of the certificate, if an authority vouches for it.
#[test]
fn a_certificate_is_of_one_camera() {
    let server = server();
    run(async {
        let identity = Identity::new();
        let port = behind_tls(&identity, server.port()).await;
        let refused = fails(&PullOptions {
            tls_ca: Some(identity.authority.clone()),
            ..pull(format!("rtsps://localhost:{port}/camera"))
        })
        .await;
        assert!(refused.message().contains("not trusted"), "{refused}");
    });
}

#[test]
fn a_port_without_tls_is_told_from_a_camera_that_is_away() {
    let server = server();
    run(async {
        let url = server.url("camera").replace("rtsp://", "rtsps://");
        let refused = fails(&pull(url)).await;
        assert_eq!(refused.status(), Status::Connect);
        assert!(
            refused.message().contains("no encrypted connection"),
            "{refused}"
        );
    });
}

#[test]
fn through_http_and_through_https() {
    let server = server();
    run(async {
        let web = behind_http(None, server.port()).await;
        let options = PullOptions {
            transport: Transport::Http,
            ..pull(format!("rtsp://127.0.0.1:{web}/camera"))
        };
        plays(&options).await;
        let identity = Identity::new();
        let port = behind_tls(&identity, web).await;
        plays(&PullOptions {
            url: format!("rtsps://127.0.0.1:{port}/camera"),
            tls_ca: Some(identity.authority.clone()),
            ..options
        })
        .await;
    });
}

#[test]
fn a_web_server_may_ask_for_the_password() {
    let server = server();
    run(async {
        // admin:s3cret
        let web = behind_http(Some("Basic YWRtaW46czNjcmV0"), server.port()).await;
        let options = PullOptions {
            transport: Transport::Http,
            ..pull(format!("rtsp://127.0.0.1:{web}/camera"))
        };
        let refused = fails(&options).await;
        assert_eq!(refused.status(), Status::Auth);
        let with = |password: &str| PullOptions {
            username: Some("admin".into()),
            password: Some(password.into()),
            ..options.clone()
        };
        let refused = fails(&with("wr0ng")).await;
        assert_eq!(refused.status(), Status::Auth);
        plays(&with("s3cret")).await;
    });
}
