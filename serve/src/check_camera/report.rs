//! What was found, in words and as JSON.

use std::fmt::Write;

use serde_json::{Value, json};

use super::Camera;
use super::look::{Audio, Findings, Video};
use super::parameters::profile;
use super::verdict::Verdict;

/// Names and meanings of quirks.
const QUIRKS: &str = include_str!("../../../docs/quirks.md");

/// For people.
pub fn text(camera: &Camera, findings: &Findings, verdict: &Verdict) -> String {
    let mut out = String::new();
    let mut row = |what: &str, text: String| {
        let _ = writeln!(out, "{what:<16}{text}");
    };
    row("camera", camera.shown.clone());
    if let Some(description) = &findings.description {
        row("offers", description.clone());
    }
    if let Some(video) = &findings.video {
        row("video", video_in_words(video));
        row("keyframes", keyframes_in_words(video));
        row(
            "B-frames",
            if video.b_frames { "yes" } else { "no" }.to_owned(),
        );
    }
    if findings.video.is_some() {
        row("sound", sound_in_words(findings.audio.as_ref()));
        row("clock", clock_in_words(findings));
        row("lost", format!("{} packets", findings.packets_lost));
    }
    for (name, why) in &findings.transports {
        let text = why
            .as_deref()
            .map_or_else(|| "works".to_owned(), |why| format!("no: {why}"));
        row(&format!("over {name}"), text);
    }
    match findings.is_open {
        Some(true) => row("password", "lets anybody in".to_owned()),
        Some(false) => row("password", "asked for".to_owned()),
        None => {}
    }
    for (name, times) in &findings.quirks {
        row("quirk", format!("{name}, {times} times: {}", meaning(name)));
    }
    let _ = writeln!(out, "\n{}", verdict.plays.sentence());
    for limit in &verdict.limits {
        let _ = writeln!(out, "- {limit}");
    }
    if !verdict.advice.is_empty() {
        let _ = writeln!(out, "\nWorth a change:");
    }
    for advice in &verdict.advice {
        let _ = writeln!(out, "- {advice}");
    }
    out
}

fn video_in_words(video: &Video) -> String {
    let format = &video.format;
    let mut text = format.encoding.to_owned();
    if let Some(profile) = profile(format) {
        let _ = write!(text, " {}", profile.name);
    }
    let _ = write!(
        text,
        ", {}x{}, {:.1} frames/s, {} kbit/s",
        format.width,
        format.height,
        video.fps,
        video.bitrate_bps / 1000
    );
    text
}

fn keyframes_in_words(video: &Video) -> String {
    match video.keyframe_seconds {
        Some(seconds) => format!("every {seconds:.1} s"),
        None => format!("one in {} s", video.watched.as_secs()),
    }
}

fn sound_in_words(audio: Option<&Audio>) -> String {
    let Some(audio) = audio else {
        return "none".to_owned();
    };
    let format = &audio.format;
    let mut text = format!("{}, {} Hz", format.encoding, format.sample_rate);
    if format.channels > 0 {
        let _ = write!(text, ", {} channels", format.channels);
    }
    let plays = audio.plays_as.map_or("not played".to_owned(), |codec| {
        format!("played as {}", codec.to_uppercase())
    });
    format!("{text}; {plays}")
}

fn clock_in_words(findings: &Findings) -> String {
    match findings.clock_ahead_ms {
        None => "unknown: no sender reports".to_owned(),
        Some(ahead) => format!(
            "sender reports; {:.1} s {} this machine's",
            ahead.unsigned_abs() as f64 / 1000.0,
            if ahead > 0 { "ahead of" } else { "behind" }
        ),
    }
}

/// What a quirk is, as docs/quirks.md has it.
fn meaning(name: &str) -> &'static str {
    let row = QUIRKS.lines().find_map(|line| {
        let rest = line.strip_prefix("| `")?.strip_prefix(name)?;
        rest.strip_prefix("` | ")?.strip_suffix(" |")
    });
    row.unwrap_or("see docs/quirks.md")
}

/// For programs. Members are only ever added.
pub fn json(camera: &Camera, findings: &Findings, verdict: &Verdict) -> Value {
    let failure = findings.failure.as_ref();
    json!({
        "camera": camera.shown,
        "verdict": verdict.plays.name(),
        "limits": verdict.limits,
        "advice": verdict.advice,
        "failure": failure.map(|(status, message)| json!({
            "status": format!("{status:?}"),
            "message": message,
        })),
        "description": findings.description,
        "video": findings.video.as_ref().map(|video| json!({
            "encoding": video.format.encoding,
            "profile": profile(&video.format).map(|profile| profile.name),
            "width": video.format.width,
            "height": video.format.height,
            "fps": video.fps,
            "bitrate_bps": video.bitrate_bps,
            "keyframe_seconds": video.keyframe_seconds,
            "b_frames": video.b_frames,
            "watched_ms": video.watched.as_millis() as u64,
        })),
        "audio": findings.audio.as_ref().map(|audio| json!({
            "encoding": audio.format.encoding,
            "sample_rate": audio.format.sample_rate,
            "channels": audio.format.channels,
            "plays_as": audio.plays_as,
        })),
        "sender_reports": findings.has_capture_time,
        "clock_ahead_ms": findings.clock_ahead_ms,
        "packets_lost": findings.packets_lost,
        "asks_for_password": findings.is_open.map(|open| !open),
        "transports": findings.transports.iter().map(|(name, why)| json!({
            "name": name,
            "works": why.is_none(),
            "message": why,
        })).collect::<Vec<_>>(),
        "warnings": findings.warnings.iter().map(|warning| json!({
            "kind": warning.kind.name(),
            "message": warning.message,
        })).collect::<Vec<_>>(),
        "quirks": findings.quirks.iter().map(|(name, times)| json!({
            "name": name,
            "times": times,
            "meaning": meaning(name),
        })).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::meaning;

    #[test]
    fn quirks_have_the_meaning_that_the_docs_give_them() {
        assert!(meaning("cseq").starts_with("A response has no CSeq"));
        assert_eq!(meaning("no such quirk"), "see docs/quirks.md");
    }
}
