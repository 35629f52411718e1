//! One attempt, from connecting to the end of the session.

use std::io;
use std::net::IpAddr;
use std::pin::pin;

use tokio::time::{Instant, sleep_until, timeout_at};

use super::{Camera, Outcome, Unheard};
use crate::budget::Budget;
use crate::config::Transport;
use crate::error::{Error, Result};
use crate::random;
use crate::source::choice::Choice;
use crate::source::retry::{Ended, is_refusal};
use crate::source::rtsp::{Client, Event, Failure};
use crate::source::tracks::Tracks;
use crate::source::url::endpoint;
use crate::source::wire::{
    Connection, NoAuthorities, NoTls, NotTrusted, Ports, Reach, Read, TooNear, Unauthorized,
};
use crate::source::{Quirk, Sink, TURN, failure};

/// See the module documentation.
pub(super) struct Attempt<'a> {
    pub(super) camera: &'a Camera,
    pub(super) client: Client,
    pub(super) connection: Option<Connection>,
    /// How media is to come: any but [`Transport::Auto`].
    pub(super) transport: Transport,
    /// The ports of each track that is set up, without TCP.
    pub(super) ports: Vec<(usize, Ports)>,
    /// What the session description says of each track's multicast group: address and port of RTP.
    pub(super) groups: Vec<(usize, Option<IpAddr>, u16)>,
    pub(super) tracks: Option<Tracks>,
    /// What of the description is used.
    pub(super) choice: Choice,
    /// The tracks that the camera agreed to send.
    set_up: Vec<usize>,
    /// See [`Outcome`].
    pub(super) unheard: Option<Unheard>,
    /// When it began, and when the camera said that it plays.
    pub(super) begun: Instant,
    pub(super) playing: Option<Instant>,
    /// When it was noticed too late that patience had ended.
    pub(super) pardoned: Option<Instant>,
    /// It was given up because it took too much.
    exceeded: bool,
    /// How near the camera is: it may redirect to what is no nearer.
    nearest: Option<Reach>,
    /// What is left of this turn.
    pub(super) budget: Budget,
    /// Which of the ports is read next.
    pub(super) next_ports: usize,
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
pub(super) enum Happened {
    Read(io::Result<Read>),
    Wrote(io::Result<()>),
    Datagrams,
    Time,
}

impl<'a> Attempt<'a> {
    pub(super) fn new(camera: &'a Camera) -> Self {
        let url = &camera.config.url;
        let known = camera.config.learned.get();
        let random = || random::number().unwrap_or_default();
        let mut client = Client::new(url.requested(), url.credentials().cloned(), random);
        for method in &known.hung_up_on {
            client.avoid(method);
        }
        client.begin_with_options(known.options_first);
        Attempt {
            client,
            camera,
            connection: None,
            transport: match camera.config.transport {
                Transport::Auto => known.transport,
                transport => transport,
            },
            ports: Vec::new(),
            groups: Vec::new(),
            tracks: None,
            choice: Choice::default(),
            set_up: Vec::new(),
            unheard: None,
            begun: Instant::now(),
            playing: None,
            pardoned: None,
            exceeded: false,
            nearest: None,
            budget: Budget::new(TURN, std::time::Instant::now()),
            next_ports: 0,
        }
    }

    pub(super) async fn run(&mut self, sink: &mut impl Sink) -> Outcome {
        let error = self.serve(sink).await;
        self.tell_quirks(sink);
        let live = self.tracks.as_ref().and_then(Tracks::live_since);
        let live = live.map(|since| Instant::from_std(since).elapsed());
        let ended = match is_refusal(&error) {
            true => Ended::Refused,
            false if self.exceeded => Ended::Exceeded,
            false => Ended::Broken { live },
        };
        let heard = self.tracks.as_ref().and_then(Tracks::frames).is_some();
        let broken = matches!(ended, Ended::Broken { .. });
        let by_group = self.transport == Transport::Multicast && self.tracks.is_some();
        // Not where the password was refused: it is not to be sent again at once, by whatever transport.
        if by_group && broken && !heard {
            self.unheard.get_or_insert(Unheard::Ended);
        }
        let learned = broken && self.learn(heard);
        if self.client.is_ignored() || self.client.setting_up().is_some() {
            sink.forgave(Quirk::Unanswered, 1);
        }
        Outcome {
            error,
            ended,
            transport: self.transport,
            learned,
            unheard: self.unheard,
        }
    }

    /// Keeps what was found out about the camera. True if the next attempt has to be another because of it.
    fn learn(&self, heard: bool) -> bool {
        let learned = &self.camera.config.learned;
        let (hung_up_on, ignored) = (self.client.hung_up_on(), self.client.is_ignored());
        let connected = self.connection.is_some();
        learned.update(|known| {
            if let Some(method) = hung_up_on.filter(|method| !known.hung_up_on.contains(method)) {
                known.hung_up_on.push(method);
            }
            known.options_first |= ignored && connected;
            if heard {
                // It may have been the network.
                known.unanswered.clear();
            }
        });
        let unanswered = self.client.setting_up();
        let unanswered = unanswered.filter(|&track| !self.choice.needs(track));
        let asked = self.playing.is_some() || !self.set_up.is_empty();
        learned.update(|known| {
            match unanswered {
                Some(track) if !known.leaves_out(track) => known.unanswered.push(track),
                Some(_) => {}
                None => known.needs_sound |= asked && !heard && self.choice.left_out_sound,
            };
        })
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

    pub(super) fn tell_quirks(&mut self, sink: &mut impl Sink) {
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
        let credentials = self.client.credentials();
        let has_credentials = credentials.is_some();
        let open = Connection::open(&endpoint, &config.trust, nearest, credentials);
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
                    Some(cause) if cause.is::<NoAuthorities>() => {
                        failure::no_authorities(&config.url)
                    }
                    Some(cause) if cause.is::<NoTls>() => failure::no_tls(&config.url, &error),
                    Some(cause) if cause.is::<Unauthorized>() => {
                        self.failed(match has_credentials {
                            true => Failure::Unauthorized,
                            false => Failure::NoCredentials,
                        })
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
                    self.choice = Choice::of(&description, &self.camera.config)?;
                    let wanted = self.wanted()?;
                    let delivery = self.delivery();
                    let choice = &self.choice;
                    let group = |&index: &usize| {
                        let track = description.tracks.get(index)?;
                        let address = track.address.or(description.address);
                        Some((index, address, track.port))
                    };
                    self.groups = choice.set_up.iter().filter_map(group).collect();
                    self.tracks = Some(Tracks::new(&description, choice, delivery));
                    self.set_up.clear();
                    self.client.set_up(wanted);
                }
                Event::SetUp(track, answer) => {
                    self.set_up.push(track);
                    self.note_source(answer.source);
                    self.open(track, &answer)?;
                }
                Event::Playing => {
                    self.playing = Some(Instant::now());
                    self.tell_quirks(sink);
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
                    self.unheard = match failure {
                        Failure::TransportRefused => Some(Unheard::Refused),
                        Failure::SetupRefused(_) => Some(Unheard::NotUnderstood),
                        _ => None,
                    };
                    return Err(self.failed(failure));
                }
            }
        }
        Ok(())
    }

    pub(super) fn failed(&self, failure: Failure) -> Error {
        failure::of_client(&self.camera.config.url, failure)
    }
}
