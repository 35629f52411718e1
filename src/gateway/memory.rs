//! The memory that the system lets the process have: a container's or a service's (cgroup).
//!
//! The kernel ends a process that goes beyond it. So when most of it is used, by whichever part of the
//! process, the gateway takes no new viewers and keeps less of each stream, until there is room again.

use std::fs;
use std::path::Path;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::Handle;
use crate::events::role::{Role, mark_thread};

/// Time between two looks, with a limit and without one: it may be set later.
const INTERVAL: Duration = Duration::from_secs(1);
const LONG_INTERVAL: Duration = Duration::from_secs(10);
/// The groups of this process.
const GROUPS: &str = "/proc/self/cgroup";
/// Memory is short from this part of the limit on, in percent.
const SHORT: u64 = 90;
/// And no longer below this one.
const ENOUGH: u64 = 80;

/// What is used of a limit, in bytes. What the kernel gives up first, its cache of files, is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Memory {
    used: u64,
    limit: u64,
}

impl Memory {
    fn percent(self) -> u64 {
        self.used.saturating_mul(100) / self.limit.max(1)
    }

    /// Of this process.
    fn now() -> Option<Memory> {
        let groups = fs::read_to_string(GROUPS).ok()?;
        Memory::of(&groups, Path::new("/sys/fs/cgroup"))
    }

    /// Of the process in these groups, by the limit of which most is used.
    fn of(groups: &str, root: &Path) -> Option<Memory> {
        let of_group = groups.lines().filter_map(|line| {
            let mut parts = line.splitn(3, ':').skip(1);
            let (controllers, path) = (parts.next()?, parts.next()?);
            let path = path.trim_start_matches('/');
            match controllers {
                "" => Memory::up_from(root, path, ["memory.max", "memory.current", "file"]),
                _ if controllers.split(',').any(|one| one == "memory") => Memory::up_from(
                    &root.join("memory"),
                    path,
                    [
                        "memory.limit_in_bytes",
                        "memory.usage_in_bytes",
                        "total_cache",
                    ],
                ),
                _ => None,
            }
        });
        of_group.max_by_key(|memory| memory.percent())
    }

    /// In this group and all above it; in a container, the path may be that of the host.
    fn up_from(root: &Path, path: &str, [limit, used, cache]: [&str; 3]) -> Option<Memory> {
        let number = |path: &Path, name| -> Option<u64> {
            let text = fs::read_to_string(path.join(name)).ok()?;
            text.trim().parse().ok()
        };
        let groups = Path::new(path).ancestors().map(|path| root.join(path));
        let known = groups.filter_map(|group| {
            let limit = number(&group, limit).filter(|&limit| limit < 1 << 60)?;
            let stat = fs::read_to_string(group.join("memory.stat")).unwrap_or_default();
            let cached = stat.lines().find_map(|line| {
                let (name, value) = line.split_once(' ')?;
                (name == cache).then(|| value.parse::<u64>().ok())?
            });
            let used = number(&group, used)?.saturating_sub(cached.unwrap_or(0));
            Some(Memory { used, limit })
        });
        known.max_by_key(|memory| memory.percent())
    }
}

/// Looks after the memory until dropped.
pub struct Watch {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    /// Starts to look, where a system has such limits. Without a thread for it, nobody does.
    pub fn start(gateway: Handle) -> Option<Watch> {
        // On Windows anybody might create a file of this name on the drive.
        if !cfg!(unix) || !Path::new(GROUPS).exists() {
            return None;
        }
        let (stop, stopped) = mpsc::channel::<()>();
        let thread = thread::Builder::new().name("rwg-memory".to_owned());
        let started = thread.spawn(move || {
            mark_thread(Role::Library);
            let mut short = false;
            let mut interval = INTERVAL;
            while stopped.recv_timeout(interval) == Err(RecvTimeoutError::Timeout) {
                let found = Memory::now();
                interval = found.map_or(LONG_INTERVAL, |_| INTERVAL);
                // A limit that was lifted leaves room for all.
                let memory = found.unwrap_or(Memory { used: 0, limit: 1 });
                let is_short = is_short(short, memory);
                if is_short != short {
                    short = is_short;
                    gateway.memory_is(short, memory.percent());
                }
            }
        });
        Some(Watch {
            stop: Some(stop),
            thread: Some(started.ok()?),
        })
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn is_short(before: bool, memory: Memory) -> bool {
    memory.percent() >= if before { ENOUGH } else { SHORT }
}

impl Handle {
    fn memory_is(&self, short: bool, percent: u64) {
        match short {
            true => log::warn!(
                "{percent} % of the memory that the process may have is used: no new viewers, and less \
                 is kept of each stream, until it is less than {ENOUGH} %"
            ),
            false => log::info!("{percent} % of the memory is used: new viewers are taken again"),
        }
        self.shared.tuning.set_memory_short(short);
        for worker in &self.shared.workers {
            worker.retune();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(root: &Path, files: &[(&str, &str)]) {
        for (path, text) in files {
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
    }

    #[test]
    fn the_limit_of_which_most_is_used() {
        let root = std::env::temp_dir().join(format!("rwg-cgroups-{}", std::process::id()));
        write(
            &root,
            &[
                ("nvr/memory.max", "1000\n"),
                ("nvr/memory.current", "950\n"),
                ("nvr/memory.stat", "anon 500\nfile 450\n"),
                ("nvr/child/memory.max", "max\n"),
                ("nvr/child/memory.current", "900\n"),
                ("memory/memory.limit_in_bytes", "9223372036854771712\n"),
                ("memory/memory.usage_in_bytes", "900\n"),
                ("memory/nvr/memory.limit_in_bytes", "2000\n"),
                ("memory/nvr/memory.usage_in_bytes", "1900\n"),
                ("memory/nvr/memory.stat", "cache 0\ntotal_cache 100\n"),
                ("broken/memory.max", "much\n"),
            ],
        );
        for (groups, expected) in [
            ("0::/nvr/child\n", Some((500, 1000))),
            ("0::/nvr\n", Some((500, 1000))),
            ("5:memory:/nvr\n4:cpu:/\n0::/\n", Some((1800, 2000))),
            ("5:cpu,memory:/nvr\n0::/nvr\n", Some((1800, 2000))),
            ("5:memory:/unknown/to/us\n", None),
            ("0::/broken\n", None),
            ("0::/elsewhere\n", None),
            ("nonsense", None),
        ] {
            let memory = Memory::of(groups, &root);
            let expected = expected.map(|(used, limit)| Memory { used, limit });
            assert_eq!(memory, expected, "{groups}");
        }
        fs::remove_dir_all(&root).unwrap();
    }

    #[test]
    fn short_memory_is_short_until_there_is_room() {
        let mut short = false;
        for (used, expected) in [
            (89, false),
            (90, true),
            (81, true),
            (79, false),
            (89, false),
        ] {
            short = is_short(short, Memory { used, limit: 100 });
            assert_eq!(short, expected, "{used}");
        }
    }
}
