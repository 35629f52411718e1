//! A small box: 32 cameras and 16 viewers in 96 MiB, and what happens at the limit. A minute of load, so by its name only:
//! `cargo test --workspace --test program small_box -- --ignored --nocapture`
#![cfg(target_os = "linux")]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use testkit::camera::{CameraConfig, CameraServer, Load};
use testkit::viewer::{UdpViewer, Viewer, ViewerConfig};

use crate::running::{Folder, Running, exchange, wait_for};

const CAMERAS: usize = 32;
const VIEWERS: usize = 16;
const MIB: u64 = 1 << 20;
/// What the process is told to stay below, and what ends it.
const LIMIT: u64 = 96 * MIB;
const CGROUP: u64 = 128 * MIB;
/// Less than it needs.
const SMALL: u64 = 20 * MIB;
/// Two GOPs.
const WATCHED: Duration = Duration::from_secs(20);

/// A memory cgroup for a process, where this may be made; removed with the test.
struct Group {
    path: PathBuf,
    pid: u32,
}

impl Group {
    fn around(pid: u32) -> Option<Group> {
        let v1 = Path::new("/sys/fs/cgroup/memory");
        let (root, limit) = match v1.is_dir() {
            true => (v1, "memory.limit_in_bytes"),
            false => (Path::new("/sys/fs/cgroup"), "memory.max"),
        };
        let path = root.join(format!("rwg-small-box-{pid}"));
        fs::create_dir(&path).ok()?;
        let group = Group { path, pid };
        fs::write(group.path.join(limit), CGROUP.to_string()).ok()?;
        fs::write(group.path.join("cgroup.procs"), pid.to_string()).ok()?;
        Some(group)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // The process may be there still, if the test has failed.
        if let Some(root) = self.path.parent() {
            let _ = fs::write(root.join("cgroup.procs"), self.pid.to_string());
        }
        let _ = fs::remove_dir(&self.path);
    }
}

/// A figure of /proc/PID/status, in bytes.
fn figure(pid: u32, name: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let kib: u64 = line
        .unwrap()
        .trim_matches([':', '\t', ' ', 'k', 'B'])
        .parse()
        .unwrap();
    kib * 1024
}

fn offer(address: &str, stream: &str, viewer: &UdpViewer) -> (u16, String) {
    let offer = viewer.viewer.offer();
    let request = format!(
        "POST /{stream}/whep HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{offer}",
        offer.len()
    );
    exchange(address, request.as_bytes())
}

/// What all tracks keep, in bytes.
fn kept(running: &Running) -> u64 {
    let streams = running.streams();
    let bytes = streams.iter().map(|stream| stream["memory_bytes"].as_u64());
    bytes.sum::<Option<u64>>().unwrap()
}

fn frames(viewer: &Viewer) -> usize {
    viewer
        .video
        .packets()
        .filter(|packet| packet.marker)
        .count()
}

#[test]
#[ignore = "a minute of load"]
fn thirty_two_cameras_and_sixteen_viewers_stay_below_the_limit() {
    let folder = Folder::new("small-box");
    let names: Vec<_> = (0..CAMERAS).map(|index| format!("cam{index}")).collect();
    // A keyframe every 10 s: all of it would be more than the limit.
    let config = |(index, name): (usize, &String)| {
        CameraConfig::new(name).load(Load::camera(index, CAMERAS).gop(250))
    };
    let server = CameraServer::start(names.iter().enumerate().map(config).collect()).unwrap();
    let write = |limit: u64| {
        let mut text = format!(
            "[http]\nlisten = \"127.0.0.1:0\"\n[media]\nudp = \"127.0.0.1:0\"\n\
             [tuning]\nmax_worker_load_percent = 0\nmemory_limit_bytes = {limit}\n"
        );
        for name in &names {
            text += &format!("[camera.{name}]\nurl = \"{}\"\n", server.url(name));
        }
        folder.write("gateway.toml", &text)
    };
    let running = Running::with_file(&write(LIMIT));
    let pid = running.child.id();
    let group = Group::around(pid);
    if group.is_none() {
        println!("NOT TESTED under a cgroup: none can be made here");
    }
    wait_for("all cameras live", || {
        running
            .streams()
            .iter()
            .all(|stream| stream["state"] == "live")
    });

    let ends = AtomicBool::new(false);
    let seen: Vec<_> = (0..VIEWERS).map(|_| AtomicUsize::new(0)).collect();
    let least = || {
        seen.iter()
            .map(|seen| seen.load(Ordering::Relaxed))
            .min()
            .unwrap()
    };
    thread::scope(|scope| {
        for (index, seen) in seen.iter().enumerate() {
            let (address, ends, name) = (&running.address, &ends, &names[index]);
            scope.spawn(move || {
                let mut viewer = UdpViewer::new(ViewerConfig::chromium()).unwrap();
                let (status, answer) = offer(address, name, &viewer);
                assert_eq!(status, 201, "{answer}");
                viewer.accept(answer.split_once("\r\n\r\n").unwrap().1);
                // Counting takes time that the cameras need, too.
                while !ends.load(Ordering::Relaxed) {
                    viewer.run_till(Duration::from_millis(500), |_| false);
                    seen.store(frames(&viewer.viewer), Ordering::Relaxed);
                }
            });
        }
        let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            wait_for("a picture for each viewer", || least() > 0);
            let start = Instant::now();
            let mut most = 0;
            while start.elapsed() < WATCHED {
                most = most.max(figure(pid, "VmRSS"));
                thread::sleep(Duration::from_millis(100));
            }
            println!(
                "resident with {CAMERAS} cameras and {VIEWERS} viewers: at most {} MiB",
                most / MIB
            );
            assert!(most < LIMIT, "{} MiB", most / MIB);

            // Less than it needs: tracks keep less, and all together about half of it; new viewers are refused with a sentence;
            // those who watch go on.
            let kept_before = kept(&running);
            println!("kept for viewers: {} MiB", kept_before / MIB);
            write(SMALL);
            running.signal("HUP");
            running.wait_said("no new viewers");
            let viewer = UdpViewer::new(ViewerConfig::chromium()).unwrap();
            let (status, answer) = offer(&running.address, "cam0", &viewer);
            assert_eq!(status, 503);
            assert!(answer.contains("memory_limit_bytes"), "{answer}");
            let before = least();
            wait_for("more frames for each viewer", || least() > before + 50);
            // Half is payload; what it is kept in takes some more.
            wait_for("tracks that keep less", || kept(&running) <= SMALL * 3 / 4);
            // What it gives up goes back to the system.
            wait_for("less resident memory", || {
                figure(pid, "VmRSS") + kept_before / 2 < most
            });
            println!(
                "at a limit of {} MiB: resident {} MiB, kept {} MiB",
                SMALL / MIB,
                figure(pid, "VmRSS") / MIB,
                kept(&running) / MIB
            );
        }));
        ends.store(true, Ordering::Relaxed);
        if let Err(panic) = done {
            std::panic::resume_unwind(panic);
        }
    });
    assert!(
        running.end().success(),
        "it ended otherwise than it was asked to"
    );
    drop(group);
}
