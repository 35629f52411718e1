//! The arithmetic encoder of H.264 (ITU-T H.264 section 9.3.4), for slices of our own.

use crate::media::bits::BitWriter;

/// How probable the more probable symbol of a context is, and which one it is.
#[derive(Clone, Copy, Debug)]
pub struct Context {
    state: u8,
    most_probable: bool,
}

impl Context {
    /// With the values m and n of tables 9-12 to 9-33, at this `SliceQPY` (section 9.3.1.1).
    pub fn new((m, n): (i32, i32), qp: i32) -> Self {
        let state = (((m * qp.clamp(0, 51)) >> 4) + n).clamp(1, 126);
        let most_probable = state > 63;
        let state = if most_probable {
            state - 64
        } else {
            63 - state
        };
        Context {
            state: state as u8,
            most_probable,
        }
    }
}

/// The encoder's state, from the first bit of a slice's data on.
#[derive(Debug)]
pub struct Encoder {
    low: u32,
    range: u32,
    outstanding: u32,
    first: bool,
    writer: BitWriter,
}

impl Encoder {
    /// Goes on behind a slice header, which is aligned.
    pub fn new(writer: BitWriter) -> Self {
        Encoder {
            low: 0,
            range: 510,
            outstanding: 0,
            first: true,
            writer,
        }
    }

    /// A bin with a context.
    pub fn encode(&mut self, context: &mut Context, bin: bool) {
        let column = (self.range >> 6 & 3) as usize;
        let least = u32::from(RANGE_LPS[usize::from(context.state)][column]);
        self.range -= least;
        if bin == context.most_probable {
            context.state = (context.state + 1).min(62);
        } else {
            self.low += self.range;
            self.range = least;
            if context.state == 0 {
                context.most_probable = !context.most_probable;
            }
            context.state = NEXT_LPS[usize::from(context.state)];
        }
        self.renormalize();
    }

    /// A bin that says whether something ends here.
    pub fn terminate(&mut self, bin: bool) {
        self.range -= 2;
        if bin {
            self.low += self.range;
            self.range = 2;
        }
        self.renormalize();
    }

    /// What was written, after a last `terminate(true)`: the stop bit is its last.
    pub fn finish(mut self) -> BitWriter {
        self.put(self.low >> 9 & 1 != 0);
        self.writer.write(self.low >> 7 & 3 | 1, 2);
        self.writer
    }

    fn renormalize(&mut self) {
        while self.range < 256 {
            if self.low < 256 {
                self.put(false);
            } else if self.low >= 512 {
                self.low -= 512;
                self.put(true);
            } else {
                self.low -= 256;
                self.outstanding += 1;
            }
            self.range <<= 1;
            self.low <<= 1;
        }
    }

    fn put(&mut self, bit: bool) {
        if !std::mem::take(&mut self.first) {
            self.writer.flag(bit);
        }
        for _ in 0..std::mem::take(&mut self.outstanding) {
            self.writer.flag(!bit);
        }
    }
}

/// `rangeTabLPS` (table 9-44).
const RANGE_LPS: [[u8; 4]; 64] = [
    [128, 176, 208, 240],
    [128, 167, 197, 227],
    [128, 158, 187, 216],
    [123, 150, 178, 205],
    [116, 142, 169, 195],
    [111, 135, 160, 185],
    [105, 128, 152, 175],
    [100, 122, 144, 166],
    [95, 116, 137, 158],
    [90, 110, 130, 150],
    [85, 104, 123, 142],
    [81, 99, 117, 135],
    [77, 94, 111, 128],
    [73, 89, 105, 122],
    [69, 85, 100, 116],
    [66, 80, 95, 110],
    [62, 76, 90, 104],
    [59, 72, 86, 99],
    [56, 69, 81, 94],
    [53, 65, 77, 89],
    [51, 62, 73, 85],
    [48, 59, 69, 80],
    [46, 56, 66, 76],
    [43, 53, 63, 72],
    [41, 50, 59, 69],
    [39, 48, 56, 65],
    [37, 45, 54, 62],
    [35, 43, 51, 59],
    [33, 41, 48, 56],
    [32, 39, 46, 53],
    [30, 37, 43, 50],
    [29, 35, 41, 48],
    [27, 33, 39, 45],
    [26, 31, 37, 43],
    [24, 30, 35, 41],
    [23, 28, 33, 39],
    [22, 27, 32, 37],
    [21, 26, 30, 35],
    [20, 24, 29, 33],
    [19, 23, 27, 31],
    [18, 22, 26, 30],
    [17, 21, 25, 28],
    [16, 20, 23, 27],
    [15, 19, 22, 25],
    [14, 18, 21, 24],
    [14, 17, 20, 23],
    [13, 16, 19, 22],
    [12, 15, 18, 21],
    [12, 14, 17, 20],
    [11, 14, 16, 19],
    [11, 13, 15, 18],
    [10, 12, 15, 17],
    [10, 12, 14, 16],
    [9, 11, 13, 15],
    [9, 11, 12, 14],
    [8, 10, 12, 14],
    [8, 9, 11, 13],
    [7, 9, 11, 12],
    [7, 9, 10, 12],
    [7, 8, 10, 11],
    [6, 8, 9, 11],
    [6, 7, 9, 10],
    [6, 7, 8, 9],
    [2, 2, 2, 2],
];

/// `transIdxLPS` (table 9-45).
const NEXT_LPS: [u8; 64] = [
    0, 0, 1, 2, 2, 4, 4, 5, 6, 7, 8, 9, 9, 11, 11, 12, 13, 13, 15, 15, 16, 16, 18, 18, 19, 19, 21,
    21, 22, 22, 23, 24, 24, 25, 26, 26, 27, 27, 28, 29, 29, 30, 30, 30, 31, 32, 32, 33, 33, 33, 34,
    34, 35, 35, 35, 36, 36, 36, 37, 37, 37, 38, 38, 63,
];
