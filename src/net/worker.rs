//! A worker: a thread that owns streams with all that belongs to them. Between "access unit
//! complete" and "datagrams handed to the kernel" there is no lock, no channel and no wake-up.

use std::cell::RefCell;
use std::future::Future;
use std::io;
use std::rc::Rc;
use std::sync::mpsc::Sender;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::{Notify, mpsc};
use tokio::task::LocalSet;

use super::command::{Command, WorkerContext};
use super::core::Core;
use super::receiver::Datagram;

/// Datagrams that may wait for a worker; more are dropped, as a full socket buffer would.
const DATAGRAM_QUEUE: usize = 4096;
/// Datagrams handled before other work gets its turn.
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
    datagrams: mpsc::Sender<Datagram>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Worker {
    /// Starts the thread, which drops `ended` at its end.
    pub fn start(context: WorkerContext, ended: Sender<()>) -> io::Result<Worker> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let (commands, command_queue) = mpsc::unbounded_channel();
        let (datagrams, datagram_queue) = mpsc::channel(DATAGRAM_QUEUE);
        let name = format!("rwg-worker-{}", context.index);
        let thread = std::thread::Builder::new().name(name).spawn(move || {
            let local = LocalSet::new();
            local.block_on(&runtime, run(context, command_queue, datagram_queue));
            drop(local);
            runtime.shutdown_timeout(LOOKUP_GRACE);
            drop(ended);
        })?;
        Ok(Worker {
            commands,
            datagrams,
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Asks something of the worker. False if it has ended.
    pub fn command(&self, command: Command) -> bool {
        self.commands.send(command).is_ok()
    }

    /// Where the receiving thread leaves datagrams.
    pub fn datagrams(&self) -> mpsc::Sender<Datagram> {
        self.datagrams.clone()
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
    mut datagrams: mpsc::Receiver<Datagram>,
) {
    let rearmed = Rc::new(Notify::new());
    let core = Rc::new(RefCell::new(Core::new(context, Rc::clone(&rearmed))));
    let mut batch = Vec::with_capacity(DATAGRAM_BATCH);
    loop {
        let deadline = core.borrow().next_deadline();
        tokio::select! {
            command = commands.recv() => match command {
                Some(Command::Shutdown) | None => break,
                Some(command) => Core::command(&core, command),
            },
            received = datagrams.recv_many(&mut batch, DATAGRAM_BATCH), if !datagrams.is_closed() => {
                let _: usize = received;
                core.borrow_mut().datagrams(batch.drain(..));
            }
            () = sleep_until(deadline) => core.borrow_mut().timeouts(Instant::now()),
            // A source's task has made somebody due sooner than we sleep.
            () = rearmed.notified() => {}
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
