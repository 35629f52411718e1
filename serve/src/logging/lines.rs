//! Lines on their way to stderr. Whoever reads there may be slow, or have stopped: a pipe that is full must not hold up
//! who logs, which may be a thread that sends media. So a thread of its own writes, and what it has no room for is left out and
//! counted. (That stderr does not block would be a change for all processes that share it.)

use std::io::{self, Write};
use std::mem;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What may wait to be written, in bytes: some thousands of lines.
const MOST: usize = 1 << 20;

/// The way there.
pub struct Lines(Arc<Shared>);

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    /// There is something to write.
    filled: Condvar,
    /// Everything is written.
    written: Condvar,
}

#[derive(Default)]
struct Queue {
    lines: Vec<String>,
    bytes: usize,
    /// Lines left out behind these.
    left_out: u64,
    /// Lines that were taken from here are being written.
    writes: bool,
}

impl Queue {
    fn is_empty(&self) -> bool {
        self.lines.is_empty() && self.left_out == 0
    }
}

impl Lines {
    /// Starts the thread that writes. `note`: the line that says how many were left out.
    pub fn start(
        out: impl Write + Send + 'static,
        note: impl Fn(u64) -> String + Send + 'static,
    ) -> io::Result<Lines> {
        let shared = Arc::<Shared>::default();
        let lines = Lines(Arc::clone(&shared));
        let thread = std::thread::Builder::new().name("log".to_owned());
        thread.spawn(move || write(&shared, out, note))?;
        Ok(lines)
    }

    /// Adds a line, which ends with a newline. Does not wait.
    pub fn push(&self, line: String) {
        let mut queue = self.0.lock();
        // Behind what is left out nothing is taken, or the count would stand in the wrong place. One line always has room.
        let has_room = queue.bytes == 0 || queue.bytes + line.len() <= MOST;
        if queue.left_out == 0 && has_room {
            queue.bytes += line.len();
            queue.lines.push(line);
        } else {
            queue.left_out += 1;
        }
        self.0.filled.notify_one();
    }

    /// Waits until everything is written, but not for longer than this.
    pub fn flush(&self, most: Duration) {
        let waits = |queue: &mut Queue| queue.writes || !queue.is_empty();
        let waited = self
            .0
            .written
            .wait_timeout_while(self.0.lock(), most, waits);
        drop(waited);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        // Nothing that could be half done is done while it is locked.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for lines, and how many are left out behind them.
    fn next(&self) -> (Vec<String>, u64) {
        let mut queue = self.lock();
        queue.writes = false;
        if queue.is_empty() {
            self.written.notify_all();
        }
        let waited = self.filled.wait_while(queue, |queue| queue.is_empty());
        let mut queue = waited.unwrap_or_else(PoisonError::into_inner);
        queue.writes = true;
        queue.bytes = 0;
        (mem::take(&mut queue.lines), mem::take(&mut queue.left_out))
    }
}

/// Writes for as long as the process lives.
fn write(shared: &Shared, mut out: impl Write, note: impl Fn(u64) -> String) {
    loop {
        let (lines, left_out) = shared.next();
        let note = (left_out > 0).then(|| note(left_out));
        for line in lines.into_iter().chain(note) {
            // In one piece. Where nobody reads, nothing can be said.
            let _ = out.write_all(line.as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{self, Receiver, Sender};

    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    /// Whoever reads takes each line by itself.
    struct Pipe {
        written: Sender<String>,
        may_go_on: Receiver<()>,
    }

    impl Write for Pipe {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let text = String::from_utf8(bytes.to_vec()).unwrap();
            let _ = self.written.send(text);
            // The test has ended.
            let _ = self.may_go_on.recv();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn pipe() -> (Lines, Receiver<String>, Sender<()>) {
        let (written, seen) = mpsc::channel();
        let (go_on, may_go_on) = mpsc::channel();
        let pipe = Pipe { written, may_go_on };
        let note = |left_out| format!("{left_out} are left out\n");
        (Lines::start(pipe, note).unwrap(), seen, go_on)
    }

    #[test]
    fn who_logs_does_not_wait_for_who_reads_and_is_told_what_is_missing() {
        let (lines, seen, go_on) = pipe();
        let line = |number: usize| format!("{number:>65535}\n");
        lines.push(line(0));
        // It is being written, and nobody takes it.
        assert_eq!(seen.recv_timeout(LONG).unwrap(), line(0));
        for number in 1..=16 {
            lines.push(line(number));
        }
        // No room, and none for what would fit: it would stand ahead of the count.
        lines.push(line(17));
        lines.push("short\n".to_owned());
        lines.flush(Duration::from_millis(10));
        for number in 1..=16 {
            go_on.send(()).unwrap();
            assert_eq!(seen.recv_timeout(LONG).unwrap(), line(number));
        }
        go_on.send(()).unwrap();
        assert_eq!(seen.recv_timeout(LONG).unwrap(), "2 are left out\n");
        lines.push("later\n".to_owned());
        go_on.send(()).unwrap();
        assert_eq!(seen.recv_timeout(LONG).unwrap(), "later\n");
        go_on.send(()).unwrap();
        lines.flush(LONG);
        assert!(lines.0.lock().is_empty());
        assert_eq!(seen.try_recv().ok(), None);
    }

    #[test]
    fn a_line_that_is_longer_than_all_may_be_has_room() {
        let (lines, seen, go_on) = pipe();
        let long = "x".repeat(2 * MOST);
        lines.push(long.clone());
        assert_eq!(seen.recv_timeout(LONG).unwrap(), long);
        drop(go_on);
    }
}
