//! Mutates seeds, without knowing what they reach: for compilers without libFuzzer.

use fastrand::Rng;

/// No input is longer.
pub const MAX_LEN: usize = 4096;

/// Numbers that parsers stumble over.
const NUMBERS: [&[u8]; 10] = [
    b"\0",
    b"\xff",
    b"\x7f",
    b"\x80",
    b"\xff\xff",
    b"\x7f\xff",
    b"\0\0\0\0",
    b"\xff\xff\xff\xff",
    b"4294967296",
    b"-1",
];

/// Makes another input of the seeds, of which there is at least one.
pub fn mutated(seeds: &[Vec<u8>], words: &[Vec<u8>], random: &mut Rng) -> Vec<u8> {
    let mut data = seeds[random.usize(..seeds.len())].clone();
    for _ in 0..1 << random.u32(..5) {
        mutate(&mut data, seeds, words, random);
    }
    data.truncate(MAX_LEN);
    data
}

fn mutate(data: &mut Vec<u8>, seeds: &[Vec<u8>], words: &[Vec<u8>], random: &mut Rng) {
    let at = random.usize(..=data.len());
    let end = (at + random.usize(1..=16)).min(data.len());
    match random.u32(..8) {
        0 if at < data.len() => data[at] ^= 1 << random.u32(..8),
        1 if at < data.len() => data[at] = random.u8(..),
        2 if at < data.len() => data[at] = data[at].wrapping_add(random.u8(..5)).wrapping_sub(2),
        3 => drop(data.drain(at..end)),
        4 => {
            let again = data[at..end].to_vec();
            let to = random.usize(..=data.len());
            data.splice(to..to, again);
        }
        5 => {
            let words = NUMBERS.into_iter().chain(words.iter().map(Vec::as_slice));
            let count = words.clone().count();
            let word = words.clone().nth(random.usize(..count)).unwrap_or_default();
            let until = if random.bool() {
                at
            } else {
                (at + word.len()).min(data.len())
            };
            data.splice(at..until, word.iter().copied());
        }
        6 => {
            let other = &seeds[random.usize(..seeds.len())];
            let from = random.usize(..=other.len());
            let until = (from + random.usize(..=64)).min(other.len());
            data.splice(at..end, other[from..until].iter().copied());
        }
        _ => {
            let noise: Vec<u8> = (0..random.usize(1..=8)).map(|_| random.u8(..)).collect();
            data.splice(at..at, noise);
        }
    }
}

/// The words of a dictionary of libFuzzer.
pub fn words(dictionary: &str) -> Vec<Vec<u8>> {
    let lines = dictionary.lines().filter(|line| !line.starts_with('#'));
    let quoted = lines.filter_map(|line| {
        let (_, rest) = line.split_once('"')?;
        rest.strip_suffix('"')
    });
    quoted.map(unescaped).collect()
}

fn unescaped(text: &str) -> Vec<u8> {
    let (mut out, mut rest) = (Vec::new(), text.as_bytes());
    while let [first, after @ ..] = rest {
        rest = match (first, after) {
            (b'\\', [b'x', high, low, after @ ..]) => {
                let hex = |digit: &u8| char::from(*digit).to_digit(16).unwrap_or_default() as u8;
                out.push(hex(high) << 4 | hex(low));
                after
            }
            (b'\\', [next, after @ ..]) => {
                out.push(*next);
                after
            }
            _ => {
                out.push(*first);
                after
            }
        };
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dictionaries_are_read() {
        let read = words("# a comment\nname=\"a\\x0d\\x0a\"\n\"\\\"\"\n");
        assert_eq!(read, [b"a\r\n".to_vec(), b"\"".to_vec()]);
    }

    #[test]
    fn a_seed_gives_the_same_inputs_again() {
        let seeds = [b"GET / HTTP/1.1".to_vec(), vec![]];
        let inputs = |seed| {
            let mut random = Rng::with_seed(seed);
            (0..100)
                .map(|_| mutated(&seeds, &[], &mut random))
                .collect::<Vec<_>>()
        };
        assert_eq!(inputs(1), inputs(1));
        assert_ne!(inputs(1), inputs(2));
    }
}
