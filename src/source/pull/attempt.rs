//! Keeps a camera connected: connects, delivers its media, and tries again when that ends.

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::io;
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep, sleep_until, timeout_at};

use super::choice::Choice;
use super::retry::{Backoff, Ended};
use super::rtp::Order;
use super::rtsp::{Answer, Client, Event, Failure, Lower, Wanted};
use super::tracks::{REORDER, Tracks};
use super::url::endpoint;
use super::wire::{Connection, Group, NotTrusted, Ports, Reach, Read, TooNear, is_near};
use super::{CameraConfig, Demand, Sink, TURN, failure};
use crate::budget::Budget;
use crate::config::Transport;
use crate::error::{Error, Result};
use crate::random;
use crate::state::StreamId;

/// With [`Transport::Auto`]: a camera that plays and sends nothing by UDP for this long is asked to send
/// by TCP. By TCP nothing is lost on the way: what begins late begins late in any way.
const SILENT: Duration = Duration::from_secs(4);

/// Connects, delivers media to `sink`, and reconnects whenever the connection ends; with `demand`,
/// only while the camera is wanted. Runs until dropped, on a tokio current-thread runtime inside a
/// `LocalSet`. When it is dropped, the camera gets a TEARDOWN.
///
/// `name` is the stream's, for the log.
pub async fn run(
    stream: StreamId,
    name: Arc<str>,
    config: CameraConfig,
    demand: Option<Rc<Demand>>,
    sink: impl Sink,
) {
    Camera::new(stream, name, config).run(demand, sink).await;
}

/// A deadline that is noticed so much later says nothing of the camera.
const LATE: Duration = Duration::from_secs(1);

/// What stays the same from one attempt to the next.
pub(super) struct Camera {
    /// For the log.
    stream: StreamId,
    name: Arc<str>,
    config: CameraConfig,
    /// The camera refused the password, and is left alone until then: it may lock the account.
    refused: RefCell<Option<(Error, Instant)>>,
    /// Requests on which the camera hung up while it played.
    hung_up_on: RefCell<Vec<&'static str>>,
}

impl Camera {
    pub(super) fn new(stream: StreamId, name: Arc<str>, config: CameraConfig) -> Self {
        Camera {
            stream,
            name,
            config,
            refused: RefCell::default(),
            hung_up_on: RefCell::default(),
        }
    }

    pub(super) async fn run(self, demand: Option<Rc<Demand>>, mut sink: impl Sink) {
        let Some(demand) = demand else {
            return self.serve(&mut sink, || true).await;
        };
        loop {
            demand.begins().await;
            tokio::select! {
                biased;
                () = demand.ends() => {}
                () = self.serve(&mut sink, || demand.is_wanted()) => {}
            }
            sink.idle();
        }
    }

    /// Keeps the camera connected; returns if it is not `wanted` when a retry is due.
    async fn serve(&self, sink: &mut impl Sink, wanted: impl Fn() -> bool) {
        let timeouts = &self.config.timeouts;
        let mut backoff = Backoff::new(timeouts.retry_min, timeouts.retry_max);
        // The other transport was tried at once.
        let mut changed = false;
        loop {
            sink.connecting();
            let random = random::number().unwrap_or_default();
            let refused = self.refused.borrow().clone();
            let still = refused.filter(|(_, until)| *until > Instant::now());
            let (error, retry_in) = match still {
                Some((error, until)) => (error, until - Instant::now()),
                None => {
                    let (error, ended, other_transport) = Attempt::new(self).run(sink).await;
                    if other_transport && self.config.transport == Transport::Auto {
                        self.config.by_udp.fetch_xor(true, Ordering::Relaxed);
                        if !std::mem::replace(&mut changed, true) {
                            continue;
                        }
                    }
                    let retry_in = backoff.delay(ended, random);
                    if ended == Ended::Refused {
                        let until = Instant::now() + retry_in;
                        *self.refused.borrow_mut() = Some((error.clone(), until));
                    }
                    (error, retry_in)
                }
            };
            changed = false;
            sink.failed(&error, retry_in);
            sleep(retry_in).await;
            if !wanted() {
                return;
            }
        }
    }
}

