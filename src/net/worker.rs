//! A worker: a thread that owns streams with all that belongs to them. Between "access unit
//! complete" and "datagrams handed to the kernel" there is no lock, no channel and no wake-up.

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::io;
use std::rc::Rc;
use std::sync::mpsc::Sender;
use std::task::Poll;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::{Notify, mpsc};
use tokio::task::LocalSet;

use super::command::{Command, WorkerContext};
use super::core::Core;
use super::receiver::{Datagram, Inbox};

/// Datagrams that may wait for a worker; more are dropped, as a full socket buffer would.
const DATAGRAM_QUEUE: usize = 4096;
/// Checks of strangers that may wait; browsers repeat theirs.
const STRANGER_QUEUE: usize = 1024;
/// Datagrams of each kind handled before other work gets its turn.
const DATAGRAM_BATCH: usize = 64;
/// How long a worker that ends waits for its cameras to take their TEARDOWN.
const TEARDOWN_GRACE: Duration = Duration::from_millis(100);
/// How long it waits for a lookup of a camera's name, which the system does not let anyone cancel
/// and which takes half a minute where no name server answers. One that is left behind uses
/// nothing of the gateway.
const LOOKUP_GRACE: Duration = Duration::from_millis(500);

/// A worker's thread, and the ways to reach it.
pub struct Worker {
    commands: mpsc::UnboundedSender<Command>,
    inbox: Inbox,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Worker {
    /// Starts the thread, which drops `ended` at its end.
    pub fn start(context: WorkerContext, ended: Sender<()>) -> io::Result<Worker> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let (commands, command_queue) = mpsc::unbounded_channel();
        let (viewers, viewer_queue) = mpsc::channel(DATAGRAM_QUEUE);
        let (strangers, stranger_queue) = mpsc::channel(STRANGER_QUEUE);
        let name = format!("rwg-worker-{}", context.index);
        let thread = std::thread::Builder::new().name(name).spawn(move || {
            let local = LocalSet::new();
            let work = run(context, command_queue, viewer_queue, stranger_queue);
            local.block_on(&runtime, work);
            drop(local);
            runtime.shutdown_timeout(LOOKUP_GRACE);
            drop(ended);
        })?;
        Ok(Worker {
            commands,
            inbox: Inbox { viewers, strangers },
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Asks something of the worker. False if it has ended.
    pub fn command(&self, command: Command) -> bool {
        self.commands.send(command).is_ok()
    }

    /// Where the receiving thread leaves datagrams.
    pub fn inbox(&self) -> Inbox {
        self.inbox.clone()
    }

    /// Waits for the end of the thread.
    pub fn join(&self) {
        if let Some(thread) = self.thread.lock().take() {
            let _ = thread.join();
        }
    }
}

async fn run(
    context: WorkerContext,
    mut commands: mpsc::UnboundedReceiver<Command>,
    mut viewers: mpsc::Receiver<Datagram>,
    mut strangers: mpsc::Receiver<Datagram>,
) {
    let rearmed = Rc::new(Notify::new());
    let core = Rc::new(RefCell::new(Core::new(context, Rc::clone(&rearmed))));
    let mut batch = Vec::with_capacity(2 * DATAGRAM_BATCH);
    loop {
        let deadline = core.borrow().next_deadline();
        tokio::select! {
            command = commands.recv() => match command {
                Some(Command::Shutdown) | None => break,
                Some(command) => Core::command(&core, command),
            },
            () = poll_fn(|context| {
                let _ = viewers.poll_recv_many(context, &mut batch, DATAGRAM_BATCH);
                let _ = strangers.poll_recv_many(context, &mut batch, DATAGRAM_BATCH);
                if batch.is_empty() { Poll::Pending } else { Poll::Ready(()) }
            }) => {}
            () = sleep_until(deadline) => core.borrow_mut().timeouts(Instant::now()),
            // A source's task has made somebody due sooner than we sleep.
            () = rearmed.notified() => {}
        }
        if !batch.is_empty() {
            core.borrow_mut().datagrams(batch.drain(..));
            // However many wait: now it is the turn of the cameras.
            tokio::task::yield_now().await;
        }
    }
    // What was asked before is done first: whoever heard that a camera is added hears of its end.
    commands.close();
    while let Some(command) = commands.recv().await {
        Core::command(&core, command);
    }
    let had_cameras = core.borrow_mut().shutdown();
    if had_cameras {
        // The sources' tasks are aborted; dropping them sends TEARDOWN from tasks of their own.
        tokio::time::sleep(TEARDOWN_GRACE).await;
    }
}

fn sleep_until(deadline: Option<Instant>) -> impl Future<Output = ()> {
    // An hour stands for "nothing is due".
    let deadline = deadline.unwrap_or_else(|| Instant::now() + Duration::from_secs(3600));
    tokio::time::sleep_until(deadline.into())
}
