//! The server: one listener and one thread for all cameras.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::oneshot;

use super::CameraConfig;
use super::connection;
use super::faults::{Camera, Fault, Statistics};

/// A running RTSP server with its cameras. Dropping it closes every connection and frees the port.
///
/// It runs on a thread of its own, so that tests with and without an async runtime use it alike.
pub struct CameraServer {
    address: SocketAddr,
    cameras: Arc<[Arc<Camera>]>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl CameraServer {
    /// Starts at a free port of 127.0.0.1.
    pub fn start(cameras: Vec<CameraConfig>) -> io::Result<CameraServer> {
        CameraServer::start_at((Ipv4Addr::LOCALHOST, 0).into(), cameras)
    }

    /// Starts at `address`. Fails if it is in use, or if a camera's name is not fit for a URL or given twice.
    pub fn start_at(address: SocketAddr, cameras: Vec<CameraConfig>) -> io::Result<CameraServer> {
        check_names(&cameras)?;
        let listener = TcpListener::bind(address)?;
        let address = listener.local_addr()?;
        listener.set_nonblocking(true)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let cameras: Arc<[Arc<Camera>]> = cameras
            .into_iter()
            .map(|config| Arc::new(Camera::new(config)))
            .collect();
        let (stop, stopped) = oneshot::channel();
        let served = cameras.clone();
        let thread = std::thread::Builder::new()
            .name("cameras".into())
            .spawn(move || {
                runtime.block_on(async {
                    tokio::select! {
                        _ = stopped => {}
                        () = accept(listener, served) => {}
                    }
                });
            })?;
        Ok(CameraServer {
            address,
            cameras,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// The names of the cameras.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.cameras.iter().map(|camera| &*camera.config.name)
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// The RTSP URL of a camera, without credentials. Panics if there is no such camera.
    pub fn url(&self, camera: &str) -> String {
        let mut address = self.address;
        if address.ip().is_unspecified() {
            address.set_ip(Ipv4Addr::LOCALHOST.into());
        }
        format!("rtsp://{address}/{}", self.camera(camera).config.name)
    }

    /// Makes a camera misbehave, or heals it. Panics if there is no such camera.
    pub fn fault(&self, camera: &str, fault: Fault) {
        self.camera(camera).set_fault(fault);
    }

    /// What a camera did so far. Panics if there is no such camera.
    pub fn statistics(&self, camera: &str) -> Statistics {
        self.camera(camera).statistics()
    }

    fn camera(&self, name: &str) -> &Camera {
        self.cameras
            .iter()
            .find(|camera| camera.config.name == name)
            .unwrap_or_else(|| panic!("there is no camera named {name:?}"))
    }
}

impl Drop for CameraServer {
    fn drop(&mut self) {
        self.stop.take();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn accept(listener: TcpListener, cameras: Arc<[Arc<Camera>]>) {
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else {
        return;
    };
    loop {
        match listener.accept().await {
            Ok((socket, _)) => {
                tokio::spawn(connection::serve(socket, cameras.clone()));
            }
            // Out of file descriptors: the next try fails as well until a connection has closed.
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
}

fn check_names(cameras: &[CameraConfig]) -> io::Result<()> {
    for (i, camera) in cameras.iter().enumerate() {
        let name = &camera.name;
        let fit = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        let problem = if name.is_empty() || !name.bytes().all(fit) {
            "is not made of ASCII letters, digits, '-' and '_'"
        } else if cameras[..i].iter().any(|other| other.name == *name) {
            "is given twice"
        } else {
            continue;
        };
        let message = format!("the camera name {name:?} {problem}");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
    }
    Ok(())
}