/// One attempt, from connecting to the end of the session.
struct Attempt<'a> {
    camera: &'a Camera,
    client: Client,
    connection: Option<Connection>,
    /// The ports of each track that is set up, without TCP.
    ports: Vec<(usize, Ports)>,
    /// What the session description says of each track's multicast group: address and port of RTP.
    groups: Vec<(usize, Option<IpAddr>, u16)>,
    tracks: Option<Tracks>,
    /// The tracks that the camera agreed to send.
    set_up: Vec<usize>,
    by_udp: bool,
    /// Another transport may do what this one does not.
    other_transport: bool,
    /// When it began, and when the camera said that it plays.
    begun: Instant,
    playing: Option<Instant>,
    /// When it was noticed too late that patience had ended.
    pardoned: Option<Instant>,
    /// It was given up because it took too much.
    exceeded: bool,
    /// How near the camera is: it may redirect to what is no nearer.
    nearest: Option<Reach>,
    /// What is left of this turn.
    budget: Budget,
    /// Which of the ports is read next.
    next_ports: usize,
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        self.client.tear_down();
        if let Some(connection) = &mut self.connection {
            connection.write_last(self.client.unwritten());
        }
    }
}

/// What an attempt waited for.
enum Happened {
    Read(io::Result<Read>),
    Wrote(io::Result<()>),
    Datagrams,
    Time,
}

impl<'a> Attempt<'a> {
    fn new(camera: &'a Camera) -> Self {
        let url = &camera.config.url;
        let random = || random::number().unwrap_or_default();
        let mut client = Client::new(url.requested(), url.credentials().cloned(), random);
        for method in camera.hung_up_on.borrow().iter() {
            client.avoid(method);
        }
        Attempt {
            client,
            camera,
            connection: None,
            ports: Vec::new(),
            groups: Vec::new(),
            tracks: None,
            set_up: Vec::new(),
            by_udp: match camera.config.transport {
                Transport::Auto => camera.config.by_udp.load(Ordering::Relaxed),
                transport => transport == Transport::Udp,
            },
            other_transport: false,
            begun: Instant::now(),
            playing: None,
            pardoned: None,
            exceeded: false,
            nearest: None,
            budget: Budget::new(TURN, std::time::Instant::now()),
            next_ports: 0,
        }
    }

    /// Returns why and how it ended, and whether another transport may do better.
    async fn run(mut self, sink: &mut impl Sink) -> (Error, Ended, bool) {
        let error = self.serve(sink).await;
        self.tell_quirks(sink);
        if let Some(method) = self.client.hung_up_on() {
            let mut methods = self.camera.hung_up_on.borrow_mut();
            if !methods.contains(&method) {
                methods.push(method);
            }
        }
        let live = self.tracks.as_ref().and_then(Tracks::live_since);
        let live = live.map(|since| Instant::from_std(since).elapsed());
        let ended = match super::retry::is_refusal(&error) {
            true => Ended::Refused,
            false if self.exceeded => Ended::Exceeded,
            false => Ended::Broken { live },
        };
        (error, ended, self.other_transport)
    }

