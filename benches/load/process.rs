//! Each part of a run is its own process: this program, started again with a role. It prints READY,
//! obeys the lines on its standard input, and exits at the end of input.

use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc;

/// A process in a role.
pub struct Process {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Process {
    /// Starts this program in a role. Returns what it prints after READY.
    pub fn start(role: &str, args: &[String]) -> io::Result<(Process, String)> {
        Process::start_build(&std::env::current_exe()?, role, args)
    }

    /// Starts another build of this program in a role.
    pub fn start_build(file: &Path, role: &str, args: &[String]) -> io::Result<(Process, String)> {
        let mut child = Command::new(file)
            .arg("--role")
            .arg(role)
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(io::ErrorKind::BrokenPipe.into());
        };
        let mut process = Process {
            child,
            input: Some(input),
            output: BufReader::new(output),
        };
        let ready = process.read()?;
        match ready.strip_prefix("READY") {
            Some(rest) => Ok((process, rest.trim().to_owned())),
            None => Err(io::Error::other(format!(
                "the {role} process says {ready:?}"
            ))),
        }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a line; returns the reply.
    pub fn ask(&mut self, line: &str) -> io::Result<String> {
        if let Some(input) = &mut self.input {
            writeln!(input, "{line}")?;
            input.flush()?;
        }
        self.read()
    }

    fn read(&mut self) -> io::Result<String> {
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        if line.is_empty() {
            return Err(io::Error::other("a process of the benchmark has ended"));
        }
        Ok(line.trim_end().to_owned())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.input.take();
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// In a role: prints a line.
pub fn say(line: &str) {
    println!("{line}");
    let _ = io::stdout().flush();
}

/// In a role: the lines of standard input. At their end the process exits.
pub fn commands() -> mpsc::Receiver<String> {
    let (sender, lines) = mpsc::channel();
    std::thread::spawn(move || {
        for line in io::stdin().lock().lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                break;
            }
        }
        std::process::exit(0);
    });
    lines
}

/// In a role without commands: waits for the end of input.
pub fn wait() -> ! {
    let lines = commands();
    loop {
        let _ = lines.recv();
        std::thread::park();
    }
}
