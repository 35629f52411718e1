//! Assembles pictures from NAL units.
//!
//! The timestamp says which NAL units belong together. The marker bit says so earlier: with the last
//! packet of a picture instead of the first of the next. But there are cameras that set it on each
//! slice, and others that never do. So markers are believed once one has proven right, and no more
//! once one has proven wrong, up to a long row of right ones; meanwhile, a picture that seems to be
//! complete waits a little for the next packet. Where the timestamp stands still, the first slice of the
//! next picture tells the pictures apart. Two fields of H.264 with one timestamp, each with a marker
//! (RFC 6184 section 5.1), are one picture.

use std::time::{Duration, Instant};

use memchr::memmem;

use super::nal_kind::{NalCodec, NalKind};
use super::unit::{Building, MAX_UNIT, Piece};
use super::{Format, Unit};
use crate::media::h264;
use crate::media::nal::{AnnexB, START_CODE, append_nal};

/// NAL units in a picture, at most: slices that fit a packet each are some 1,700 in a keyframe of 2 MB.
const MAX_NALS: usize = 8192;
/// Bytes of the length in front of a NAL unit.
const LENGTH: usize = 4;
/// How long a picture waits for more after a marker that is not believed.
const AFTER_MARKER: Duration = Duration::from_millis(40);
/// How long a picture waits for more if its camera has never set a marker.
const WITHOUT_MARKER: Duration = Duration::from_millis(100);
/// The longer start code.
const LONG_START_CODE: &[u8] = &[0, 0, 0, 1];
/// See [`Pictures::patience`].
const MAX_PATIENCE: u32 = 16;
/// The first slices that are searched for start codes; after that, only if one had any.
const SEARCHED: u32 = 64;

/// See the module documentation.
#[derive(Debug)]
pub struct Pictures {
    codec: NalCodec,
    unit: Building,
    /// NAL units in it.
    nals: usize,
    /// There is a slice among them, and where the last one ends.
    slices_end: Option<usize>,
    slices: u32,
    /// Where the length of a fragmented NAL unit is whose end is still to come.
    open: Option<usize>,
    /// Fragments are dropped: their first is missing.
    skips_fragments: bool,
    /// The timestamp of the last picture that was completed.
    last: Option<i64>,
    /// Its slices, if it was completed because nothing followed its marker for a while.
    timed_out: u32,
    /// Packets are missing, and whether they were of this picture is not known yet.
    after_gap: bool,
    markers: Markers,
    /// See [`RIGHT_AGAIN`].
    right_again: u32,
    /// The last packet had a marker, and the picture waits for more.
    marked: bool,
    /// Whether fragments have the end bit; `None` before a fragmented NAL unit has ended.
    ends: Option<bool>,
    /// Pictures may be fields: the SPS.
    interlaced: Option<h264::Sps>,
    /// Fields that have begun in the picture.
    fields: u32,
    search: Search,
    /// Times the usual wait: it was too short for this camera.
    patience: u32,
    /// Markers that proved wrong, and NAL units with start codes in them.
    pub wrong_markers: u32,
    pub start_codes: u32,
}

/// What a packet begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opening {
    Nal(NalKind),
    /// A fragment of a NAL unit other than the first.
    Fragment,
}

/// What is known about the marker bits of a camera.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Markers {
    Unknown {
        seen: bool,
    },
    Right,
    /// `slices`: a slice had one that was not the last. So many pictures in a row were right since, and so
    /// many are `needed`.
    Wrong {
        slices: bool,
        right: u32,
        needed: u32,
    },
}

/// Pictures with right markers after which they are believed again; twice as many each time.
const RIGHT_AGAIN: u32 = 32;

/// Whether NAL units contain start codes, which RTP has no use for.
#[derive(Clone, Copy, Debug)]
enum Search {
    /// Not seen, and so many slices are left to be searched.
    Slices(u32),
    Found,
}

impl Pictures {
    pub fn new(format: &Format, codec: NalCodec) -> Self {
        Pictures {
            codec,
            unit: Building::default(),
            nals: 0,
            slices_end: None,
            slices: 0,
            open: None,
            skips_fragments: true,
            last: None,
            timed_out: 0,
            after_gap: false,
            markers: match format.pushed {
                // A first picture would wait for a packet that the host pushes later, or never.
                true => Markers::Right,
                false => Markers::Unknown { seen: false },
            },
            right_again: RIGHT_AGAIN,
            marked: false,
            ends: None,
            interlaced: format.interlaced,
            fields: 0,
            search: Search::Slices(SEARCHED),
            patience: 1,
            wrong_markers: 0,
            start_codes: 0,
        }
    }

