//! What the host, the metrics and the log are told of a stream.

use std::time::{Duration, Instant};

use super::Stream;
use crate::error::{Error, Status};
use crate::state::{StreamId, StreamInfo};
use crate::stats::{QualityCounts, StreamSnapshot};

/// A stream without a video frame for this long has no bit rate.
const SILENT: Duration = Duration::from_secs(4);

impl Stream {
    /// Codecs and size, for the log.
    pub fn describe_media(&self) -> String {
        let tracks = self.video.iter().chain(self.sound());
        let codecs: Vec<&str> = tracks.map(|t| t.info().codec.encoding_name()).collect();
        let codecs = codecs.join(", ");
        match self.dimensions {
            (0, 0) => codecs,
            (width, height) => format!("{width}x{height}, {codecs}"),
        }
    }

    /// The current state for metrics; `totals` without the stream's current viewers, and the sessions are not counted.
    pub fn snapshot(&self, id: StreamId, now: Instant) -> StreamSnapshot {
        let tracks = [&self.video, &self.audio].into_iter().flatten();
        StreamSnapshot {
            id,
            pushed: self.pushed,
            info: self.info(now),
            totals: self.gone,
            shown: QualityCounts::default(),
            sinks: Vec::new(),
            outputs: Vec::new(),
            output_failures: 0,
            sink_frames_dropped: 0,
            given_up: self.counters.given_up,
            memory: tracks.map(|track| track.ring().memory()).sum(),
            costs: self.costs,
            latency: self.latency.figures(now),
        }
    }

    /// The stream at this moment, without the number of its sessions.
    pub fn info(&self, now: Instant) -> StreamInfo {
        let counters = &self.counters;
        StreamInfo {
            identity: self.identity.clone(),
            variants: self.variants.clone(),
            state: self.state,
            status: self.error.as_ref().map_or(Status::Ok, Error::status),
            message: self
                .error
                .as_ref()
                .map_or(String::new(), |e| e.message().to_owned()),
            warning: self.warning().cloned(),
            video_codec: self.video.as_ref().map(|track| track.info().codec),
            audio_codec: self.sound().map(|track| track.info().codec),
            width: self.dimensions.0,
            height: self.dimensions.1,
            sessions: 0,
            reconnects: counters.reconnects,
            bytes: counters.bytes,
            packets_lost: counters.lost,
            frames: counters.frames,
            keyframes: counters.keyframes,
            frames_dropped: counters.dropped,
            keyframe_requests: counters.keyframe_requests,
            quirks: self
                .quirks
                .iter()
                .map(|(quirk, times)| (quirk.name(), times))
                .collect(),
            bitrate_bps: match counters.last_media {
                Some(at) if now.saturating_duration_since(at) < SILENT => self.rate.bitrate(),
                _ => 0,
            },
            since_last_media: counters
                .last_media
                .map(|at| now.saturating_duration_since(at)),
        }
    }
}