    async fn serve(&mut self, sink: &mut impl Sink) -> Error {
        let mut timer = pin!(sleep_until(
            self.begun + self.camera.config.timeouts.connect
        ));
        if let Err(error) = Box::pin(self.connect()).await {
            return error;
        }
        let mut now = Instant::now();
        loop {
            match self.events(sink).await {
                Ok(()) => {}
                Err(error) => return error,
            }
            if let Some(error) = self.overdue(now) {
                return error;
            }
            let happened = self.wait(timer.as_mut(), now, sink).await;
            now = Instant::now();
            match happened {
                Happened::Read(Ok(Read::Some)) | Happened::Datagrams => {}
                Happened::Read(Ok(Read::Closed)) => self.closed(now, sink),
                Happened::Read(Err(error)) | Happened::Wrote(Err(error)) => {
                    self.closed(now, sink);
                    if self.playing.is_some() {
                        return failure::broken(&self.camera.config.url, &error);
                    }
                }
                Happened::Wrote(Ok(())) => {}
                Happened::Time => self.time_passed(now, sink),
            }
            if let Some(tracks) = &mut self.tracks {
                let (client, ports) = (&mut self.client, &self.ports);
                tracks.reports(now.into_std(), |index, report| {
                    match ports.iter().find(|(track, _)| *track == index) {
                        Some((_, ports)) => ports.send_report(report),
                        None => client.send_interleaved(index, report),
                    }
                });
            }
            if !self.budget.goes_on(now.into_std()) {
                let allowance = sink.overran(self.budget.began());
                if sink.exceeds_share() {
                    self.exceeded = true;
                    return failure::exceeds_share(&self.camera.config.url);
                }
                tokio::task::yield_now().await;
                self.budget = Budget::new(allowance, std::time::Instant::now());
            }
        }
    }

    fn tell_quirks(&mut self, sink: &mut impl Sink) {
        for (quirk, times) in self.client.take_quirks().iter() {
            sink.forgave(quirk, times);
        }
        if let Some(tracks) = &mut self.tracks {
            tracks.quirks(|quirk, times| sink.forgave(quirk, times));
        }
    }

    /// Connects to where the client wants to.
    async fn connect(&mut self) -> Result<()> {
        let Camera { config, .. } = self.camera;
        self.connection = None;
        let deadline = self.begun + config.timeouts.connect;
        let endpoint = endpoint(self.client.url(), config.transport == Transport::Http);
        let nearest = self.nearest.unwrap_or(Reach::Machine);
        let open = Connection::open(&endpoint, &config.trust, nearest);
        match timeout_at(deadline, open).await {
            Ok(Ok(connection)) => {
                let (_, peer) = connection.addresses();
                self.nearest.get_or_insert(Reach::of(peer));
                self.connection = Some(connection);
            }
            Ok(Err(error)) => {
                let cause = error.get_ref();
                return Err(match cause {
                    Some(cause) if cause.is::<NotTrusted>() => {
                        failure::not_trusted(&config.url, &error)
                    }
                    Some(cause) if cause.is::<TooNear>() => failure::redirected_here(&config.url),
                    _ => failure::unreachable(&config.url, &error),
                });
            }
            Err(_) => {
                return Err(failure::connect_timeout(
                    &config.url,
                    config.timeouts.connect,
                ));
            }
        }
        self.client.connected();
        Ok(())
    }