    pub fn codec(&self) -> NalCodec {
        self.codec
    }

    /// The next packet begins.
    pub fn begin(
        &mut self,
        piece: &Piece<'_>,
        opening: Opening,
        out: &mut impl FnMut(Unit) -> Vec<u8>,
    ) {
        let lost = piece.before.lost;
        let first = self.last.is_none() && self.nals == 0;
        if piece.before.restarts {
            self.unit.restart();
            self.forget();
        }
        if lost > 0 {
            self.drop_open();
        }
        self.skips_fragments |= lost > 0 || piece.before.restarts || first;
        // Some give packets of one picture different timestamps.
        let continues = lost == 0
            && !self.marked
            && match opening {
                Opening::Fragment => self.open.is_some(),
                Opening::Nal(kind) => {
                    self.slices_end.is_some() && kind == NalKind::Slice { first: false }
                }
            };
        if piece.timestamp == self.unit.timestamp || continues {
            self.note_lost(lost);
        } else {
            self.begin_timestamp(lost, out);
            self.unit.timestamp = piece.timestamp;
        }
        self.unit.arrived(piece.arrival);
    }

    /// The timestamp changes, after `lost` packets.
    fn begin_timestamp(&mut self, lost: u32, out: &mut impl FnMut(Unit) -> Vec<u8>) {
        if lost == 0 {
            self.close();
        }
        if self.slices_end.is_none() {
            // All of a picture is missing, and nothing of the next.
            self.unit.damaged = false;
            self.after_gap = false;
            self.note_lost(lost);
        } else if lost == 0 {
            if self.marked {
                self.confirmed(self.slices);
            }
            self.complete(out);
            self.after_gap = false;
        } else {
            // Nobody knows how many were of the one picture and how many of the next; unless it was the
            // one packet with the marker.
            self.unit.lost = self.unit.lost.saturating_add(lost);
            self.unit.damaged = true;
            self.complete(out);
            self.after_gap = lost > 1 || self.markers != Markers::Right;
        }
        let timed_out = std::mem::take(&mut self.timed_out);
        if lost == 0 && timed_out > 0 {
            self.confirmed(timed_out);
        }
    }

    fn note_lost(&mut self, lost: u32) {
        self.unit.lost = self.unit.lost.saturating_add(lost);
        self.after_gap |= lost > 0;
    }

    /// A whole NAL unit.
    pub fn nal(&mut self, nal: &[u8], out: &mut impl FnMut(Unit) -> Vec<u8>) {
        if nal.len() <= self.codec.header() {
            return;
        }
        self.close();
        self.starts(self.codec.kind(nal), out);
        self.skips_fragments = false;
        if self.has_room(nal.len()) {
            let at = self.unit.data.len();
            append_nal(&mut self.unit.data, nal);
            self.appended(at);
        }
    }

    /// A fragment of a NAL unit with this header.
    pub fn fragment(
        &mut self,
        (mut first, last): (bool, bool),
        header: &[u8],
        body: &[u8],
        out: &mut impl FnMut(Unit) -> Vec<u8>,
    ) {
        // Some never set the start bit, and some set it in each fragment.
        first = match self.open {
            Some(_) => first && self.ends == Some(false),
            None => first || !self.skips_fragments,
        };
        if first {
            self.close();
            let mut start = [0; 3];
            let len = header.len();
            if let Some(place) = start.get_mut(..len) {
                place.copy_from_slice(header);
            }
            let (Some(&byte), Some(place)) = (body.first(), start.get_mut(len)) else {
                return;
            };
            *place = byte;
            let kind = self.codec.kind(start.get(..=len).unwrap_or_default());
            self.starts(kind, out);
            self.skips_fragments = false;
            if self.has_room(LENGTH + header.len()) {
                self.open = Some(self.unit.data.len());
                append_nal(&mut self.unit.data, header);
            }
        }
        if self.open.is_none() || !self.has_room(body.len()) {
            self.drop_open();
            self.unit.damaged |= self.after_gap;
            self.skips_fragments = true;
            return;
        }
        self.unit.data.extend_from_slice(body);
        if last {
            self.ends = Some(true);
            self.close();
        }
    }

