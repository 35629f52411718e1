//! The state of a connection to a camera: from DESCRIBE to PLAY, and as long as it plays.

mod event;
mod pieces;
mod responses;

pub use event::{Event, Failure, Wanted};

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::channels::Channels;
use super::control::Bases;
use super::keep_alive::KeepAlive;
use super::requests::{MAX_UNWRITTEN, Request, Requests, Step};
use super::sdp::Description;
use super::transport::{Answer, Lower};
use crate::budget::Budget;
use crate::source::url::Credentials;
use crate::source::{Quirk, Quirks, TURN};

/// When a body without a length, or with a wrong one, is as long as it is.
const BODY_ENDS: Duration = Duration::from_millis(500);
/// A session that the camera says it does not know is lost if nothing comes for this long.
const DOUBT: Duration = Duration::from_secs(2);

/// A body that is waited for.
#[derive(Clone, Copy, Debug)]
struct Awaited {
    /// Bytes of the message that are there, since when, and how many it has if it says so.
    there: usize,
    since: Instant,
    whole: Option<usize>,
}

#[derive(Debug, PartialEq, Eq)]
enum State {
    /// Before the description is known, or before it is known what of it to set up.
    Describing,
    /// Until the response to the last SETUP or PLAY.
    SettingUp,
    Playing,
    Over,
}

/// See the module documentation.
#[derive(Debug)]
pub struct Client {
    /// What is asked for, without credentials.
    url: String,
    state: State,
    requests: Requests,
    keep_alive: KeepAlive,
    quirks: Quirks,
    events: VecDeque<Event>,
    redirects: u8,
    description: Description,
    bases: Bases,
    wanted: Vec<Wanted>,
    /// URLs still to be tried for the current request, last one first.
    forms: Vec<String>,
    /// Tracks that are set up, and the URLs that did it.
    set_up: Vec<(usize, String)>,
    /// URLs to play, where each track needs a PLAY of its own.
    to_play: Vec<String>,
    /// Each track has a PLAY of its own: the camera wanted that.
    each_by_itself: bool,
    session_url: String,
    channels: Channels,
    /// Where the camera expects RTCP of each track.
    report_channels: Vec<(usize, u8)>,
    /// Since the last message or frame.
    junk: usize,
    /// A message's body is waited for.
    body: Option<Awaited>,
    /// So many bytes behind junk have no whole frame in them.
    searched: usize,
    /// The connection has ended: what is there is all.
    ended: bool,
    /// There was a response on this connection.
    responded: bool,
    /// Requests begin with OPTIONS: the camera did not understand otherwise.
    options_first: bool,
    /// Connected again for the request that is owed.
    reconnected: bool,
    playing_since: Option<Instant>,
    last_packet: Option<Instant>,
    doubted: Option<Instant>,
    /// There will be another connection: nothing more is read of this one.
    leaving: bool,
    /// The last call of [`Client::receive`] stopped before the end: others have their turn.
    paused: bool,
    hung_up_on: Option<&'static str>,
    random: fn() -> u64,
}

impl Client {
    /// A client for this URL. Call [`Client::connected`] when there is a connection.
    pub fn new(url: &str, credentials: Option<Credentials>, random: fn() -> u64) -> Client {
        Client {
            url: url.to_owned(),
            state: State::Describing,
            requests: Requests::new(credentials),
            keep_alive: KeepAlive::default(),
            quirks: Quirks::default(),
            events: VecDeque::new(),
            redirects: 0,
            description: Description::default(),
            bases: Bases::default(),
            wanted: Vec::new(),
            forms: Vec::new(),
            set_up: Vec::new(),
            to_play: Vec::new(),
            each_by_itself: false,
            session_url: String::new(),
            channels: Channels::new(),
            report_channels: Vec::new(),
            junk: 0,
            body: None,
            searched: 0,
            ended: false,
            responded: false,
            options_first: false,
            reconnected: false,
            playing_since: None,
            last_packet: None,
            doubted: None,
            leaving: false,
            paused: false,
            hung_up_on: None,
            random,
        }
    }

