//! Each target over its seeds, and a fixed number of mutated inputs: the same ones in each run, unless
//! `FUZZ_SEED` has another number than 1. `FUZZ_FACTOR` times as many executions, `FUZZ_TARGET` alone.

use std::fs;
use std::path::{Path, PathBuf};

use fastrand::Rng;
use fuzz::{TARGETS, Target, seeded};

fn number(variable: &str) -> u64 {
    let text = std::env::var(variable).ok();
    text.map_or(1, |text| text.parse().expect(variable))
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// Runs a target, and says with which input it failed.
fn run(target: &Target, data: &[u8], what: &str) {
    let result = std::panic::catch_unwind(|| target.run(data));
    if result.is_err() {
        let file = std::env::temp_dir().join(format!("fuzz-{}-failed", target.name));
        fs::write(&file, data).unwrap();
        panic!(
            "{} failed on {what}: cargo run -p fuzz --bin {} {}",
            target.name,
            target.name,
            file.display()
        );
    }
}

fn check(name: &str) {
    let target = Target::named(name);
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut seeds = vec![Vec::new()];
    for file in files(&here.join("seeds").join(name)) {
        let data = fs::read(&file).unwrap();
        run(&target, &data, &file.display().to_string());
        seeds.push(data);
    }
    assert!(seeds.len() > 1, "{name} has no seeds");
    let words: Vec<Vec<u8>> = files(&here.join("dictionaries"))
        .iter()
        .filter(|file| file.file_stem().is_some_and(|stem| stem == name))
        .flat_map(|file| seeded::words(&fs::read_to_string(file).unwrap()))
        .collect();
    let mut random = Rng::with_seed(number("FUZZ_SEED"));
    for i in 0..u64::from(target.executions) * number("FUZZ_FACTOR") {
        let data = seeded::mutated(&seeds, &words, &mut random);
        run(&target, &data, &format!("input {i}"));
    }
}

macro_rules! tests {
    ($($name:ident)*) => {
        $(#[test]
        fn $name() {
            check(stringify!($name));
        })*

        #[test]
        fn each_target_is_here() {
            let here = [$(stringify!($name)),*];
            let all: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
            assert_eq!(here.as_slice(), all);
        }
    };
}

tests!(offer fragment whep http headers tunnel url description camera rtp video sound push stun stun_server tcp_framing turn turn_server dtls rtcp sctp channel wall_message);