    /// Does what the client asks for.
    async fn events(&mut self, sink: &mut impl Sink) -> Result<()> {
        while let Some(event) = self.client.poll_event() {
            match event {
                Event::Described(description) => {
                    let Camera { stream, name, .. } = self.camera;
                    log::debug!(stream = stream.0, stream_name = &**name; "described: {description}");
                    let choice = Choice::of(&description, &self.camera.config)?;
                    if let Some(sentence) = &choice.no_audio {
                        log::warn!(stream = stream.0, stream_name = &**name; "{sentence}");
                    }
                    let wanted = self.wanted(&choice)?;
                    let by_udp =
                        self.by_udp || self.camera.config.transport == Transport::Multicast;
                    let order = match by_udp {
                        true => REORDER,
                        false => Order::InOrder,
                    };
                    let group = |&index: &usize| {
                        let track = description.tracks.get(index)?;
                        let address = track.address.or(description.address);
                        Some((index, address, track.port))
                    };
                    self.groups = choice.set_up.iter().filter_map(group).collect();
                    self.tracks = Some(Tracks::new(&description, &choice, order));
                    self.set_up.clear();
                    self.client.set_up(wanted);
                }
                Event::SetUp(track, answer) => {
                    self.set_up.push(track);
                    self.note_source(answer.source);
                    if self.camera.config.transport == Transport::Multicast {
                        self.join(track, &answer)?;
                    } else if let Some((_, ports)) =
                        self.ports.iter_mut().find(|(i, _)| *i == track)
                    {
                        ports.answered(answer.source, answer.server_port);
                    }
                }
                Event::Playing => {
                    self.playing = Some(Instant::now());
                    if let Some(tracks) = &mut self.tracks {
                        tracks.retain(&self.set_up);
                    }
                }
                Event::Reconnect => {
                    if self.playing.take().is_some() {
                        self.begun = Instant::now();
                        // Another session, perhaps of another camera.
                        sink.connecting();
                    }
                    Box::pin(self.connect()).await?;
                }
                Event::Failed(failure) => {
                    self.other_transport = failure == Failure::TransportRefused;
                    return Err(self.failed(failure));
                }
            }
        }
        Ok(())
    }

    /// Says so if the camera announces media from where none is taken.
    fn note_source(&self, source: Option<IpAddr>) {
        let peer = self
            .connection
            .as_ref()
            .map(|connection| connection.addresses().1);
        if let (Some(source), Some(peer)) = (source, peer)
            && !self.ports.is_empty() | (self.camera.config.transport == Transport::Multicast)
            && !is_near(peer, source)
        {
            let Camera { stream, name, .. } = self.camera;
            log::warn!(
                stream = stream.0, stream_name = &**name;
                "stream \"{name}\": the camera says that it sends from {source}, which is in another \
                 network: nothing is taken from there; use TCP"
            );
        }
    }

    fn failed(&self, failure: Failure) -> Error {
        failure::of_client(&self.camera.config.url, failure)
    }

    /// What to set up, with its ports.
    fn wanted(&mut self, choice: &Choice) -> Result<Vec<Wanted>> {
        self.ports.clear();
        let (url, transport) = (&self.camera.config.url, self.camera.config.transport);
        let encrypted = self.client.url().starts_with("rtsps");
        let mut wanted = Vec::new();
        for &track in &choice.set_up {
            let lower = match (transport, &self.connection) {
                (Transport::Multicast, _) if !encrypted => Lower::Multicast,
                (_, Some(connection)) if self.by_udp && !encrypted => {
                    let (local, peer) = connection.addresses();
                    let ports = Ports::bind(local, peer);
                    let ports = ports.map_err(|error| failure::no_ports(url, &error))?;
                    let port = ports.number();
                    self.ports.push((track, ports));
                    Lower::Udp { port }
                }
                _ => Lower::Interleaved,
            };
            wanted.push(Wanted {
                track,
                lower,
                needed: choice.needs(track),
            });
        }
        Ok(wanted)
    }

    /// Joins the group that the camera sends a track to, by its answer or by its description.
    fn join(&mut self, track: usize, answer: &Answer) -> Result<()> {
        let url = &self.camera.config.url;
        let Some(connection) = &self.connection else {
            return Ok(());
        };
        let described = self.groups.iter().find(|(index, ..)| *index == track);
        let (address, port) = described.map_or((None, 0), |&(_, address, port)| (address, port));
        let mut addresses = [answer.destination, address].into_iter().flatten();
        let address = addresses.find(IpAddr::is_multicast);
        let described = Some((port, port.saturating_add(1))).filter(|_| port > 0);
        let ports = answer.port.or(described);
        let (Some(address), Some(ports)) = (address, ports) else {
            return Err(failure::no_group(url, None));
        };
        let group = Group {
            address,
            ports,
            source: answer.source,
        };
        let (local, peer) = connection.addresses();
        let mut ports = Ports::join(&group, local, peer)
            .map_err(|error| failure::no_group(url, Some(&error)))?;
        ports.answered(answer.source, None);
        self.ports.push((track, ports));
        Ok(())
    }

