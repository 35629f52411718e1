//! The copy of `rtc-dtls` in third_party is the one that is built, it is of the version of `rtc`, and what differs in it is
//! what its patch says.

use std::fs;
use std::path::Path;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/third_party/rtc-dtls");

fn read(path: impl AsRef<Path>) -> String {
    let path = Path::new(FOLDER).join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The entries of a name in Cargo.lock, as their lines.
fn locked(name: &str) -> Vec<Vec<String>> {
    let lock = read("../../Cargo.lock");
    let name = format!("name = \"{name}\"");
    let entries = lock.split("\n\n");
    entries
        .map(|entry| entry.lines().map(str::to_owned).collect::<Vec<_>>())
        .filter(|lines| lines.contains(&name))
        .collect()
}

#[test]
fn the_copy_is_the_one_that_is_built_and_of_the_version_of_rtc() {
    let found = (locked("rtc"), locked("rtc-dtls"));
    let ([rtc], [dtls]) = (&found.0[..], &found.1[..]) else {
        panic!("one of each is expected in Cargo.lock: {found:?}");
    };
    let version = |lines: &[String]| {
        lines
            .iter()
            .find(|line| line.starts_with("version"))
            .cloned()
    };
    let version = (version(rtc).unwrap(), version(dtls).unwrap());
    assert_eq!(version.0, version.1, "see third_party/rtc-dtls/README.md");
    assert!(
        !dtls.iter().any(|line| line.starts_with("source")),
        "the registry's rtc-dtls is built, not that of third_party: {dtls:?}"
    );
    assert!(read("Cargo.toml").lines().any(|line| line == version.0));
    let number = version.0.split('"').nth(1).unwrap();
    assert!(read("README.md").contains(&format!("rtc-dtls) {number} (")));
}

#[test]
fn the_patch_is_applied() {
    let patch = read("options.patch");
    let mut hunks = 0;
    for file in patch.split("--- a/").skip(1) {
        let (name, rest) = file.split_once('\n').unwrap();
        let text = read(name);
        let lines: Vec<&str> = text.lines().collect();
        for hunk in rest.split("\n@@ ").skip(1) {
            // "-1,4 +1,5 @@": where it is in the file now.
            let (place, body) = hunk.split_once('\n').unwrap();
            let place = place.split(['+', ',']).nth(2).unwrap();
            let start = place.parse::<usize>().unwrap() - 1;
            let new: Vec<&str> = body
                .lines()
                .filter(|line| !line.starts_with('-'))
                .map(|line| &line[1..])
                .collect();
            assert_eq!(lines[start..start + new.len()], new, "{name}: @@ {place}");
            hunks += 1;
        }
    }
    assert!(hunks > 5, "{hunks} hunks only");
}

#[test]
fn it_has_its_licenses() {
    assert!(read("LICENSE-MIT").starts_with("MIT License"));
    assert!(read("LICENSE-APACHE").contains("Apache License"));
    let copies = fs::read_dir(Path::new(FOLDER).join("..")).unwrap();
    let names: Vec<_> = copies.map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["rtc-dtls"], "each copy is checked here");
}
