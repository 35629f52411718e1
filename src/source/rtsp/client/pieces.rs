//! From what a connection brings to its pieces: messages, interleaved frames, and junk between them.

use std::time::Instant;

use super::{Awaited, BODY_ENDS, Client, Failure, State};
use crate::budget::Budget;
use crate::source::rtsp::message::{self, Head, MAX_BODY, MAX_HEAD, Message, Start};
use crate::source::rtsp::requests::Step;
use crate::source::{Quirk, Quirks};

/// Bytes of neither messages nor frames, until something comes that is one: more than a frame that
/// lost its beginning can have.
const MAX_JUNK: usize = 256 << 10;
/// The same before the first message, where another protocol's server may speak.
const MAX_JUNK_AT_FIRST: usize = 4 << 10;
/// What a message costs, in packets.
const MESSAGE_ITEMS: usize = 16;
/// Junk is skipped in pieces of so much.
const JUNK_STEP: usize = 8 << 10;
/// A frame is looked for behind junk whenever so much more has come.
const SEARCH_STEP: usize = 1 << 10;
/// No RTCP packet is shorter.
const SHORTEST_PACKET: usize = 8;

impl Client {
    /// Takes what was received, and returns how much of it was used; the rest is to be given again,
    /// in front of what comes next. `out` gets each packet, RTP or RTCP: the
    /// track's index, and its bytes. At the end of a step of the `budget` it stops, and
    /// [`Client::is_paused`].
    pub fn receive(
        &mut self,
        data: &[u8],
        now: Instant,
        budget: &mut Budget,
        out: &mut impl FnMut(usize, &[u8]),
    ) -> usize {
        let mut at = 0;
        let mut packets = false;
        self.paused = false;
        while let Some(rest) = data.get(at..)
            && self.state != State::Over
            && !self.leaving
        {
            if budget.is_step_over() && !rest.is_empty() {
                self.paused = true;
                break;
            }
            let mut items = 1;
            let used = match rest {
                &[b'$', channel, high, low, ref body @ ..] => {
                    let len = usize::from(u16::from_be_bytes([high, low]));
                    match (self.is_frame(channel, len, body), body.get(..len)) {
                        (Some(true), Some(packet)) => {
                            self.junk = 0;
                            let found = self.channels.find(channel, packet, &mut self.quirks);
                            if let Some(track) = found {
                                packets = true;
                                out(track, packet);
                            }
                            Some(4 + len)
                        }
                        (Some(false), _) => self.skip(rest),
                        _ if self.junk > 0 => self.skip_to_frame(body),
                        _ => None,
                    }
                }
                [] | [b'$', ..] => None,
                [b'\r' | b'\n' | b' ' | 0, ..] if self.junk == 0 => Some(1),
                _ => match message::begins(rest) {
                    Some(true) => {
                        items = MESSAGE_ITEMS;
                        self.message(rest, now)
                    }
                    Some(false) => self.skip(rest),
                    None => None,
                },
            };
            match used {
                Some(used) => {
                    budget.spend(items, used);
                    at += used;
                    self.searched = 0;
                }
                None => break,
            }
        }
        if packets {
            self.media_came(now);
        }
        if self.state == State::Over || self.leaving {
            data.len()
        } else {
            at
        }
    }

    /// Media has come: in the connection, or to ports of ours.
    pub fn media_came(&mut self, now: Instant) {
        self.last_packet = Some(now);
        // Some cameras never answer PLAY.
        let asked = self
            .requests
            .oldest()
            .filter(|request| request.step == Step::Play);
        if let (State::SettingUp, Some(request)) = (&self.state, asked) {
            let url = request.url.clone();
            self.playing(url, now);
        }
    }

    /// Whether a frame begins where a `$` is; `None`: too few bytes to know.
    fn is_frame(&self, channel: u8, len: usize, body: &[u8]) -> Option<bool> {
        let known = self.channels.is_assigned(channel);
        match (self.junk > 0, known) {
            (false, true) => Some(true),
            // Its length may be nonsense.
            (false, false) => Some(match body.get(len..)? {
                [] | [b'$' | b'\r' | b'\n', ..] => true,
                next => message::begins(next) != Some(false),
            }),
            (true, false) => Some(false),
            (true, true) if len < SHORTEST_PACKET || body.first()? >> 6 != 2 => Some(false),
            (true, true) => body.get(len..).map(|next| self.goes_on(next)),
        }
    }

    /// Whether this may be what follows a frame.
    fn goes_on(&self, next: &[u8]) -> bool {
        match next {
            [] | [b'$'] | [b'\r' | b'\n', ..] => true,
            [b'$', channel, ..] => self.channels.is_assigned(*channel),
            _ => message::begins(next) != Some(false),
        }
    }

    /// What looks like a frame is not all there, and comes behind junk: goes on with a whole frame further
    /// on, if there is one. `body` begins behind the head of the frame.
    fn skip_to_frame(&mut self, body: &[u8]) -> Option<usize> {
        if body.len() < self.searched + SEARCH_STEP && !self.ended {
            return None;
        }
        self.searched = body.len();
        let found = memchr::memchr_iter(b'$', body).find(|&at| match &body[at..] {
            &[_, channel, high, low, ref body @ ..] => {
                let len = usize::from(u16::from_be_bytes([high, low]));
                let next = body.get(len..).filter(|next| !next.is_empty());
                self.channels.is_assigned(channel)
                    && len >= SHORTEST_PACKET
                    && body.first().is_some_and(|first| first >> 6 == 2)
                    && next.is_some_and(|next| self.goes_on(next))
            }
            _ => false,
        })?;
        self.count_junk(4 + found);
        Some(4 + found)
    }

