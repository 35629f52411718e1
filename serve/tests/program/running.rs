//! What the tests share: the program, while it runs.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// No test waits this long unless something is broken, however busy the machine is.
pub const LONG: Duration = Duration::from_secs(120);

/// A camera that nobody answers for.
pub const DEAD: &str = "rtsp://127.0.0.1:9/dead";

/// A call of the program.
pub fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_rtsp-webrtc-gateway"))
}

/// Runs it where it ends by itself.
pub fn run(arguments: &[&str]) -> Output {
    program().args(arguments).output().unwrap()
}

/// A folder for one test, which is removed with it.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new(test: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("rwg-{test}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub fn write(&self, name: &str, text: &str) -> String {
        let path = self.path(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The program while it serves; ends with the test.
pub struct Running {
    pub child: Child,
    pub address: String,
    said: Arc<Mutex<String>>,
}

impl Running {
    pub fn start(arguments: &[&str]) -> Running {
        Running::spawn(program().args(arguments))
    }

    pub fn with_file(file: &str) -> Running {
        Running::start(&["--config", file])
    }

    pub fn spawn(command: &mut Command) -> Running {
        let mut child = spawn(command);
        let said = Arc::new(Mutex::new(String::new()));
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let saying = Arc::clone(&said);
        thread::spawn(move || {
            let mut line = String::new();
            while stderr.read_line(&mut line).is_ok_and(|length| length > 0) {
                saying.lock().unwrap().push_str(&std::mem::take(&mut line));
            }
        });
        Running::listening(child, said)
    }

    /// One whose stderr is a pipe that nobody reads.
    pub fn unheard(command: &mut Command) -> Running {
        Running::listening(spawn(command), Arc::default())
    }

    fn listening(mut child: Child, said: Arc<Mutex<String>>) -> Running {
        let mut line = String::new();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        stdout.read_line(&mut line).unwrap();
        let mut running = Running {
            child,
            address: String::new(),
            said,
        };
        let url = line.trim().strip_prefix("listening on ");
        let url = url.unwrap_or_else(|| panic!("it did not start: {}", running.said()));
        let host = url.split("://").nth(1).unwrap();
        running.address = host.trim_end_matches('/').to_owned();
        running
    }

    /// What it has said on stderr.
    pub fn said(&self) -> String {
        self.said.lock().unwrap().clone()
    }

    /// Waits until it has said this.
    pub fn wait_said(&self, what: &str) {
        wait_for(&format!("{what:?}"), || self.said().contains(what));
    }

    pub fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let done = Command::new("kill").args(["-s", name, &pid]).status();
        assert!(done.unwrap().success());
    }

    pub fn end(self) -> ExitStatus {
        self.signal("TERM");
        self.end_asked()
    }

    /// Waits for its end, which it has been asked for.
    pub fn end_asked(mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }

    /// The head and body of the answer to a request without a body.
    pub fn get(&self, path: &str, token: Option<&str>) -> (u16, String) {
        let (status, text) = get(&self.address, path, token);
        let body = text.split_once("\r\n\r\n").map(|(_, body)| body.to_owned());
        (status, body.unwrap_or_default())
    }

    /// The document of all streams, in the order in which they were added.
    pub fn streams(&self) -> Vec<serde_json::Value> {
        let (status, body) = self.get("/api/streams", None);
        assert_eq!(status, 200, "{body}");
        serde_json::from_str(&body).unwrap()
    }

    pub fn names(&self) -> Vec<String> {
        let name = |stream: &serde_json::Value| stream["name"].as_str().unwrap().to_owned();
        self.streams().iter().map(name).collect()
    }

    pub fn stream(&self, name: &str) -> serde_json::Value {
        let streams = self.streams();
        let found = streams.iter().find(|stream| stream["name"] == name);
        found.unwrap_or_else(|| panic!("no stream {name}")).clone()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(command: &mut Command) -> Child {
    let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

fn get(address: &str, path: &str, token: Option<&str>) -> (u16, String) {
    let token = token.map_or(String::new(), |token| {
        format!("Authorization: Bearer {token}\r\n")
    });
    let request =
        format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n{token}Connection: close\r\n\r\n");
    exchange(address, request.as_bytes())
}

/// The status and all of an answer.
pub fn exchange(address: &str, request: &[u8]) -> (u16, String) {
    let mut connection = TcpStream::connect(address).unwrap();
    connection.set_read_timeout(Some(LONG)).unwrap();
    connection.write_all(request).unwrap();
    let mut answer = Vec::new();
    connection.read_to_end(&mut answer).unwrap();
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let status = answer.split(' ').nth(1).and_then(|code| code.parse().ok());
    (status.unwrap_or(0), answer)
}

/// Waits for something that happens by itself.
pub fn wait_for(what: &str, mut done: impl FnMut() -> bool) {
    let end = Instant::now() + LONG;
    while !done() {
        assert!(Instant::now() < end, "{what} did not happen");
        thread::sleep(Duration::from_millis(10));
    }
}

/// A path in the repository.
pub fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}
