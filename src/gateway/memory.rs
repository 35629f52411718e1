//! The memory that the process may have: by `memory_limit_bytes`, and by its container or service (cgroup).
//!
//! The kernel ends a process that goes beyond the latter. So when much of it is used, by whichever part of the
//! process, the gateway keeps less of each stream and gives the system back what that frees, and when most of it is
//! used, it takes no new viewers, until there is room again.

use std::fs;
use std::path::Path;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::Handle;
use crate::events::role::{Role, mark_thread};
use crate::stats::json::resident_bytes;
use crate::system;

/// Time between two looks, with a limit and without one: it may be set later.
const INTERVAL: Duration = Duration::from_secs(1);
const LONG_INTERVAL: Duration = Duration::from_secs(10);
/// The groups of this process, and its own where no file says it: in a container they are seen as the root.
const GROUPS: &str = "/proc/self/cgroup";
const ROOT_GROUPS: &str = "0::/\n1:memory:/\n";
/// Tracks keep less from this part of the limit on, in percent, and below the second no longer.
const SHORT: (u64, u64) = (75, 65);
/// The same, for new viewers.
const FULL: (u64, u64) = (90, 80);
/// While memory is short, what was freed is given back to the system so often.
const RELEASE: Duration = Duration::from_secs(10);
/// How long it takes until tracks have freed what they are not to keep.
const FREED: Duration = Duration::from_secs(2);
/// Less is kept for at least so long. Where memory is short again soon after, what is kept was the reason: it
/// takes twice as long each time, up to the second.
const SHORTAGE: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(3600));
/// The part of the limit that all tracks may keep together while memory is short: one in so many.
const CACHES: u64 = 2;

/// What memory allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    Enough,
    /// Tracks keep less.
    Short,
    /// New viewers are refused, too.
    Full,
}

impl Level {
    /// After `self`: what was taken away is given back only where there is room for it.
    fn next(self, memory: Memory) -> Level {
        let reaches = |level: Level, (from, until): (u64, u64)| {
            memory.percent() >= if self >= level { until } else { from }
        };
        if reaches(Level::Full, FULL) {
            Level::Full
        } else if reaches(Level::Short, SHORT) {
            Level::Short
        } else {
            Level::Enough
        }
    }
}

/// How long memory has been short.
#[derive(Debug)]
struct Course {
    level: Level,
    /// When it became short, and when it last ended to be.
    short: Option<Instant>,
    ended: Option<Instant>,
    /// How long it is to be short at least.
    least: Duration,
    released: Option<Instant>,
}

impl Course {
    fn new() -> Course {
        Course {
            level: Level::Enough,
            short: None,
            ended: None,
            least: SHORTAGE.0,
            released: None,
        }
    }

    /// The level from now on.
    fn look(&mut self, memory: Memory, now: Instant) -> Level {
        let lasted = |since: Instant| now.saturating_duration_since(since);
        let next = self.level.next(memory);
        match (next > Level::Enough, self.short) {
            (true, None) => {
                let again = self.ended.is_some_and(|at| lasted(at) < 2 * self.least);
                self.least = if again {
                    (self.least * 2).min(SHORTAGE.1)
                } else {
                    SHORTAGE.0
                };
                self.short = Some(now);
                // Not before something has been freed.
                self.released = now.checked_sub(RELEASE - FREED);
                self.level = next;
            }
            (false, Some(since)) if lasted(since) < self.least => self.level = Level::Short,
            (false, Some(_)) => {
                (self.short, self.ended) = (None, Some(now));
                self.level = next;
            }
            _ => self.level = next,
        }
        self.level
    }

