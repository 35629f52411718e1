//! RTCP: what we tell viewers, what they tell us.

use std::time::{Duration, SystemTime};

/// Canonical name of our streams (RFC 3550 section 6.5.1).
pub const CNAME: &str = "gateway";

/// What a viewer reports on a stream of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feedback {
    /// One report block (RFC 3550 section 6.4.1).
    Report {
        /// Stream reported on.
        ssrc: u32,
        /// Loss since the last report, in 1/256.
        fraction_lost: u8,
        /// Interarrival jitter, in units of the clock rate.
        jitter: u32,
        /// Middle 32 bits of the NTP time in the last sender report received, 0 if none.
        last_sr: u32,
        /// Delay since then, in 1/65536 s.
        delay: u32,
    },
    /// Lost packets (RFC 4585 section 6.2.1): `pid`, and those of the 16 after it whose bit is set.
    Nack {
        /// Stream asked for.
        ssrc: u32,
        /// Sequence number.
        pid: u16,
        /// The 16 after it.
        blp: u16,
    },
    /// A picture cannot be decoded: picture loss indication or full intra request.
    KeyframeRequest {
        /// Stream asked for.
        ssrc: u32,
    },
}

/// Calls `each` for every item of feedback in a decrypted compound packet. Unknown and broken
/// packets are passed over.
pub fn parse_feedback(compound: &[u8], each: impl FnMut(Feedback)) {
    let _ = (compound, each);
    todo!()
}

/// What a sender report says of one stream (RFC 3550 section 6.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SenderReport {
    /// The stream.
    pub ssrc: u32,
    /// Wall clock now.
    pub wall: SystemTime,
    /// RTP timestamp that corresponds to `wall`.
    pub rtp_timestamp: u32,
    /// Packets sent so far.
    pub packets: u32,
    /// Payload bytes sent so far.
    pub octets: u32,
}

/// A compound packet: the sender report and an SDES with `cname`.
pub fn sender_report(report: &SenderReport, cname: &str) -> Vec<u8> {
    let _ = (report, cname);
    todo!()
}

/// A compound packet that ends streams: an empty receiver report, then BYE.
pub fn bye(ssrcs: &[u32]) -> Vec<u8> {
    let _ = ssrcs;
    todo!()
}

/// Middle 32 bits of the NTP time of `wall`: how a sender report is named in `last_sr`.
pub fn ntp_middle(wall: SystemTime) -> u32 {
    let _ = wall;
    todo!()
}

/// Round trip by a report block that arrived at `wall`; `None` if it names no sender report.
pub fn round_trip(last_sr: u32, delay: u32, wall: SystemTime) -> Option<Duration> {
    let _ = (last_sr, delay, wall);
    todo!()
}
