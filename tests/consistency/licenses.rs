//! Every dependency has a license that fits MIT. `cargo tree` says which: building cargo-deny would
//! take longer than all other tests.

use std::process::Command;

/// Licenses of code that is linked into the library: permissive, with notices at most.
const LINKED: [&str; 11] = [
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "CC0-1.0",
    "ISC",
    "MIT",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// With the feature fips alone, as docs/fips.md says: it asks for an acknowledgement in advertising.
const IN_THE_FIPS_MODULE: &str = "OpenSSL";

/// Of code that only builds the library. cbindgen is MPL-2.0: it is no part of what it writes.
const BUILDING: [&str; 1] = ["MPL-2.0"];

/// Evaluates an SPDX expression. In old manifests `/` means OR.
fn allowed(expression: &str, is_allowed: &dyn Fn(&str) -> bool) -> bool {
    let spaced = expression
        .replace('/', " OR ")
        .replace('(', " ( ")
        .replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let (result, rest) = any(&words, is_allowed);
    result && rest.is_empty()
}

fn any<'a>(words: &'a [&'a str], is_allowed: &dyn Fn(&str) -> bool) -> (bool, &'a [&'a str]) {
    let (mut result, mut rest) = all(words, is_allowed);
    while let ["OR", tail @ ..] = rest {
        let (other, tail) = all(tail, is_allowed);
        (result, rest) = (result | other, tail);
    }
    (result, rest)
}

fn all<'a>(words: &'a [&'a str], is_allowed: &dyn Fn(&str) -> bool) -> (bool, &'a [&'a str]) {
    let (mut result, mut rest) = one(words, is_allowed);
    while let ["AND", tail @ ..] = rest {
        let (other, tail) = one(tail, is_allowed);
        (result, rest) = (result & other, tail);
    }
    (result, rest)
}

fn one<'a>(words: &'a [&'a str], is_allowed: &dyn Fn(&str) -> bool) -> (bool, &'a [&'a str]) {
    match words {
        ["(", tail @ ..] => match any(tail, is_allowed) {
            (result, [")", tail @ ..]) => (result, tail),
            (_, tail) => (false, tail),
        },
        [license, "WITH", exception, tail @ ..] => {
            (is_allowed(&format!("{license} WITH {exception}")), tail)
        }
        [license, tail @ ..] => (is_allowed(license), tail),
        [] => (false, words),
    }
}

/// Crates and licenses that the library needs over these kinds of dependencies, on every platform.
fn dependencies(edges: &str) -> Vec<(String, String)> {
    let output = Command::new(env!("CARGO"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["tree", "--locked", "--package", "rtsp_webrtc_gateway"])
        .args(["--features", "fips"])
        .args(["--target", "all", "--edges", edges])
        .args(["--prefix", "none", "--no-dedupe", "--format", "{p}|{l}"])
        .output()
        .expect("cargo runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout).expect("cargo writes UTF-8");
    let mut crates: Vec<_> = text
        .lines()
        .filter_map(|line| line.split_once('|'))
        .map(|(name, license)| (name.to_owned(), license.to_owned()))
        .collect();
    crates.sort();
    crates.dedup();
    crates
}

fn check(edges: &str, is_allowed: &dyn Fn(&str) -> bool) {
    let crates = dependencies(edges);
    assert!(crates.len() > 50, "found {} crates only", crates.len());
    let refused: Vec<_> = crates
        .iter()
        .filter(|(_, license)| !allowed(license, is_allowed))
        .collect();
    assert!(refused.is_empty(), "not allowed: {refused:#?}");
}

#[test]
fn what_is_linked_is_permissive() {
    check("normal", &|license| {
        LINKED.contains(&license) || license == IN_THE_FIPS_MODULE
    });
}

#[test]
fn what_builds_may_be_used() {
    check("normal,build", &|license| {
        LINKED.contains(&license) || BUILDING.contains(&license) || license == IN_THE_FIPS_MODULE
    });
}

/// Scripts of others that the pages bring along: cargo knows nothing of them.
#[test]
fn bundled_scripts_have_their_license() {
    let vendor = concat!(env!("CARGO_MANIFEST_DIR"), "/src/http/pages/vendor");
    let read = |name: &str| std::fs::read_to_string(format!("{vendor}/{name}")).expect(name);
    assert!(read("uplot.js").starts_with("/*! https://github.com/leeoniya/uPlot (v1.6.32) */"));
    assert!(read("uplot.LICENSE").starts_with("The MIT License"));
    let files = std::fs::read_dir(vendor).expect("the folder").count();
    assert_eq!(files, 3, "each script of others is checked here");
}

#[test]
fn expressions_are_evaluated() {
    let mit = |expression| allowed(expression, &|license| license == "MIT");
    assert!(mit("MIT") && mit("MIT OR GPL-3.0") && mit("Apache-2.0/MIT"));
    assert!(mit("(GPL-3.0 OR MIT) AND MIT"));
    assert!(!mit("") && !mit("GPL-3.0") && !mit("MIT AND GPL-3.0") && !mit("(MIT"));
    assert!(!mit("(GPL-3.0 OR MIT) AND ISC") && !mit("MIT WITH exception"));
}