    /// Whether what was freed is to be given back to the system now.
    fn releases(&mut self, now: Instant) -> bool {
        let recently = self
            .released
            .is_some_and(|at| now.saturating_duration_since(at) < RELEASE);
        let releases = self.level > Level::Enough && !recently;
        if releases {
            self.released = Some(now);
        }
        releases
    }
}

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

    /// Of this process: by its cgroups, or by a limit of its own if that is nearer.
    fn now(limit: Option<u64>) -> Option<Memory> {
        let groups = fs::read_to_string(GROUPS);
        let groups = groups.as_deref().unwrap_or(ROOT_GROUPS);
        let by_group = Memory::of(groups, Path::new("/sys/fs/cgroup"));
        let own = limit.and_then(|limit| {
            let used = resident_bytes()?;
            Some(Memory { used, limit })
        });
        [by_group, own]
            .into_iter()
            .flatten()
            .max_by_key(|memory| memory.percent())
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
    /// Starts to look, where a system says what is used. Without a thread for it, nobody does.
    pub fn start(gateway: Handle) -> Option<Watch> {
        resident_bytes()?;
        let (stop, stopped) = mpsc::channel::<()>();
        let thread = thread::Builder::new().name("rwg-memory".to_owned());
        let started = thread.spawn(move || {
            mark_thread(Role::Library);
            let mut course = Course::new();
            let mut interval = INTERVAL;
            while stopped.recv_timeout(interval) == Err(RecvTimeoutError::Timeout) {
                let found = Memory::now(gateway.shared.tuning.memory_limit());
                interval = found.map_or(LONG_INTERVAL, |_| INTERVAL);
                let (before, now) = (course.level, Instant::now());
                // A limit that was lifted leaves room for all.
                let memory = found.unwrap_or_else(|| {
                    course = Course::new();
                    Memory { used: 0, limit: 1 }
                });
                let level = course.look(memory, now);
                if level != before {
                    say(level, memory.percent());
                }
                gateway.memory_is(level, memory.limit);
                if course.releases(now) {
                    system::release_memory();
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

fn say(level: Level, percent: u64) {
    let used = format!("{percent} % of the memory that the process may have is used");
    match level {
        Level::Full => log::warn!("{used}: no new viewers until it is less than {} %", FULL.1),
        Level::Short => log::warn!(
            "{used}: less is kept of each stream until it is less than {} %",
            SHORT.1
        ),
        Level::Enough => log::info!("{used}: all is kept of each stream again"),
    }
}

impl Handle {
    /// Obeys. Which share a track has changes with their number.
    fn memory_is(&self, level: Level, limit: u64) {
        let share = (level > Level::Enough).then(|| {
            let rings = self.shared.registry.rings().max(1) as u64;
            usize::try_from(limit / CACHES / rings).unwrap_or(usize::MAX)
        });
        self.shared.tuning.set_full(level == Level::Full);
        if self.shared.tuning.set_cache_share(share) {
            for worker in &self.shared.workers {
                worker.retune();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Frame, FrameData, PushOptions, WallSlots, WhepOffer};
    use crate::gateway::Gateway;
    use crate::media::{Codec, testing};
    use crate::tuning::Key;

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
    fn where_giving_back_was_the_mistake_it_is_done_less_and_less_often() {
        let start = Instant::now();
        let mut course = Course::new();
        let mut given_back = Vec::new();
        let mut releases = 0;
        // All that is kept is too much, and without it there is room.
        for second in 0..4 * 3600 {
            let now = start + Duration::from_secs(second);
            let used = if course.level == Level::Enough {
                80
            } else {
                50
            };
            let before = course.level;
            let level = course.look(Memory { used, limit: 100 }, now);
            if level < before {
                given_back.push(second);
            }
            releases += usize::from(course.releases(now));
        }
        let minutes: Vec<_> = given_back.iter().map(|second| second / 60).collect();
        assert_eq!(minutes, [1, 3, 7, 15, 31, 63, 123, 183]);
        assert!((4 * 360 - 10..=4 * 360).contains(&releases), "{releases}");

        // A day later it begins anew.
        let mut now = start + Duration::from_secs(24 * 3600);
        let calm = Memory {
            used: 10,
            limit: 100,
        };
        assert_eq!(course.look(calm, now), Level::Enough);
        now += Duration::from_secs(24 * 3600);
        assert!(!course.releases(now));
        for (after, used, expected) in [
            (0, 80, Level::Short),
            (59, 10, Level::Short),
            (60, 10, Level::Enough),
            (61, 95, Level::Full),
            (62, 70, Level::Short),
        ] {
            let at = now + Duration::from_secs(after);
            let level = course.look(Memory { used, limit: 100 }, at);
            assert_eq!(level, expected, "after {after} s");
        }
    }

    #[test]
    fn what_is_taken_away_is_given_back_only_where_there_is_room() {
        let mut level = Level::Enough;
        for (used, expected) in [
            (74, Level::Enough),
            (75, Level::Short),
            (66, Level::Short),
            (89, Level::Short),
            (90, Level::Full),
            (81, Level::Full),
            (79, Level::Short),
            (89, Level::Short),
            (64, Level::Enough),
            (74, Level::Enough),
            (95, Level::Full),
            (10, Level::Enough),
        ] {
            level = level.next(Memory { used, limit: 100 });
            assert_eq!(level, expected, "{used}");
        }
    }

    /// Bytes that the rings of the stream "cam" hold, as the host is told.
    fn ring_bytes(gateway: &Gateway) -> usize {
        let metrics = gateway.metrics().unwrap();
        let name = "rtsp_webrtc_gateway_stream_ring_bytes{stream=\"cam\"} ";
        let mut lines = metrics.lines();
        let bytes = lines.find_map(|line| line.strip_prefix(name)).unwrap();
        bytes.parse().unwrap()
    }

    fn wait_for(mut condition: impl FnMut() -> bool) {
        let end = Instant::now() + Duration::from_secs(60);
        while !condition() {
            assert!(Instant::now() < end);
            thread::sleep(Duration::from_millis(5));
        }
    }

    #[test]
    fn what_a_wall_on_another_worker_keeps_of_a_stream_counts_as_well() {
        const OFFER: &[u8] = include_bytes!("../../tests/fixtures/offers/chromium_wall.sdp");
        let gateway = Gateway::new(Config {
            udp_bind: Some("127.0.0.1:0".parse().unwrap()),
            // How busy the machine is decides nothing here.
            tuning: vec![(Key::WorkerThreads, 2), (Key::MaxWorkerLoadPercent, 0)],
            ..Config::default()
        });
        let gateway = gateway.unwrap();
        let options = PushOptions {
            video: Some(Codec::H264),
            idle_timeout: Some(Duration::MAX),
            ..PushOptions::default()
        };
        let cam = gateway.add_push_stream("cam", options).unwrap();
        let slice = [&[0x65][..], &[0x5a; 500_000]].concat();
        let nals = [testing::SPS, testing::PPS, &slice];
        let keyframe = nals.map(|nal| [&[0, 0, 0, 1], nal].concat()).concat();
        let frame = Frame {
            data: FrameData::Copied(&keyframe),
            pts_us: 0,
            capture_unix_us: None,
            discontinuity: false,
        };
        gateway.push_video(cam, frame).unwrap();
        wait_for(|| ring_bytes(&gateway) > 500_000);
        let (alone, registry) = (ring_bytes(&gateway), &gateway.shared.registry);
        assert_eq!(registry.rings(), 1);

        let offer = WhepOffer {
            sdp: OFFER,
            wall: Some(WallSlots {
                video: &[Some("cam"), Some("cam")],
                sound: None,
            }),
            ..WhepOffer::default()
        };
        let wall = gateway.handle_whep_offer(&offer).unwrap();
        wait_for(|| ring_bytes(&gateway) > alone + 500_000);
        assert_eq!(registry.rings(), 2);

        gateway.handle_whep_delete(&wall.session_key).unwrap();
        wait_for(|| ring_bytes(&gateway) == alone);
        assert_eq!(registry.rings(), 1);
    }
}
