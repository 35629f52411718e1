//! A worker's thread and its loop: datagrams, deadlines, fan-out, and the tasks of cameras take turns.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::net::TcpListener;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::Sender;
use std::task::{Context, Poll};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::mpsc;
use tokio::task::LocalSet;

use super::command::{Command, WorkerContext};
use super::core::Core;
use super::demux::{Demux, Greeter, Inbox, QUEUE_BATCH, Queued, Queues, ReceiverStats};
use super::wait::{Alarm, Bell};
use super::{addresses, callers};
use crate::budget::{Allowance, Budget};
use crate::error::panicked;
use crate::events::role::{Role, mark_thread};
use crate::net::Receiver;

/// How long an exiting worker waits for TEARDOWN requests to leave.
const TEARDOWN_GRACE: Duration = Duration::from_millis(100);
/// How long it waits at most until a TURN server has taken back what it had allocated.
const ALLOCATION_GRACE: Duration = Duration::from_secs(1);
/// How long it waits at most until media servers have been told that their sessions are over.
const OUTPUT_GRACE: Duration = Duration::from_millis(1500);

/// Commands of the host after which it waits until the worker has done them.
const COMMANDS_AHEAD: usize = 1024;

/// How long a worker rests after a turn that panicked.
const AFTER_PANIC: Duration = Duration::from_millis(10);

/// Datagrams of viewers, before others have their turn.
const DATAGRAMS: Allowance = Allowance {
    time: Duration::from_millis(1),
    items: 4096,
    bytes: 8 << 20,
};

/// A worker's thread and its command queue.
pub struct Worker {
    commands: CommandSender,
    /// Commands of the host that are counted for [`Worker::is_pause_due`].
    counted: AtomicUsize,
    /// A `TuningChanged` command is queued.
    retuning: Arc<AtomicBool>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// The command queue of a worker.
pub type CommandQueue = mpsc::UnboundedReceiver<Command>;

/// The way to a worker's command queue.
pub type CommandSender = mpsc::UnboundedSender<Command>;

/// Both ends of a worker's command queue.
pub fn command_queue() -> (CommandSender, CommandQueue) {
    mpsc::unbounded_channel()
}

/// The ways from one worker to all others. They keep none of them running.
#[derive(Clone)]
pub struct Peers(Arc<[mpsc::WeakUnboundedSender<Command>]>);

impl Peers {
    /// The workers with these queues.
    pub fn new(commands: &[CommandSender]) -> Peers {
        Peers(commands.iter().map(CommandSender::downgrade).collect())
    }