    fn count_junk(&mut self, bytes: usize) {
        if self.junk == 0 {
            self.quirks.note(Quirk::Junk, 1);
        }
        self.junk += bytes;
        let most = if self.responded {
            MAX_JUNK
        } else {
            MAX_JUNK_AT_FIRST
        };
        if self.junk > most {
            self.fail(Failure::NotRtsp);
        }
    }

    /// Skips what is neither a message nor a frame, up to where one may begin.
    fn skip(&mut self, rest: &[u8]) -> Option<usize> {
        let may_begin = |&at: &usize| match rest.get(at..) {
            Some([b'$', ..]) => true,
            Some(from) => message::begins(from) != Some(false),
            None => true,
        };
        let most = rest.len().min(JUNK_STEP);
        let skipped = (1..most).find(may_begin).unwrap_or(most);
        self.count_junk(skipped);
        Some(skipped)
    }

    /// Reads the message that `rest` begins with. `None`: not all of it is there.
    fn message(&mut self, rest: &[u8], now: Instant) -> Option<usize> {
        if let Some(body) = &mut self.body {
            if body.there != rest.len() {
                (body.there, body.since) = (rest.len(), now);
            }
            let incomplete = body.whole.is_none_or(|whole| rest.len() < whole);
            let goes_on = now < body.since + BODY_ENDS && !self.ended;
            if incomplete && goes_on && rest.len() <= MAX_BODY {
                return None;
            }
        }
        // No more is looked through, however much is there.
        let near = &rest[..rest.len().min(MAX_HEAD + 1)];
        let mut head_len = message::head_len(near);
        let mut quirks = Quirks::default();
        let cut_off = self.cut_off(&near[..head_len.unwrap_or(near.len())]);
        if cut_off.is_some() {
            head_len = cut_off;
            quirks.note(Quirk::HeaderLine, 1);
        }
        if head_len.unwrap_or(rest.len()) > MAX_HEAD {
            self.fail(Failure::TooLong("a message header"));
            return None;
        }
        let head_len = match head_len {
            Some(len) => len,
            None if self.ended => rest.len(),
            None => return None,
        };
        let (text, body) = rest.split_at(head_len);
        let Some(head) = Head::parse(text, &mut quirks) else {
            self.quirks.note(Quirk::StatusLine, 1);
            self.count_junk(head_len);
            return Some(head_len);
        };
        let len = match head.number("Content-Length") {
            // What follows is something else.
            _ if cut_off.is_some() => Some(0),
            Some(len) if len > MAX_BODY as u64 => {
                self.fail(Failure::TooLong("a message body"));
                return None;
            }
            len => len.map(|len| len as usize),
        };
        let described = matches!(head.start, Start::Response { code: 200..300, .. })
            && self
                .requests
                .oldest()
                .is_some_and(|request| request.step == Step::Describe);
        let whole = match len {
            Some(len) => body.len() >= len,
            None => !described,
        };
        if !whole {
            if body.len() > MAX_BODY {
                self.fail(Failure::TooLong("a message body"));
                return None;
            }
            let body = *self.body.get_or_insert(Awaited {
                there: rest.len(),
                since: now,
                whole: len.map(|len| head_len + len),
            });
            if now < body.since + BODY_ENDS && !self.ended {
                return None;
            }
            quirks.note(Quirk::ContentLength, 1);
        }
        self.body = None;
        let used = match (len, whole) {
            (Some(len), true) if described => len + self.behind(&body[len..]),
            (len, true) => len.unwrap_or(0),
            (_, false) if described => body.len().min(MAX_BODY),
            (_, false) => 0,
        };
        for (quirk, times) in quirks.iter() {
            self.quirks.note(quirk, times);
        }
        self.junk = 0;
        self.responded = true;
        let body = body[..used].to_vec();
        self.take(Message { head, body }, now);
        Some(head_len + used)
    }

    /// Where a head that lacks its empty line ends, because a frame of a known channel begins there, or another message.
    fn cut_off(&self, head: &[u8]) -> Option<usize> {
        let is_frame = |at: usize| match head.get(at..) {
            Some(&[b'$', channel, _, _, first, ..]) => {
                first >> 6 == 2 && self.channels.is_assigned(channel)
            }
            _ => false,
        };
        // A message has a header: some repeat their first line.
        let begins = |at: usize| {
            let line = &head[at..];
            line.first().is_some_and(u8::is_ascii_uppercase)
                && message::begins(line) == Some(true)
                && head[..at]
                    .splitn(2, |&byte| byte == b'\n')
                    .nth(1)
                    .is_some_and(|headers| headers.contains(&b':'))
        };
        let mut places = memchr::memchr3_iter(b'$', b'\r', b'\n', head);
        places.find_map(|at| match head[at] {
            // Within a line: a header has no control characters but tabs, and no version 2 behind them.
            b'$' => (is_frame(at) && head[at + 1].is_ascii_control()).then_some(at),
            _ => (is_frame(at + 1) || begins(at + 1)).then_some(at + 1),
        })
    }

    /// The length of lines of a description behind the length that was said.
    fn behind(&mut self, rest: &[u8]) -> usize {
        let mut len = 0;
        for line in rest.split_inclusive(|&byte| byte == b'\n') {
            // The first may be half of a line.
            let belongs = match line {
                [b'$', ..] => false,
                [b'a'..=b'z', b'=', ..] => true,
                _ => len == 0 && message::begins(line) == Some(false),
            };
            if !belongs || len + line.len() > MAX_BODY {
                break;
            }
            len += line.len();
        }
        if rest[..len].iter().all(u8::is_ascii_whitespace) {
            return 0;
        }
        if len > 0 {
            self.quirks.note(Quirk::ContentLength, 1);
        }
        len
    }
}
