//! The process with the gateway, as the other sees it.

use std::fs;
use std::io;
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::host::ROLE;
use crate::run::STEP;
use crate::usage;

/// The process with the gateway.
pub struct Host {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    pub url: String,
    /// Sends back what it gets.
    pub echo: SocketAddr,
}

impl Host {
    pub fn start(cameras: &[String]) -> Host {
        let program = std::env::current_exe().expect("this program");
        let mut child = Command::new(program)
            .arg(ROLE)
            .args(cameras)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("this program starts again");
        let input = child.stdin.take();
        let mut output = BufReader::new(child.stdout.take().expect("its output"));
        let mut line = String::new();
        output.read_line(&mut line).expect("its first line");
        let (url, echo) = line.trim_end().split_once(' ').expect("two addresses");
        Host {
            child,
            input,
            output,
            url: url.to_owned(),
            echo: echo.parse().expect("an address"),
        }
    }

    pub fn say(&mut self, line: &str) {
        let input = self.input.as_mut().expect("it is not ended");
        writeln!(input, "{line}").expect("it reads");
    }

    pub fn state(&mut self) -> Value {
        self.say("state");
        let mut line = String::new();
        self.output.read_line(&mut line).expect("it answers");
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"))
    }

    fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn threads(&self) -> usize {
        fs::read_dir(format!("/proc/{}/task", self.pid())).map_or(0, Iterator::count)
    }

    pub fn descriptors(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.pid())).map_or(0, Iterator::count)
    }

    pub fn resident_mib(&self) -> f64 {
        let memory = usage::memory(self.pid()).expect("it runs");
        memory.rss as f64 / 1024.0
    }

    /// Seconds of CPU that it has used.
    pub fn cpu(&self) -> f64 {
        usage::cpu_seconds(self.pid()).unwrap_or_default()
    }

    /// Ends it; whether it did so by itself, without a panic.
    pub fn end(mut self) -> bool {
        self.input.take();
        let end = Instant::now() + STEP;
        while Instant::now() < end {
            if let Some(status) = self.child.try_wait().expect("a child") {
                return status.success();
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = self.child.kill();
        false
    }
}

/// What the machine has done so far.
#[derive(Clone, Copy)]
pub struct Machine {
    /// Seconds of all its processors together.
    all: f64,
    /// Of these, those in which others than this process and the host had them: other programs, and other
    /// virtual machines.
    others: f64,
}

impl Machine {
    pub fn now(host: &Host) -> io::Result<Machine> {
        let text = fs::read_to_string("/proc/stat")?;
        // Fields of proc_stat(5), in ticks of 10 ms: user, nice, system, idle, iowait, irq, softirq, steal.
        let line = text.lines().next().unwrap_or_default();
        let fields = line.split_whitespace().skip(1).take(8);
        let ticks: Vec<f64> = fields.filter_map(|field| field.parse().ok()).collect();
        let all = ticks.iter().sum::<f64>() / 100.0;
        let idle = ticks.iter().skip(3).take(2).sum::<f64>() / 100.0;
        let ours = host.cpu() + usage::cpu_seconds(std::process::id())?;
        Ok(Machine {
            all,
            others: all - idle - ours,
        })
    }

    /// The part of the machine that others had since then, in percent.
    pub fn others_since(self, before: Machine) -> f64 {
        (self.others - before.others) * 100.0 / (self.all - before.all).max(1e-9)
    }
}