    /// The packet ends.
    pub fn end(&mut self, marker: bool, out: &mut impl FnMut(Unit) -> Vec<u8>) {
        self.marked = false;
        if !marker {
            return;
        }
        if let Markers::Unknown { seen } = &mut self.markers {
            *seen = true;
        }
        if self.open.is_some() {
            match self.ends {
                // It cannot be the end of the picture.
                Some(true) => return self.contradicted(),
                // The end bit is never set.
                Some(false) => self.close(),
                None => return,
            }
        }
        match self.markers {
            // Parameter sets and the like are no picture, and one field is half of one.
            _ if self.slices_end.is_none() || self.is_half() => {}
            Markers::Right => self.complete(out),
            _ => self.marked = true,
        }
    }

    /// When the picture has waited long enough for more.
    pub fn deadline(&self) -> Option<Instant> {
        if self.slices_end.is_none() || self.open.is_some() {
            return None;
        }
        let wait = match self.markers {
            _ if self.marked => AFTER_MARKER,
            Markers::Unknown { seen: false } | Markers::Wrong { .. } => WITHOUT_MARKER,
            _ => return None,
        };
        Some(self.unit.arrival? + wait * self.patience)
    }

    /// Completes a picture that has waited long enough.
    pub fn handle_timeout(&mut self, now: Instant, out: &mut impl FnMut(Unit) -> Vec<u8>) {
        if self.deadline().is_some_and(|at| at <= now) {
            let slices = if self.marked { self.slices } else { 0 };
            self.complete(out);
            self.timed_out = slices;
        }
    }

    /// A NAL unit of this kind follows.
    fn starts(&mut self, kind: NalKind, out: &mut impl FnMut(Unit) -> Vec<u8>) {
        let another = kind == NalKind::Slice { first: true } && !self.is_half();
        if std::mem::take(&mut self.after_gap) {
            let in_front = self.slices_end.is_none();
            let clean = match kind {
                NalKind::Slice { first } => first && (in_front || another),
                NalKind::Opening => in_front,
                NalKind::Other => false,
            };
            // Of the next picture it is missing nothing, if this is one.
            self.unit.damaged |= !clean || !in_front;
        }
        let continues = matches!(kind, NalKind::Slice { .. }) && !another;
        if self.slices_end.is_some() && another {
            if self.marked {
                self.confirmed(self.slices);
            }
            self.complete_before_opening(out);
        } else if self.marked && continues {
            self.contradicted();
        } else if continues && self.nals == 0 && self.last == Some(self.unit.timestamp) {
            // The rest of a picture that was taken for complete.
            self.patience = (self.patience * 2).min(MAX_PATIENCE);
            self.contradicted();
            self.unit.damaged = true;
        }
    }

    /// The picture is the first of two fields.
    fn is_half(&self) -> bool {
        self.fields == 1
    }

    /// The last marker was right, in a picture of so many slices.
    fn confirmed(&mut self, slices_there: u32) {
        match &mut self.markers {
            Markers::Unknown { .. } => self.markers = Markers::Right,
            // One of a single slice says nothing about a camera that marks each slice.
            Markers::Wrong { slices, right, .. } if slices_there > 1 || !*slices => *right += 1,
            _ => {}
        }
        if let Markers::Wrong { right, needed, .. } = self.markers
            && right >= needed
        {
            self.markers = Markers::Right;
        }
    }

    /// The last marker was wrong.
    fn contradicted(&mut self) {
        self.marked = false;
        let before = self.markers;
        self.markers = Markers::Wrong {
            slices: self.open.is_none() || matches!(before, Markers::Wrong { slices: true, .. }),
            right: 0,
            needed: self.right_again,
        };
        if before == Markers::Right {
            self.right_again = self.right_again.saturating_mul(2);
        }
        self.wrong_markers = self.wrong_markers.saturating_add(1);
    }

    /// Whether so much more fits. What does not fit is dropped with all that is there: whatever would
    /// complete it never comes.
    fn has_room(&mut self, bytes: usize) -> bool {
        let fits = self.nals < MAX_NALS && self.unit.data.len() + bytes <= MAX_UNIT;
        if !fits {
            self.unit.data.clear();
            self.forget();
            self.unit.damaged = true;
        }
        fits
    }

    /// A fragmented NAL unit is complete.
    fn close(&mut self) {
        let Some(at) = self.open.take() else { return };
        self.ends.get_or_insert(false);
        let data = &mut self.unit.data;
        let length = data.len().saturating_sub(at + LENGTH);
        if let Some(field) = data.get_mut(at..at + LENGTH) {
            field.copy_from_slice(&(length as u32).to_be_bytes());
        }
        self.appended(at);
    }