    /// Where to connect to.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// User and password for where to connect to.
    pub fn credentials(&self) -> Option<&Credentials> {
        self.requests.credentials()
    }

    /// There is a connection, the first or another.
    pub fn connected(&mut self) {
        self.leaving = false;
        self.paused = false;
        self.searched = 0;
        self.junk = 0;
        self.body = None;
        self.ended = false;
        self.responded = false;
        match self.requests.reconnected() {
            Some(request) => self.send(request),
            None if self.options_first => {
                let request = Request::new(Step::Options, "OPTIONS", &self.url);
                self.send(request);
            }
            None => self.describe(),
        }
    }

    /// What happened since the last call.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Does not keep the session alive by this method.
    pub fn avoid(&mut self, method: &str) {
        self.keep_alive.refused(method);
    }

    /// Asks for what the camera understands before it asks for its description.
    pub fn begin_with_options(&mut self, options_first: bool) {
        self.options_first = options_first;
    }

    /// The camera has not answered anything, and may do so if it is asked for what it understands first.
    pub fn is_ignored(&self) -> bool {
        let asked = self.state == State::Describing && self.requests.oldest().is_some();
        asked && !self.responded && !self.options_first
    }

    /// The track whose SETUP has no response yet.
    pub fn setting_up(&self) -> Option<usize> {
        match self.requests.oldest()?.step {
            Step::Setup(place) => Some(self.wanted.get(place)?.track),
            _ => None,
        }
    }

