//! What a service manager sees: sockets that it passes, notifications, the watchdog.
#![cfg(target_os = "linux")]

use std::os::unix::net::UnixDatagram;
use std::process::Command;

use testkit::viewer::{UdpViewer, ViewerConfig};

use crate::reload::{camera, offer, watch};
use crate::running::{DEAD, Folder, LONG, Running, program, wait_for};

struct Manager {
    socket: UnixDatagram,
    path: std::path::PathBuf,
}

impl Manager {
    fn new(folder: &Folder) -> Manager {
        let path = folder.path("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(Some(LONG)).unwrap();
        Manager { socket, path }
    }

    fn told(&self) -> String {
        let mut message = [0; 4096];
        let length = self.socket.recv(&mut message).unwrap();
        String::from_utf8(message[..length].to_vec()).unwrap()
    }

    /// Waits until it is told this, and returns what it was told before.
    fn wait(&self, wanted: &str) -> Vec<String> {
        let mut before = Vec::new();
        loop {
            let told = self.told();
            if told.starts_with(wanted) {
                return before;
            }
            before.push(told);
        }
    }
}

#[test]
fn the_service_manager_is_told() {
    let folder = Folder::new("notify");
    let manager = Manager::new(&folder);
    let file = folder.write("gateway.toml", "[http]\nlisten = \"127.0.0.1:0\"\n");
    let mut command = program();
    command.args(["--config", &file]);
    command.env("NOTIFY_SOCKET", &manager.path);
    command.env("WATCHDOG_USEC", "400000");
    let running = Running::spawn(&mut command);
    assert_eq!(manager.told(), "READY=1");
    assert_eq!(manager.wait("WATCHDOG=1"), [""; 0]);
    manager.wait("WATCHDOG=1");
    running.signal("HUP");
    manager.wait("RELOADING=1\nMONOTONIC_USEC=");
    let between = manager.wait("READY=1");
    assert_eq!(between, ["STATUS=serves 0 cameras"]);
    folder.write("gateway.toml", "[http\n");
    running.signal("HUP");
    manager.wait("RELOADING=1");
    let between = manager.wait("READY=1");
    assert!(between[0].contains("the one before stays"), "{between:?}");
    running.signal("TERM");
    manager.wait("STOPPING=1");
    assert!(running.end_asked().success());
}

/// The configuration of a program with this camera that waits an hour for its viewers.
fn patient(folder: &Folder, door: &str) -> String {
    let text = format!(
        "[http]\nlisten = \"127.0.0.1:0\"\n[media]\nudp = \"127.0.0.1:0\"\n[service]\ndrain_ms = 3600000\n\
         [camera.door]\nurl = \"{door}\"\n"
    );
    folder.write("gateway.toml", &text)
}

#[test]
fn the_service_manager_lets_viewers_stay() {
    let folder = Folder::new("stay");
    let manager = Manager::new(&folder);
    let door = camera("door");
    let file = patient(&folder, &door.url("door"));
    let mut command = program();
    command.args(["--config", &file]);
    command.env("NOTIFY_SOCKET", &manager.path);
    command.env("WATCHDOG_USEC", "400000");
    let running = Running::spawn(&mut command);
    wait_for("a camera that is live", || {
        running.stream("door")["state"] == "live"
    });
    let _viewer = watch(&running, "door", "");
    running.signal("TERM");
    // An hour and what ending takes, which is more than TimeoutStopSec of the unit.
    manager.wait("STOPPING=1\nEXTEND_TIMEOUT_USEC=3610000000");
    let newcomer = UdpViewer::new(ViewerConfig::chromium()).unwrap();
    let (status, answer) = offer(&running, "door", "", &newcomer);
    assert_eq!(status, 503, "{answer}");
    assert!(
        answer.contains("about to shut down") && answer.to_lowercase().contains("\nretry-after: "),
        "{answer}"
    );
    // Whether or not the service manager still looks.
    manager.wait("WATCHDOG=1");
    manager.wait("WATCHDOG=1");
    running.signal("TERM");
    assert!(running.end_asked().success());
}

#[test]
fn who_has_not_connected_keeps_nobody_waiting() {
    let folder = Folder::new("leave");
    let door = camera("door");
    let file = patient(&folder, &door.url("door"));
    let running = Running::with_file(&file);
    wait_for("a camera that is live", || {
        running.stream("door")["state"] == "live"
    });
    let viewer = UdpViewer::new(ViewerConfig::chromium()).unwrap();
    let (status, answer) = offer(&running, "door", "", &viewer);
    assert_eq!(status, 201, "{answer}");
    running.signal("TERM");
    running.wait_said("waits up to 3600s for 0 who are connected");
    assert!(running.end_asked().success());
}

#[test]
fn sockets_that_are_passed_are_used() {
    // As systemd does it: descriptors from 3 on, and the id of the process. Media over TCP has the port of that over
    // UDP, so that both are taken here: another test could have the one by the time that the program asks for it.
    let mut python = Command::new("/usr/bin/python3");
    let passing = "import os, socket, sys\n\
        http, tcp = socket.create_server(('127.0.0.1', 0)), None\n\
        while not tcp:\n\
        \x20   udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n\
        \x20   udp.bind(('127.0.0.1', 0))\n\
        \x20   try: tcp = socket.create_server(udp.getsockname())\n\
        \x20   except OSError: udp.close()\n\
        high = [os.dup(http.fileno()) for _ in range(8)][-1], os.dup(udp.fileno()), os.dup(tcp.fileno())\n\
        for fd, passed in zip((3, 4, 5), high): os.dup2(passed, fd)\n\
        print(http.getsockname()[1], file=sys.stderr, flush=True)\n\
        os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS='3')\n\
        os.execv(sys.argv[1], sys.argv[1:])";
    python.args(["-c", passing, env!("CARGO_BIN_EXE_rtsp-webrtc-gateway")]);
    let running = Running::spawn(python.arg(format!("door={DEAD}")));
    wait_for("the port", || running.said().contains('\n'));
    let port = running.said().lines().next().unwrap().to_owned();
    assert!(
        running.address.ends_with(&format!(":{port}")),
        "{}",
        running.address
    );
    assert_eq!(running.names(), ["door"]);
    assert!(running.end().success());
}

#[test]
fn a_stderr_that_nobody_reads_holds_up_nothing() {
    let folder = Folder::new("unheard");
    let manager = Manager::new(&folder);
    let good = "[http]\nlisten = \"127.0.0.1:0\"\n";
    let file = folder.write("gateway.toml", good);
    let mut command = program();
    command.args(["--config", &file]);
    command.env("NOTIFY_SOCKET", &manager.path);
    let running = Running::unheard(&mut command);
    manager.wait("READY=1");
    // Each address that is none is a line of 4 KB: more than a pipe takes, and more than waits for it.
    let wrong = format!("\"{}\",", "x".repeat(4096)).repeat(400);
    folder.write(
        "gateway.toml",
        &format!("{good}[media]\npublic_addresses = [{wrong}]\n"),
    );
    running.signal("HUP");
    manager.wait("RELOADING=1");
    manager.wait("READY=1");
    assert_eq!(running.get("/api/health", None).0, 204);
    running.signal("TERM");
    manager.wait("STOPPING=1");
    assert!(running.end_asked().success());
}
