//! HTTPS.

use std::sync::Arc;

use rcgen::generate_simple_self_signed;
use rtsp_webrtc_gateway::config::{Config, HttpOptions, TlsIdentity};
use rtsp_webrtc_gateway::error::Status;
use rtsp_webrtc_gateway::gateway::Gateway;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::client::Client;
use super::site::{Site, any_port};

#[test]
fn a_client_that_trusts_the_certificate_is_served() {
    let made = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let options = HttpOptions {
        tls: Some(TlsIdentity {
            certificates: made.cert.pem().into_bytes(),
            private_key: made.signing_key.serialize_pem().into_bytes(),
        }),
        ..any_port()
    };
    let site = Site::bare(Config::default(), options);
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").unwrap();
    let connection = ClientConnection::new(Arc::new(config), name).unwrap();
    let stream = StreamOwned::new(connection, Client::connect(site.address).stream);
    let mut client = Client { stream };
    assert_eq!(client.ask("GET", "/", &[], b"").status, 200);
    assert_eq!(client.ask("GET", "/api/streams", &[], b"").status, 200);
    // Who does not speak TLS gets nothing, and disturbs nobody.
    let mut plain = Client::connect(site.address);
    plain.send(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_eq!(client.ask("GET", "/", &[], b"").status, 200);
}

#[test]
fn what_cannot_be_listened_on_is_said() {
    let gateway = Gateway::new(Config::default()).unwrap();
    let taken = gateway.listen_http(any_port()).unwrap();
    let again = HttpOptions {
        address: taken,
        ..HttpOptions::default()
    };
    let error = gateway.listen_http(again).unwrap_err();
    assert_eq!(error.status(), Status::Io);
    assert!(error.message().contains(&taken.to_string()));
    let no_certificate = HttpOptions {
        tls: Some(TlsIdentity {
            certificates: b"hello".to_vec(),
            private_key: b"hello".to_vec(),
        }),
        ..any_port()
    };
    let error = gateway.listen_http(no_certificate).unwrap_err();
    assert_eq!(error.status(), Status::InvalidArgument);
    // A second listener is fine.
    let second = gateway.listen_http(any_port()).unwrap();
    assert_ne!(second, taken);
    assert_eq!(super::client::get(second, "/").status, 200);
}
