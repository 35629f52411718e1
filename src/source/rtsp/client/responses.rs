//! What a camera answers and asks, and what follows from it.

use std::time::{Duration, Instant};

use super::{Client, Event, Failure, State, Wanted};
use crate::source::Quirk;
use crate::source::rtsp::channels::Channels;
use crate::source::rtsp::control::{Bases, MAX_URL, is_absolute};
use crate::source::rtsp::keep_alive::KeepAlive;
use crate::source::rtsp::message::{Head, Message, Start};
use crate::source::rtsp::requests::{Challenged, MAX_UNWRITTEN, Request, Step};
use crate::source::rtsp::sdp::Description;
use crate::source::rtsp::transport::{Answer, Lower};

/// Redirects that are followed in a row.
const MAX_REDIRECTS: u8 = 5;
/// A redirect behind media of so long is the first of a row. Less would let cameras that redirect to one another have a
/// new connection each time, and for ever.
const SETTLED: Duration = Duration::from_secs(10);

impl Client {
    pub(super) fn take(&mut self, message: Message, now: Instant) {
        let code = match &message.head.start {
            Start::Request { method } => {
                let method = method.clone();
                return self.requested(&method, &message.head);
            }
            // Provisional.
            Start::Response { code: 100..200, .. } => return,
            Start::Response { code, .. } => *code,
        };
        let Some(request) = self.requests.matching(&message.head, &mut self.quirks) else {
            return;
        };
        match (code, request.step) {
            (_, Step::Teardown) => {}
            (200..300, step) => self.succeeded(step, &request, &message, now),
            (401 | 407, _) => self.challenged(request, &message.head),
            (_, Step::KeepAlive) => {
                self.quirks.note(Quirk::KeepAliveRefused, 1);
                self.keep_alive.refused(request.method);
                if code == 454 {
                    self.doubted = Some(now);
                }
                // The session may have little time left.
                if request.method != "OPTIONS" {
                    self.send(Request::new(Step::KeepAlive, "OPTIONS", &request.url));
                }
            }
            (300..=399, _) if message.head.get("Location").is_some() => {
                self.redirected(message.head.get("Location").unwrap_or_default());
            }
            // Media came before.
            (_, Step::Play) if self.state == State::Playing => {}
            _ => self.refused(request, code, &message.head),
        }
    }

    /// Each request of the camera is answered.
    fn requested(&mut self, method: &str, head: &Head) {
        self.quirks.note(Quirk::RequestsWhilePlaying, 1);
        if self.requests.out.len() > MAX_UNWRITTEN {
            return self.fail(Failure::Deaf);
        }
        match method {
            "OPTIONS" => {
                let methods = "Public: OPTIONS, ANNOUNCE, SET_PARAMETER, GET_PARAMETER, REDIRECT, TEARDOWN\r\n";
                self.requests.respond(head, "200 OK", methods);
            }
            "ANNOUNCE" | "SET_PARAMETER" | "GET_PARAMETER" | "PLAY_NOTIFY" => {
                self.requests.respond(head, "200 OK", "");
            }
            "TEARDOWN" => {
                self.requests.respond(head, "200 OK", "");
                self.set_up.clear();
                self.fail(Failure::TornDown);
            }
            "REDIRECT" => {
                self.requests.respond(head, "200 OK", "");
                match head.get("Location") {
                    Some(location) => self.redirected(location),
                    None => self.fail(Failure::TornDown),
                }
            }
            _ => self.requests.respond(head, "501 Not Implemented", ""),
        }
    }

    fn succeeded(&mut self, step: Step, request: &Request, message: &Message, now: Instant) {
        let head = &message.head;
        match step {
            Step::Options => {
                self.keep_alive.announced(head);
                self.describe();
            }
            Step::Describe => self.described(request, message),
            Step::Setup(place) => self.track_is_set_up(place, request, head),
            Step::Play => {
                if let Some(url) = self.to_play.pop() {
                    return self.play(&url);
                }
                if let Some(session) = self.keep_alive.session(head) {
                    self.requests.session = Some(session);
                }
                if self.state == State::SettingUp {
                    self.playing(request.url.clone(), now);
                }
            }
            Step::KeepAlive => {
                self.doubted = None;
                self.keep_alive.announced(head);
            }
            Step::Teardown => {}
        }
    }

