//! Decodes AAC, however it comes.

use syom::DecodeOptions;

use super::bits::Bits;
use super::config::{Config, RATES};
use super::encoding::Aac;
use super::latm::Mux;
use super::transcoder::{Bad, Sound};

/// The largest access unit: 6,144 bits for each of 8 channels (ISO/IEC 14496-3 section 4.5.3.1).
const MAX_UNIT: usize = 6144;

/// One stream of AAC.
pub struct Decoder {
    inner: syom::Decoder,
    /// The AudioSpecificConfig that `inner` has; empty before the first.
    config: Vec<u8>,
    mux: Option<Mux>,
    /// Whether the StreamMuxConfig comes in band; `None`: not unless it is seen there.
    in_band: Option<bool>,
    is_latm: bool,
    /// An access unit of LATM, moved to whole bytes.
    unit: Vec<u8>,
}

impl Decoder {
    /// Fails for kinds of AAC that are not supported.
    pub fn new(aac: &Aac) -> Result<Decoder, Bad> {
        let mut decoder = Decoder {
            inner: syom::Decoder::new(DecodeOptions::unbounded()),
            config: Vec::new(),
            mux: None,
            in_band: Some(false),
            is_latm: false,
            unit: Vec::new(),
        };
        match aac {
            Aac::Generic { config, .. } => decoder.configure(config)?,
            Aac::Latm { config, in_band } => {
                decoder.is_latm = true;
                decoder.in_band = Some(true);
                if let Some(config) = config {
                    // Some say that it is in band, too, and send none.
                    decoder.in_band = in_band.filter(|in_band| !in_band);
                    let mux = Mux::of_description(config).ok_or(Bad)?;
                    decoder.configure(&mux.config)?;
                    decoder.mux = Some(mux);
                }
            }
        }
        Ok(decoder)
    }

    /// Forgets the past.
    pub fn reset(&mut self) {
        self.inner.reset();
        let _ = self.inner.set_asc(&self.config);
    }

    fn configure(&mut self, config: &[u8]) -> Result<(), Bad> {
        if self.config == config {
            return Ok(());
        }
        self.inner.reset();
        self.inner.set_asc(config).map_err(|_| Bad)?;
        self.config.clear();
        self.config.extend_from_slice(config);
        Ok(())
    }

    /// Decodes a unit, as [`Aac`] describes it, into `out`.
    pub fn decode(&mut self, unit: &[u8], out: &mut Sound) -> Result<(), Bad> {
        match self.is_latm {
            true => self.decode_element(unit, out),
            false => self.decode_unit(unit, out),
        }
    }

    fn decode_element(&mut self, element: &[u8], out: &mut Sound) -> Result<(), Bad> {
        let mut bits = Bits::new(element);
        if self.in_band.is_none() && self.repeats_config(bits) {
            self.in_band = Some(true);
        }
        // useSameStreamMux: 0 if a configuration follows.
        if self.in_band == Some(true) && !bits.flag().ok_or(Bad)? {
            let mux = Mux::read(&mut bits).ok_or(Bad)?;
            self.configure(&mux.config)?;
            self.mux = Some(mux);
        }
        // Before the first configuration nothing can be decoded, and nothing is wrong.
        let Some(mux) = self.mux.take() else {
            return Ok(());
        };
        let mut buffer = std::mem::take(&mut self.unit);
        let mut result = Ok(());
        let read = mux.units(&mut bits, &mut buffer, &mut |unit| {
            result = result.and(self.decode_unit(unit, out));
        });
        self.unit = buffer;
        self.mux = Some(mux);
        read.ok_or(Bad).and(result)
    }

    /// Whether an element has the configuration of the description once more.
    fn repeats_config(&self, mut bits: Bits<'_>) -> bool {
        bits.flag() == Some(false) && self.mux.is_some() && Mux::read(&mut bits) == self.mux
    }

    fn decode_unit(&mut self, unit: &[u8], out: &mut Sound) -> Result<(), Bad> {
        let unit = match adts(unit) {
            Some((config, unit)) => {
                self.configure(&config)?;
                unit
            }
            None => unit,
        };
        if unit.len() > MAX_UNIT {
            return Err(Bad);
        }
        let decoded = self.inner.decode_au(unit, |frame| {
            let planes = frame.planar;
            let channels = if planes.len() == 2 { 2 } else { 1 };
            out.begin(frame.sample_rate, channels);
            match planes {
                [left, right] => {
                    let pairs = left.iter().zip(*right);
                    out.samples
                        .extend(pairs.flat_map(|(&left, &right)| [left, right]));
                }
                [mono] => out.samples.extend_from_slice(mono),
                planes => {
                    let share = 1.0 / planes.len().max(1) as f32;
                    let mixed = (0..frame.samples).map(|i| {
                        let all = planes.iter().filter_map(|plane| plane.get(i));
                        share * all.sum::<f32>()
                    });
                    out.samples.extend(mixed);
                }
            }
            Ok(())
        });
        if decoded.is_err() {
            self.reset();
            return Err(Bad);
        }
        Ok(())
    }
}

/// The configuration and the access unit behind an ADTS header (ISO/IEC 13818-7 section 6.2), which some
/// cameras leave in front.
fn adts(unit: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut bits = Bits::new(unit);
    let sync = bits.take(12)?;
    let _version = bits.flag()?;
    let layer = bits.take(2)?;
    let protected = !bits.flag()?;
    let _profile = bits.take(2)?;
    let rate = bits.take(4)? as usize;
    let _private = bits.flag()?;
    let channels = bits.take(3)? as u8;
    bits.take(4)?;
    let length = bits.take(13)? as usize;
    if sync != 0xfff || layer != 0 || length != unit.len() {
        return None;
    }
    let header = if protected { 9 } else { 7 };
    let config = Config::low_complexity(*RATES.get(rate)?, channels)?;
    Some((config, unit.get(header..)?))
}
