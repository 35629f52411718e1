//! How a camera will play in browsers, and what to change in it.

use rtsp_webrtc_gateway::Codec;
use rtsp_webrtc_gateway::error::Status;
use rtsp_webrtc_gateway::state::WarningKind;

use super::look::{Findings, Video};
use super::parameters::profile;

/// Keyframes farther apart make viewers wait for a whole picture after losses, and memory large.
const KEYFRAME_SECONDS: f64 = 5.0;
/// A clock that is off by more makes recordings hard to find.
const CLOCK_MS: i64 = 2000;
/// Many lines of viewers carry no more.
const HIGH_BITRATE: u64 = 8_000_000;

/// How it plays: the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Plays {
    Well = 0,
    WithLimits = 1,
    Not = 2,
    Unreachable = 3,
}

impl Plays {
    /// For programs.
    pub const fn name(self) -> &'static str {
        match self {
            Plays::Well => "plays",
            Plays::WithLimits => "plays_with_limits",
            Plays::Not => "does_not_play",
            Plays::Unreachable => "unreachable",
        }
    }

    /// For people.
    pub const fn sentence(self) -> &'static str {
        match self {
            Plays::Well => "It plays in every browser.",
            Plays::WithLimits => "It plays, with limits.",
            Plays::Not => "It does not play.",
            Plays::Unreachable => "It cannot be connected to.",
        }
    }
}

/// See the module documentation.
#[derive(Debug)]
pub struct Verdict {
    pub plays: Plays,
    /// Why it plays no better: sentences with what to do.
    pub limits: Vec<String>,
    /// What else is worth a change in the camera.
    pub advice: Vec<String>,
}

impl Verdict {
    fn limit(&mut self, plays: Plays, text: impl Into<String>) {
        self.plays = self.plays.max(plays);
        self.limits.push(text.into());
    }
}

/// The verdict on what was found.
pub fn of(findings: &Findings) -> Verdict {
    let mut verdict = Verdict {
        plays: Plays::Well,
        limits: Vec::new(),
        advice: Vec::new(),
    };
    if let Some((status, message)) = &findings.failure {
        let plays = match status {
            // It is there, but what it sends is of no use.
            Status::Camera | Status::Codec | Status::Stalled | Status::Unsupported => Plays::Not,
            _ => Plays::Unreachable,
        };
        verdict.limit(plays, message.clone());
    }
    if let Some(video) = &findings.video {
        of_video(video, &mut verdict);
    }
    for warning in &findings.warnings {
        let is_fatal = matches!(
            warning.kind,
            WarningKind::NoKeyframe | WarningKind::NoParameterSets
        );
        // What came nevertheless, viewers are sent as well.
        let plays = match is_fatal && findings.video.is_none() {
            true => Plays::Not,
            false => Plays::WithLimits,
        };
        verdict.limit(plays, warning.message.clone());
    }
    of_sound(findings, &mut verdict);
    of_network(findings, &mut verdict);
    verdict
}

fn of_video(video: &Video, verdict: &mut Verdict) {
    if video.format.codec == Some(Codec::H265) {
        verdict.limit(
            Plays::WithLimits,
            "H.265 plays only in browsers whose hardware decodes it. Set the camera to H.264, or add its H.264 \
             substream as a variant.",
        );
    }
    if let Some(profile) = profile(&video.format).filter(|profile| !profile.plays) {
        let name = profile.name;
        verdict.limit(
            Plays::Not,
            format!("Browsers do not decode the profile {name}. Set the camera to Main or High."),
        );
    }
    let seconds = video.keyframe_seconds;
    if seconds.unwrap_or(video.watched.as_secs_f64()) > KEYFRAME_SECONDS {
        let apart = match seconds {
            Some(seconds) => format!("{seconds:.1} s"),
            None => format!("more than {} s", video.watched.as_secs()),
        };
        verdict.advice.push(format!(
            "Keyframes are {apart} apart: what a viewer misses stays missing that long. Set the I-frame interval \
             (GOP) to 1 or 2 s, and turn off \"smart\" codecs."
        ));
    }
    if video.bitrate_bps > HIGH_BITRATE {
        verdict.advice.push(format!(
            "{} Mbit/s is more than many viewers' lines carry. Add the camera's substream as a variant.",
            video.bitrate_bps / 1_000_000
        ));
    }
}

fn of_sound(findings: &Findings, verdict: &mut Verdict) {
    let Some(audio) = &findings.audio else {
        return;
    };
    let warned = findings
        .warnings
        .iter()
        .any(|one| one.kind == WarningKind::Audio);
    let encoding = audio.format.encoding;
    match audio.plays_as {
        None if !warned => verdict.limit(
            Plays::WithLimits,
            format!("Its sound, {encoding}, is not played. Set it to Opus, G.711 or AAC."),
        ),
        Some("opus") if encoding != "OPUS" => verdict.advice.push(format!(
            "Its sound, {encoding}, becomes Opus, which takes CPU time. Opus or G.711 in the camera takes none."
        )),
        _ => {}
    }
}

fn of_network(findings: &Findings, verdict: &mut Verdict) {
    if findings.failure.is_some() {
        return;
    }
    if findings.packets_lost > 0 {
        verdict.advice.push(format!(
            "{} packets were lost on the way from the camera. Look at its network, or let it send over TCP.",
            findings.packets_lost
        ));
    }
    if !findings.has_capture_time {
        verdict.advice.push(
            "It sends no sender reports (RTCP), so nobody knows when a frame was captured, and sound and picture \
             are aligned by their arrival. Turn on RTCP."
                .to_owned(),
        );
    }
    if let Some(ahead) = findings
        .clock_ahead_ms
        .filter(|ahead| ahead.abs() > CLOCK_MS)
    {
        let seconds = ahead.unsigned_abs() / 1000;
        let direction = if ahead > 0 { "ahead" } else { "behind" };
        verdict.advice.push(format!(
            "Its clock is {seconds} s {direction} of this machine's. Set both by NTP."
        ));
    }
    if findings.is_open == Some(true) {
        verdict
            .advice
            .push("It lets anybody in, without a password. Set one.".to_owned());
    }
    let works = |name: &str| {
        findings
            .transports
            .iter()
            .any(|(known, why)| *known == name && why.is_none())
    };
    if !findings.transports.is_empty() && !works("tcp") && works("udp") {
        verdict.advice.push(
            "It sends over UDP only, which loses packets where the network is busy. Allow RTP over RTSP (TCP)."
                .to_owned(),
        );
    }
}