    /// Sends a command to a worker. False if there is none, or it has exited.
    pub fn command(&self, worker: usize, command: Command) -> bool {
        let peer = self.0.get(worker).and_then(|peer| peer.upgrade());
        peer.is_some_and(|peer| peer.send(command).is_ok())
    }
}

/// What the worker that reads the socket, and accepts connections, needs in addition.
pub struct Reading {
    /// The queues of all workers.
    pub inboxes: Vec<Inbox>,
    /// Counters.
    pub stats: Arc<ReceiverStats>,
    /// The TCP port for media.
    pub listener: Option<TcpListener>,
}

impl Worker {
    /// Starts the thread, which drops `ended` when it exits. One worker of a gateway reads the socket.
    pub fn start(
        context: WorkerContext,
        (commands, command_queue): (CommandSender, CommandQueue),
        queues: Queues,
        reading: Option<Reading>,
        ended: Sender<()>,
    ) -> io::Result<Worker> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let mut port = None;
        let reader = reading.map(|reading| {
            let _inside = runtime.enter();
            let listener = reading.listener.map(tokio::net::TcpListener::from_std);
            port = listener.transpose()?;
            let demux = Demux {
                worker: context.index,
                routes: Arc::clone(&context.routes),
                public: Arc::clone(&context.reflexive),
                allocation: context.allocation.clone(),
                socket: Arc::clone(&context.socket),
                turn: context.turn.clone().map(|authority| Greeter {
                    authority,
                    clock: context.clock,
                }),
                inboxes: reading.inboxes,
                stats: reading.stats,
            };
            let receiver = Receiver::new(Arc::clone(&context.socket));
            receiver.map(|receiver| (receiver, Arc::new(demux)))
        });
        let input = Input {
            queues,
            reader: reader.transpose()?,
            port,
            batch: Vec::new(),
        };
        let retuning = Arc::new(AtomicBool::new(false));
        let retuned = Arc::clone(&retuning);
        let name = format!("rwg-worker-{}", context.index);
        let thread = std::thread::Builder::new().name(name).spawn(move || {
            mark_thread(Role::Library);
            let local = LocalSet::new();
            // A task like those of the cameras: a `LocalSet` polls its main future whenever any is woken.
            let work = local.spawn_local(run(context, command_queue, retuned, input));
            let _ = local.block_on(&runtime, work);
            drop(local);
            drop(runtime);
            drop(ended);
        })?;
        Ok(Worker {
            commands,
            counted: AtomicUsize::new(0),
            retuning,
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Sends a command. False if the worker has exited.
    pub fn command(&self, command: Command) -> bool {
        self.commands.send(command).is_ok()
    }

    /// Whether the host should wait for the worker after a command that it may repeat without end.
    pub fn is_pause_due(&self) -> bool {
        self.counted.fetch_add(1, Ordering::Relaxed) % COMMANDS_AHEAD == COMMANDS_AHEAD - 1
    }

    /// Announces a changed knob; several changes may be announced by one command.
    pub fn retune(&self) -> bool {
        self.retuning.swap(true, Ordering::SeqCst) || self.command(Command::TuningChanged)
    }

    /// Waits until the thread has exited.
    pub fn join(&self) {
        if let Some(thread) = self.thread.lock().take() {
            let _ = thread.join();
        }
    }
}

/// The datagrams for a worker: queued by another worker, or read from the socket.
struct Input {
    queues: Queues,
    /// Only in the worker that reads the socket.
    reader: Option<(Receiver, Arc<Demux>)>,
    /// The same worker accepts connections.
    port: Option<tokio::net::TcpListener>,
    /// Datagrams taken from the queues.
    batch: Vec<Queued>,
}

impl Input {
    /// Ready when there may be a datagram.
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let queued = match self.batch.is_empty() {
            true => self.queues.poll(context, &mut self.batch),
            false => Poll::Ready(()),
        };
        match &self.reader {
            Some((receiver, _)) if queued.is_pending() => receiver.poll_ready(context),
            _ => queued,
        }
    }

    /// When to go on after a pause.
    fn deadline(&self) -> Option<Instant> {
        self.reader.as_ref()?.0.rests_until()
    }

    /// Handles what is there, as far as the budget of a turn goes. True if there may be more.
    fn turn(&mut self, core: &mut Core, now: Instant) -> bool {
        let mut budget = Budget::new(DATAGRAMS, now);
        let mut more = self.batch.len() >= QUEUE_BATCH;
        let mut done = 0;
        let mut batch = std::mem::take(&mut self.batch);
        for datagram in &batch {
            budget.spend(1, datagram.contents.len());
            core.datagram(datagram);
            done += 1;
            if budget.is_step_over() && !budget.goes_on(Instant::now()) {
                break;
            }
        }
        batch.drain(..done);
        self.batch = batch;
        if budget.is_spent() {
            return true;
        }
        if let Some((receiver, demux)) = &mut self.reader {
            more |= receiver.turn(&mut budget, |remote, local, contents| {
                demux.deliver(remote, local, contents, |datagram| core.datagram(&datagram));
            });
        }
        more
    }
}

async fn run(
    context: WorkerContext,
    mut commands: CommandQueue,
    retuning: Arc<AtomicBool>,
    mut input: Input,
) {
    let rearmed = Rc::new(Bell::default());
    context.parting.expect();
    let core = Rc::new(RefCell::new(Core::new(context, Rc::clone(&rearmed))));
    if let Some(port) = input.port.take() {
        tokio::task::spawn_local(callers::accept(port, Rc::clone(&core)));
    }
    let mut allocation = None;
    if let Some((_, demux)) = &input.reader {
        tokio::task::spawn_local(addresses::watch(Rc::clone(&core)));
        let context = &core.borrow().context;
        let public = Arc::clone(&context.reflexive);
        tokio::task::spawn_local(public.keep(Arc::clone(&context.socket)));
        if let Some(own) = &context.allocation {
            let (core, demux) = (Rc::clone(&core), Arc::clone(demux));
            tokio::task::spawn_local(Arc::clone(own).keep(core, demux));
            allocation = Some(Arc::clone(own));
        }
    }
    let mut alarm = Alarm::new();
    loop {
        let deadline = core.borrow().next_deadline();
        let deadline = deadline.into_iter().chain(input.deadline()).min();
        // A turn follows whatever came, so that none of these keeps another waiting.
        let mut command = None;
        let woken = poll_fn(|context| {
            if let Poll::Ready(came) = commands.poll_recv(context) {
                command = Some(came);
                return Poll::Ready(());
            }
            let came = input.poll(context).is_ready()
                || rearmed.poll(context).is_ready()
                || alarm.poll(context, deadline).is_ready();
            match came {
                true => Poll::Ready(()),
                false => Poll::Pending,
            }
        });
        woken.await;
        match command {
            // Nobody can send another.
            Some(Some(Command::Shutdown) | None) => break,
            Some(Some(command)) => {
                if matches!(command, Command::TuningChanged) {
                    retuning.store(false, Ordering::SeqCst);
                }
                guarded("a command", || Core::command(&core, command));
            }
            // Datagrams, a deadline, or a task that moved a deadline closer or left a pass pending.
            None => {}
        }
        let more = guarded("a turn", || {
            let core = &mut *core.borrow_mut();
            let begun = Instant::now();
            let mut more = input.turn(core, begun);
            let now = Instant::now();
            core.datagrams_took(now - begun);
            more |= core.handle_timeouts(now);
            if !core.chores.is_empty() {
                core.do_chores(Instant::now());
            }
            core.fan_out();
            more || core.is_fanning_out() || !core.chores.is_empty()
        });
        if more.is_none() {
            // It may come again with each turn: the others get some of the time.
            tokio::time::sleep(AFTER_PANIC).await;
        }
        if more.unwrap_or(true) {
            // Let the cameras' tasks run, whatever else is waiting.
            tokio::task::yield_now().await;
        }
    }
    // Execute earlier commands first, so that each added stream also gets its `Removed` event.
    commands.close();
    while let Some(command) = commands.recv().await {
        guarded("a command", || Core::command(&core, command));
    }
    let any_connected = core.borrow_mut().shutdown();
    let cameras = async {
        if any_connected {
            // Dropping the aborted tasks sends TEARDOWN from separate tasks.
            tokio::time::sleep(TEARDOWN_GRACE).await;
        }
    };
    let underway = Rc::clone(&core.borrow().underway);
    let outputs = tokio::time::timeout(OUTPUT_GRACE, underway.none());
    let given_back = async {
        if let Some(own) = allocation {
            own.end();
            // The server's answer comes to the socket, which nobody else reads any more.
            tokio::select! {
                () = own.ended() => {}
                () = tokio::time::sleep(ALLOCATION_GRACE) => {}
                () = read_on(&mut input, &core) => {}
            }
        }
    };
    let _ = tokio::join!(cameras, outputs, given_back);
}

/// Reads what comes for a gateway whose sessions have ended, for as long as it is polled.
async fn read_on(input: &mut Input, core: &RefCell<Core>) {
    loop {
        poll_fn(|context| input.poll(context)).await;
        guarded("a turn", || {
            input.turn(&mut core.borrow_mut(), Instant::now())
        });
        tokio::task::yield_now().await;
    }
}

/// Does what must not end the worker: it has the streams of others, and one of them the socket of all.
/// What can be told apart (a session, a source, an offer) is caught closer to it, and ends alone.
fn guarded<T>(what: &str, work: impl FnOnce() -> T) -> Option<T> {
    let done = catch_unwind(AssertUnwindSafe(work));
    if done.is_err() {
        log::error!("{}", panicked(what));
    }
    done.ok()
}
