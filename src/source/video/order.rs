//! The order in which pictures are shown, which is not always that in which they come.

/// The most pictures that may be shown before one that came earlier: what decoders can hold. More in a
/// row mean that the camera's numbers began anew.
const MOST_LATE: u32 = 16;

/// Finds pictures that are shown before one that was passed on already (B-frames).
#[derive(Debug, Default)]
pub struct DisplayOrder {
    /// The place of the last picture that others may refer to: its high part and its low bits
    /// (`prevPicOrderCntMsb` and `prevPicOrderCntLsb`, ITU-T H.264 section 8.2.1.1, H.265 section 8.3.1).
    reference: (i64, i64),
    /// The last place that was passed on, by picture order count and by RTP timestamp.
    passed: Option<i64>,
    passed_timestamp: Option<i64>,
    late: u32,
}

impl DisplayOrder {
    /// An IDR picture comes: numbers begin anew.
    pub fn begin(&mut self) {
        *self = DisplayOrder {
            passed_timestamp: self.passed_timestamp,
            ..DisplayOrder::default()
        };
    }

    /// The place of a picture with these low bits, `bits` in number. `reference`: the next one counts from
    /// it.
    pub fn place(&mut self, low: u32, bits: u32, reference: bool) -> i64 {
        let low = i64::from(low);
        let end = 1_i64 << bits;
        let (mut high, previous) = self.reference;
        if low < previous && previous - low >= end / 2 {
            high += end;
        } else if low > previous && low - previous > end / 2 {
            high -= end;
        }
        if reference {
            self.reference = (high, low);
        }
        high + low
    }

    /// Whether the picture is shown before one that was passed on. Without a `place`, its timestamp tells.
    pub fn is_late(&mut self, place: Option<i64>, timestamp: i64) -> bool {
        let late = match place {
            Some(place) => self.passed.is_some_and(|passed| place < passed),
            None => self
                .passed_timestamp
                .is_some_and(|passed| timestamp < passed),
        };
        if late && self.late < MOST_LATE {
            self.late += 1;
            return true;
        }
        self.pass(place, timestamp);
        false
    }

    /// A picture is passed on.
    pub fn pass(&mut self, place: Option<i64>, timestamp: i64) {
        self.late = 0;
        self.passed = place.or(self.passed);
        self.passed_timestamp = Some(timestamp);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_go_on_where_their_low_bits_begin_anew() {
        let mut order = DisplayOrder::default();
        let lows = [0, 6, 2, 4, 12, 8, 10, 2, 14, 0, 8, 4, 6];
        let places: Vec<i64> = (0..)
            .zip(lows)
            .map(|(i, low)| order.place(low, 4, i == 0 || i % 3 == 1))
            .collect();
        assert_eq!(places, [0, 6, 2, 4, 12, 8, 10, 18, 14, 16, 24, 20, 22]);
    }

    #[test]
    fn what_is_shown_before_is_late() {
        let mut order = DisplayOrder::default();
        let late = [0, 3, 1, 2, 6, 4, 5].map(|place| order.is_late(Some(place), 0));
        assert_eq!(late, [false, false, true, true, false, true, true]);
        order.begin();
        assert!(!order.is_late(Some(0), 0));
        let late = [10, 30, 20, 30, 31].map(|timestamp| order.is_late(None, timestamp));
        assert_eq!(late, [false, false, true, false, false]);
    }

    #[test]
    fn numbers_that_begin_anew_are_believed_after_a_while() {
        let mut order = DisplayOrder::default();
        order.is_late(Some(1000), 0);
        let late = (0..100).filter(|&place| order.is_late(Some(place), 0));
        assert_eq!(late.count() as u32, MOST_LATE);
    }
}