    /// The camera closed the connection when it should have answered this keep-alive.
    pub fn hung_up_on(&self) -> Option<&'static str> {
        self.hung_up_on
    }

    /// Whether there may be something to read in what [`Client::receive`] left.
    pub fn is_paused(&self) -> bool {
        self.paused
    }

    /// What was forgiven since the last call.
    pub fn take_quirks(&mut self) -> Quirks {
        std::mem::take(&mut self.quirks)
    }

    /// What is to be written. Whoever writes it takes it out.
    pub fn unwritten(&mut self) -> &mut Vec<u8> {
        &mut self.requests.out
    }

    /// Sets up these tracks of the description, then plays.
    pub fn set_up(&mut self, wanted: Vec<Wanted>) {
        self.wanted = wanted;
        self.state = State::SettingUp;
        self.set_up_from(0);
    }

    /// Sends RTCP to the camera, in the connection.
    pub fn send_interleaved(&mut self, track: usize, packet: &[u8]) {
        let channel = self.report_channels.iter().find(|(of, _)| *of == track);
        if let (Some((_, channel)), Ok(len)) = (channel, u16::try_from(packet.len()))
            && self.requests.out.len() < MAX_UNWRITTEN
        {
            self.requests.out.extend_from_slice(&[b'$', *channel]);
            self.requests.out.extend_from_slice(&len.to_be_bytes());
            self.requests.out.extend_from_slice(packet);
        }
    }

    /// Ends the session. What is unwritten then is the last that the camera gets.
    pub fn tear_down(&mut self) {
        if !std::mem::take(&mut self.set_up).is_empty() {
            let url = self.session_url.clone();
            let request = Request::new(Step::Teardown, "TEARDOWN", &url);
            self.requests.send(request, (self.random)());
        }
        self.state = State::Over;
    }

    /// When to call [`Client::handle_timeout`], or [`Client::receive`] with the bytes that are left.
    pub fn next_deadline(&self) -> Option<Instant> {
        let body = self.body.map(|body| body.since + BODY_ENDS);
        let doubt = self.doubted.map(|at| at + DOUBT);
        let playing = [doubt, self.keep_alive.next_deadline()];
        let playing = playing
            .into_iter()
            .flatten()
            .filter(|_| self.state == State::Playing);
        playing.chain(body).min()
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.state != State::Playing {
            return;
        }
        if let Some(method) = self.keep_alive.poll(now) {
            let url = self.session_url.clone();
            self.send(Request::new(Step::KeepAlive, method, &url));
        }
        if let Some(since) = self.doubted.filter(|&since| since + DOUBT <= now) {
            self.doubted = None;
            if self.last_packet.is_none_or(|last| last <= since) {
                self.set_up.clear();
                self.fail(Failure::SessionLost);
            }
        }
    }

    /// The camera closed the connection, or it broke. `rest`: bytes that [`Client::receive`] left.
    pub fn closed(&mut self, rest: &[u8], now: Instant, out: &mut impl FnMut(usize, &[u8])) {
        self.ended = true;
        let mut budget = Budget::new(TURN, now);
        let mut used = self.receive(rest, now, &mut budget, out);
        while self.paused && budget.goes_on(now) {
            let rest = rest.get(used..).unwrap_or_default();
            used += self.receive(rest, now, &mut budget, out);
        }
        if self.state == State::Over || self.leaving {
            return;
        }
        let owed = self.requests.oldest();
        let after_challenge = owed.is_some_and(|request| request.challenged > 0);
        if self.state == State::Playing {
            let request = owed.filter(|request| request.step == Step::KeepAlive);
            self.hung_up_on = request.map(|request| request.method);
        }
        let silent = !self.responded && owed.is_some_and(|request| request.step == Step::Describe);
        if self.state != State::Playing && after_challenge && !self.reconnected {
            self.reconnected = true;
            self.quirks.note(Quirk::ClosedAfterChallenge, 1);
            self.leave();
        } else if self.state != State::Playing && after_challenge {
            // Twice: this is how it refuses a password.
            self.fail(Failure::Unauthorized);
        } else if silent && self.redirects == 0 && !self.options_first {
            self.options_first = true;
            self.requests.redirected(true);
            self.leave();
        } else {
            self.fail(Failure::Closed);
        }
    }

    /// What the camera did if it did not answer in time, unless it did nothing.
    pub fn misbehaved(&self) -> Option<Failure> {
        (!self.responded && self.junk > 0).then_some(Failure::NotRtsp)
    }

    fn control(&self, track: usize) -> Option<&str> {
        self.description.tracks.get(track)?.control.as_deref()
    }

    /// Sets up the track at this place, or plays behind the last.
    fn set_up_from(&mut self, place: usize) {
        match self.wanted.get(place) {
            Some(wanted) => {
                self.forms = self.bases.of_track(self.control(wanted.track));
                self.forms.reverse();
                self.next_form(Step::Setup(place));
            }
            None => {
                self.forms = self.bases.of_session();
                self.forms.reverse();
                self.next_form(Step::Play);
            }
        }
    }

    /// Sends the request with the next form of its URL. False if there is none.
    fn next_form(&mut self, step: Step) -> bool {
        let Some(url) = self.forms.pop() else {
            return false;
        };
        match step {
            Step::Setup(place) => {
                if let Some(wanted) = self.wanted.get(place) {
                    let header = wanted.lower.header(2 * place as u8);
                    let request = Request::new(step, "SETUP", &url).header("Transport", &header);
                    self.send(request);
                }
            }
            _ => self.play(&url),
        }
        true
    }

    fn play(&mut self, url: &str) {
        self.send(Request::new(Step::Play, "PLAY", url).header("Range", "npt=0.000-"));
    }

    fn describe(&mut self) {
        let request = Request::new(Step::Describe, "DESCRIBE", &self.url);
        self.send(request.header("Accept", "application/sdp"));
    }

    /// Sends a request, unless the camera does not read those that it was sent.
    fn send(&mut self, request: Request) {
        if self.requests.out.len() > MAX_UNWRITTEN {
            return self.fail(Failure::Deaf);
        }
        self.requests.send(request, (self.random)());
    }

    fn leave(&mut self) {
        self.leaving = true;
        self.events.push_back(Event::Reconnect);
    }

    fn fail(&mut self, failure: Failure) {
        if self.state != State::Over {
            self.state = State::Over;
            self.events.push_back(Event::Failed(failure));
        }
    }
}