    pub(super) fn playing(&mut self, url: String, now: Instant) {
        self.state = State::Playing;
        self.playing_since = Some(now);
        self.session_url = url;
        self.keep_alive.start(now);
        self.events.push_back(Event::Playing);
    }

    fn described(&mut self, request: &Request, message: &Message) {
        let head = &message.head;
        let kind = head.get("Content-Type").unwrap_or_default();
        if !kind.eq_ignore_ascii_case("application/sdp") {
            self.quirks.note(Quirk::ContentType, 1);
        }
        self.description = Description::parse(&message.body, &mut self.quirks);
        self.bases = Bases::new(&request.url, head, self.description.control.as_deref());
        if self.bases.odd {
            self.quirks.note(Quirk::BaseUrl, 1);
        }
        self.session_url = self
            .bases
            .of_session()
            .into_iter()
            .next()
            .unwrap_or_default();
        self.events
            .push_back(Event::Described(self.description.clone()));
    }

    fn track_is_set_up(&mut self, place: usize, request: &Request, head: &Head) {
        match self.keep_alive.session(head) {
            Some(session) => {
                self.requests.session.get_or_insert(session);
            }
            None if self.requests.session.is_none() => self.quirks.note(Quirk::NoSession, 1),
            None => {}
        }
        let Some(&Wanted {
            track,
            lower,
            needed,
        }) = self.wanted.get(place)
        else {
            return;
        };
        let mut answer = match head.get("Transport") {
            Some(text) => Answer::parse(text, &mut self.quirks),
            None => {
                self.quirks.note(Quirk::NoTransport, 1);
                Answer::default()
            }
        };
        if lower == Lower::Interleaved {
            // Asked for TCP, and gets UDP.
            if answer.interleaved.is_none() && (answer.server_port.is_some() || answer.multicast) {
                return match needed {
                    true => self.fail(Failure::TransportRefused),
                    false => self.set_up_from(place + 1),
                };
            }
            let asked = (2 * place as u8, 2 * place as u8 + 1);
            let channels = *answer.interleaved.get_or_insert(asked);
            self.report_channels.push((track, channels.1));
            if let Some(described) = self.description.tracks.get(track) {
                self.channels
                    .assign(track, described, channels, &mut self.quirks);
            }
        }
        if self.bases.of_track(self.control(track)).first() != Some(&request.url) {
            self.quirks.note(Quirk::BaseUrl, 1);
        }
        self.set_up.push((track, request.url.clone()));
        self.events.push_back(Event::SetUp(track, answer));
        self.set_up_from(place + 1);
    }

    fn challenged(&mut self, mut request: Request, head: &Head) {
        match self
            .requests
            .challenged(&mut request, head, &mut self.quirks)
        {
            Challenged::Again => {
                let close = head
                    .get("Connection")
                    .is_some_and(|text| text.eq_ignore_ascii_case("close"));
                self.send(request);
                if close && self.state != State::Playing {
                    self.quirks.note(Quirk::ClosedAfterChallenge, 1);
                    self.reconnected = true;
                    self.leave();
                }
            }
            _ if request.step == Step::KeepAlive => {
                self.quirks.note(Quirk::KeepAliveRefused, 1);
                self.keep_alive.refused(request.method);
            }
            Challenged::Refused => self.fail(Failure::Unauthorized),
            Challenged::Missing => self.fail(Failure::NoCredentials),
            Challenged::Unsupported => self.fail(Failure::UnsupportedAuth),
            Challenged::Elsewhere => self.fail(Failure::ElsewhereUnauthorized),
            Challenged::Weaker => self.fail(Failure::WeakerAuth),
        }
    }