    /// Waits for something to do, and does it as far as the budget goes.
    async fn wait(
        &mut self,
        mut timer: Pin<&mut Sleep>,
        now: Instant,
        sink: &mut impl Sink,
    ) -> Happened {
        let deadline = self.next_deadline();
        if deadline <= now {
            return Happened::Time;
        }
        if deadline < timer.deadline() || timer.is_elapsed() {
            timer.as_mut().reset(deadline);
        }
        let mut waited = false;
        poll_fn(|context| {
            if waited {
                self.budget = Budget::new(TURN, std::time::Instant::now());
            }
            let happened = self.poll(context, timer.as_mut(), sink);
            waited = happened.is_pending();
            happened
        })
        .await
    }

    fn poll(
        &mut self,
        context: &mut Context<'_>,
        timer: Pin<&mut Sleep>,
        sink: &mut impl Sink,
    ) -> Poll<Happened> {
        let Some(connection) = &mut self.connection else {
            return timer.poll(context).map(|()| Happened::Time);
        };
        let client = &mut self.client;
        if (!client.unwritten().is_empty() || connection.has_unwritten())
            && let Poll::Ready(written) = connection.poll_write(context, client.unwritten())
            && written.is_err()
        {
            return Poll::Ready(Happened::Wrote(written));
        }
        if client.is_paused() {
            self.receive_rest(sink);
            return Poll::Ready(Happened::Read(Ok(Read::Some)));
        }
        let (tracks, budget) = (&mut self.tracks, &mut self.budget);
        let read =
            connection.poll_read(context, |data| receive(data, client, tracks, budget, sink));
        if let Poll::Ready(read) = read {
            return Poll::Ready(Happened::Read(read));
        }
        if self.poll_datagrams(context, sink).is_ready() {
            return Poll::Ready(Happened::Datagrams);
        }
        // Last, as most turns end before: a deadline that has passed is seen with the next one.
        timer.poll(context).map(|()| Happened::Time)
    }

    /// Goes on with what was read and not taken.
    fn receive_rest(&mut self, sink: &mut impl Sink) {
        let (client, tracks, budget) = (&mut self.client, &mut self.tracks, &mut self.budget);
        if let Some(connection) = &mut self.connection {
            connection.take_rest(|data| receive(data, client, tracks, budget, sink));
        }
    }

    /// Reads the ports one after the other, as far as the budget goes; next time from there on.
    fn poll_datagrams(
        &mut self,
        context: &mut Context<'_>,
        sink: &mut impl Sink,
    ) -> Poll<Happened> {
        let Some(tracks) = &mut self.tracks else {
            return Poll::Pending;
        };
        let mut any = false;
        for _ in 0..self.ports.len() {
            self.next_ports %= self.ports.len();
            let (index, ports) = &mut self.ports[self.next_ports];
            self.next_ports += 1;
            let now = std::time::Instant::now();
            let mut take = |datagram: &[u8]| tracks.packet(*index, datagram, now, sink);
            any |= ports
                .poll_receive(context, &mut self.budget, &mut take)
                .is_ready();
            if self.budget.is_spent() {
                break;
            }
        }
        match any {
            true => Poll::Ready(Happened::Datagrams),
            false => Poll::Pending,
        }
    }

    fn closed(&mut self, now: Instant, sink: &mut impl Sink) {
        let rest = self
            .connection
            .take()
            .map(|connection| connection.rest().to_vec());
        let tracks = &mut self.tracks;
        let now = now.into_std();
        self.client
            .closed(&rest.unwrap_or_default(), now, &mut |index, packet| {
                if let Some(tracks) = tracks {
                    tracks.packet(index, packet, now, sink);
                }
            });
    }