    /// Drops a NAL unit that will not be complete.
    fn drop_open(&mut self) {
        if let Some(at) = self.open.take() {
            self.unit.data.truncate(at);
            self.unit.damaged = true;
        }
    }

    /// Looks at a NAL unit that was appended; its length is at `at`.
    fn appended(&mut self, at: usize) {
        self.trim(at);
        // `forbidden_zero_bit`: some set it on everything. Whether it is damaged, decoders find out.
        if let Some(header) = self.unit.data.get_mut(at + LENGTH) {
            *header &= 0x7f;
        }
        let nal = self.unit.data.get(at + LENGTH..).unwrap_or_default();
        let kind = self.codec.kind(nal);
        let is_slice = matches!(kind, NalKind::Slice { .. });
        let joined = match &mut self.search {
            Search::Found => memmem::find(nal, START_CODE).is_some(),
            Search::Slices(left) if is_slice => {
                *left = left.saturating_sub(1);
                *left > 0 && memmem::find(nal, START_CODE).is_some()
            }
            // Some put bytes into SEI that look like the shorter one.
            Search::Slices(_) => memmem::find(nal, LONG_START_CODE).is_some(),
        };
        if joined {
            self.search = Search::Found;
            self.start_codes = self.start_codes.saturating_add(1);
            return self.split(at);
        }
        self.nals += 1;
        self.look(kind, at);
    }

    /// NAL units do not end in zeros: those are of a byte stream.
    fn trim(&mut self, at: usize) {
        let data = &mut self.unit.data;
        if data.last() != Some(&0) {
            return;
        }
        let end = data.iter().rposition(|&byte| byte != 0).unwrap_or(0) + 1;
        data.truncate(end.max(at + LENGTH));
        let length = data.len() - at - LENGTH;
        if let Some(field) = data.get_mut(at..at + LENGTH) {
            field.copy_from_slice(&(length as u32).to_be_bytes());
        }
    }

    fn look(&mut self, kind: NalKind, at: usize) {
        let data = &self.unit.data;
        let nal = data.get(at + LENGTH..).unwrap_or_default();
        if let NalKind::Slice { first } = kind {
            let slice = self.interlaced.filter(|_| first);
            let slice = slice.and_then(|sps| h264::Slice::read(nal, &sps));
            self.fields += u32::from(slice.is_some_and(|slice| slice.field));
            self.slices_end = Some(data.len());
            self.slices += 1;
        } else if self.codec == NalCodec::H264
            && let Some(sps) = h264::Sps::read(nal)
        {
            self.interlaced = Some(sps).filter(|sps| !sps.frames_only);
        }
    }

    /// Several NAL units with start codes between them came as one.
    fn split(&mut self, at: usize) {
        let joined = self.unit.data.split_off(at);
        let joined = joined.get(LENGTH..).unwrap_or_default();
        let first = memmem::find(joined, START_CODE).unwrap_or_default();
        let head = joined.get(..first).unwrap_or_default();
        let zeros = head.iter().rev().take_while(|&&byte| byte == 0).count();
        let head = head.get(..first - zeros).unwrap_or_default();
        for nal in std::iter::once(head).chain(AnnexB::new(joined)) {
            if nal.len() > self.codec.header() && self.nals < MAX_NALS {
                let at = self.unit.data.len();
                append_nal(&mut self.unit.data, nal);
                self.nals += 1;
                self.look(self.codec.kind(nal), at);
            }
        }
    }

    /// Completes the picture whose slices are there. Without any there is nothing to show yet:
    /// parameter sets stay for the next picture, whatever its timestamp.
    fn complete(&mut self, out: &mut impl FnMut(Unit) -> Vec<u8>) {
        if self.slices_end.is_some() {
            self.last = Some(self.unit.timestamp);
            self.timed_out = 0;
            self.unit.complete(out);
            self.forget();
        }
    }

    /// The same where the next picture begins without another timestamp: what came behind the last
    /// slice belongs to it.
    fn complete_before_opening(&mut self, out: &mut impl FnMut(Unit) -> Vec<u8>) {
        let at = self.slices_end.unwrap_or(self.unit.data.len());
        let opening = self.unit.data.split_off(at);
        self.complete(out);
        self.nals = usize::from(!opening.is_empty());
        self.unit.data.extend_from_slice(&opening);
    }

    fn forget(&mut self) {
        self.nals = 0;
        self.slices_end = None;
        self.slices = 0;
        self.fields = 0;
        self.open = None;
        self.marked = false;
    }
}
