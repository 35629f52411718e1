//! Tracks of any codec: RTP payloads that are ready to be sent, over and over.

use std::sync::Arc;

/// What a track sends, in slots of equal length: one frame or one audio packet each.
#[derive(Clone)]
pub struct Recording {
    pub(super) media: &'static str,
    pub(super) payload_type: u8,
    /// Its lines of the session description behind the `m=` line.
    pub(super) attributes: String,
    pub(super) clock_rate: u32,
    /// The length of a slot in ticks of the clock.
    pub(super) ticks: u32,
    pub(super) slots: Arc<[Payloads]>,
}

/// The payloads of one slot. The last one has the marker if it is video.
#[derive(Clone)]
pub struct Payloads {
    /// How much later than the slot its RTP timestamp is: frames that are displayed in another order than they are sent.
    pub later: u32,
    pub payloads: Vec<Vec<u8>>,
}

impl Recording {
    /// Video at a clock of 90 kHz. `encoding` is that of the rtpmap, `fmtp` may be empty.
    pub fn video(encoding: &str, fmtp: &str, frame_rate: u32, slots: Vec<Payloads>) -> Recording {
        Recording::new(
            "video",
            96,
            encoding,
            90_000,
            fmtp,
            90_000 / frame_rate,
            slots,
        )
    }

    /// Audio. `encoding` is that of the rtpmap with everything behind the name: "L16/16000/1".
    pub fn audio(
        payload_type: u8,
        encoding: &str,
        fmtp: &str,
        ticks: u32,
        payloads: impl IntoIterator<Item = Vec<u8>>,
    ) -> Recording {
        let (name, rate) = encoding.split_once('/').expect("a clock rate");
        let (clock_rate, channels) = rate.split_once('/').unwrap_or((rate, ""));
        let clock_rate = clock_rate.parse().expect("a clock rate");
        let slots = payloads.into_iter().map(|payload| Payloads {
            later: 0,
            payloads: vec![payload],
        });
        let slots = slots.collect();
        let mut recording =
            Recording::new("audio", payload_type, name, clock_rate, fmtp, ticks, slots);
        if !channels.is_empty() {
            let rate = format!("/{clock_rate}\r\n");
            let with_channels = format!("/{clock_rate}/{channels}\r\n");
            recording.attributes = recording.attributes.replacen(&rate, &with_channels, 1);
        }
        recording
    }

    fn new(
        media: &'static str,
        payload_type: u8,
        encoding: &str,
        clock_rate: u32,
        fmtp: &str,
        ticks: u32,
        slots: Vec<Payloads>,
    ) -> Recording {
        let mut attributes = format!("a=rtpmap:{payload_type} {encoding}/{clock_rate}\r\n");
        if !fmtp.is_empty() {
            attributes += &format!("a=fmtp:{payload_type} {fmtp}\r\n");
        }
        Recording {
            media,
            payload_type,
            attributes,
            clock_rate,
            ticks,
            slots: slots.into(),
        }
    }

    /// How many slots it has.
    pub fn frames(&self) -> usize {
        self.slots.len()
    }

    /// What it sends in one of them.
    pub fn payloads(&self, slot: usize) -> &[Vec<u8>] {
        &self.slots[slot].payloads
    }
}