    fn redirected(&mut self, location: &str) {
        let media = self.playing_since.zip(self.last_packet);
        if media.is_some_and(|(since, last)| last >= since + SETTLED) {
            self.redirects = 0;
        }
        self.redirects += 1;
        if self.redirects > MAX_REDIRECTS {
            return self.fail(Failure::Redirects);
        }
        let previous = url::Url::parse(&self.url).ok();
        let next = match (is_absolute(location), &previous) {
            (false, Some(previous)) => previous.join(location).ok(),
            _ => url::Url::parse(location).ok(),
        };
        let Some(mut next) = next.filter(|url| {
            matches!(url.scheme(), "rtsp" | "rtsps")
                && location.len().max(url.as_str().len()) <= MAX_URL
                && url.host_str().is_some_and(|host| !host.is_empty())
        }) else {
            return self.fail(Failure::BadRedirect);
        };
        let _ = next.set_username("");
        let _ = next.set_password(None);
        let before = previous.as_ref().map(|url| (url.host_str(), url.scheme()));
        let (same_host, was_tls) = before.map_or((false, false), |(host, scheme)| {
            (host == next.host_str(), scheme == "rtsps")
        });
        if was_tls && next.scheme() != "rtsps" {
            return self.fail(Failure::BadRedirect);
        }
        self.requests.redirected(same_host);
        self.url = next.into();
        self.state = State::Describing;
        self.keep_alive = KeepAlive::default();
        self.channels = Channels::new();
        self.report_channels.clear();
        self.set_up.clear();
        self.wanted.clear();
        self.to_play.clear();
        self.each_by_itself = false;
        self.reconnected = false;
        self.doubted = None;
        self.playing_since = None;
        self.leave();
    }

    fn refused(&mut self, request: Request, code: u16, head: &Head) {
        let reason = match &head.start {
            Start::Response { reason, .. } => reason.as_str(),
            Start::Request { .. } => "",
        };
        let said = format!("{code} {reason}");
        let failure = match code {
            403 => Failure::Forbidden,
            404 => Failure::NotFound,
            453 | 503 => Failure::Busy(said),
            461 => Failure::TransportRefused,
            400 | 406 | 451 | 501 | 551 if matches!(request.step, Step::Setup(_)) => {
                Failure::SetupRefused(said)
            }
            _ => Failure::Refused(request.method, said),
        };
        match request.step {
            // Not understood; perhaps another request is.
            Step::Options => self.describe(),
            Step::Describe
                if !self.options_first && matches!(code, 400 | 405 | 454 | 455 | 501) =>
            {
                self.options_first = true;
                self.send(Request::new(Step::Options, "OPTIONS", &request.url));
            }
            Step::Setup(place) => {
                let needed = self.wanted.get(place).is_some_and(|wanted| wanted.needed);
                let other_url = !matches!(code, 403 | 453 | 461 | 503);
                if other_url && self.next_form(request.step) {
                    return;
                }
                match needed {
                    true => self.fail(failure),
                    false => self.set_up_from(place + 1),
                }
            }
            Step::Play => {
                let final_word = matches!(code, 403 | 404 | 453 | 454 | 459 | 460 | 503);
                let without_range = !final_word && !request.headers.is_empty();
                if without_range {
                    return self.send(Request::new(Step::Play, "PLAY", &request.url));
                }
                // Each track by itself.
                if matches!(code, 459 | 460) && !self.each_by_itself {
                    self.each_by_itself = true;
                    self.to_play = self
                        .set_up
                        .iter()
                        .rev()
                        .map(|(_, url)| url.clone())
                        .collect();
                    if let Some(url) = self.to_play.pop() {
                        self.forms.clear();
                        return self.play(&url);
                    }
                }
                if matches!(code, 403 | 453 | 503) || !self.next_form(Step::Play) {
                    self.fail(failure);
                }
            }
            _ => self.fail(failure),
        }
    }
}