    fn time_passed(&mut self, now: Instant, sink: &mut impl Sink) {
        let now = now.into_std();
        self.client.handle_timeout(now);
        if let Some(tracks) = &mut self.tracks {
            tracks.handle_timeout(now, sink);
        }
        // A body without an end is whole by now.
        self.receive_rest(sink);
        self.tell_quirks(sink);
    }

    fn next_deadline(&self) -> Instant {
        let client = self.client.next_deadline().map(Instant::from_std);
        let tracks = self.tracks.as_ref().and_then(Tracks::next_deadline);
        let tracks = tracks.map(Instant::from_std);
        let patience = self.patience();
        [client, tracks]
            .into_iter()
            .flatten()
            .fold(patience, Instant::min)
    }

    /// Until when the camera is waited for; a moment longer if it went by unnoticed.
    fn patience(&self) -> Instant {
        let pardoned = self.pardoned.map(|at| at + LATE);
        let patience = self.unpardoned();
        pardoned.map_or(patience, |pardoned| pardoned.max(patience))
    }

    fn unpardoned(&self) -> Instant {
        let timeouts = &self.camera.config.timeouts;
        let Some(playing) = self.playing else {
            return self.begun + timeouts.connect;
        };
        match self.tracks.as_ref().and_then(Tracks::frames) {
            Some((first, last)) => {
                let idle = Instant::from_std(last) + timeouts.idle;
                let sets = Instant::from_std(first) + timeouts.parameter_sets;
                let live = self.tracks.as_ref().and_then(Tracks::live_since);
                live.map_or(idle.min(sets), |_| idle)
            }
            None => playing + self.first_wait(),
        }
    }

    /// How long the first frame is waited for.
    fn first_wait(&self) -> Duration {
        let idle = self.camera.config.timeouts.idle;
        match self.by_udp && self.camera.config.transport == Transport::Auto {
            true => idle.min(SILENT),
            false => idle,
        }
    }

    /// Why the camera is no longer waited for.
    fn overdue(&mut self, now: Instant) -> Option<Error> {
        let Camera { config, .. } = self.camera;
        let timeouts = &config.timeouts;
        let patience = self.patience();
        if patience > now {
            return None;
        }
        if now - patience > LATE {
            // The process was stopped, or the machine asleep: what waits is read first.
            self.pardoned = Some(now);
            return None;
        }
        if self.playing.is_none() {
            return Some(match self.client.misbehaved() {
                Some(failure) => self.failed(failure),
                None => failure::connect_timeout(&config.url, timeouts.connect),
            });
        }
        let tracks = self.tracks.as_ref();
        let last = tracks
            .and_then(Tracks::frames)
            .map(|(_, last)| Instant::from_std(last));
        Some(match last {
            Some(last) if last + timeouts.idle > now => {
                failure::no_parameter_sets(&config.url, timeouts.parameter_sets)
            }
            _ => {
                self.other_transport = last.is_none();
                let has_video = tracks.is_none_or(Tracks::has_video);
                let waited = last.map_or(self.first_wait(), |_| timeouts.idle);
                failure::stalled(&config.url, waited, has_video)
            }
        })
    }
}

/// Passes on what was received, step by step. Returns how much of it is used.
fn receive(
    data: &[u8],
    client: &mut Client,
    tracks: &mut Option<Tracks>,
    budget: &mut Budget,
    sink: &mut impl Sink,
) -> usize {
    let mut used = 0;
    let mut now = std::time::Instant::now();
    loop {
        let rest = data.get(used..).unwrap_or_default();
        used += client.receive(rest, now, budget, &mut |index, packet| {
            if let Some(tracks) = tracks {
                tracks.packet(index, packet, now, sink);
            }
        });
        if !client.is_paused() {
            return used;
        }
        now = std::time::Instant::now();
        if !budget.goes_on(now) {
            return used;
        }
    }
}
