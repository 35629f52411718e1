//! docs/serve.md has each key of the file, and the program knows each key of docs/serve.md.

use std::collections::{BTreeMap, BTreeSet};

use crate::running::{Folder, repository, run};

/// The keys of each table, as the document lists them: `| `key` | ...` below a heading with the table's name in
/// brackets.
fn documented() -> BTreeMap<String, BTreeSet<String>> {
    let text = std::fs::read_to_string(repository("docs/serve.md")).unwrap();
    let mut tables = BTreeMap::new();
    let mut table = None;
    for line in text.lines() {
        if line.starts_with('#') {
            let name = line.split('`').nth(1).filter(|name| name.starts_with('['));
            table = name.map(|name| name.trim_matches(['[', ']']).to_owned());
        }
        if let (Some(table), Some(rest)) = (&table, line.strip_prefix("| `")) {
            let key = rest.split('`').next().unwrap().to_owned();
            let keys: &mut BTreeSet<String> = tables.entry(table.clone()).or_default();
            assert!(keys.insert(key), "{line} is there twice");
        }
    }
    tables
}

/// The keys of a table, as the program lists them to who writes another.
fn known(folder: &Folder, table: &str) -> BTreeSet<String> {
    let header = match table {
        "media.ice_servers" | "media.turn_servers" | "camera.NAME.whip" => {
            format!("[[{}]]", table.replace("NAME", "door"))
        }
        _ => format!("[{}]", table.replace("NAME", "door")),
    };
    let file = folder.write("gateway.toml", &format!("{header}\n\"%\" = 1\n"));
    let said = run(&["--config", &file, "--check"]).stderr;
    let said = String::from_utf8(said).unwrap();
    let keys = said
        .lines()
        .find_map(|line| line.split_once("has no key \"%\": there are: "));
    let keys = keys.unwrap_or_else(|| panic!("{said}")).1;
    keys.split(", ").map(str::to_owned).collect()
}

#[test]
fn each_key_is_documented_and_no_other() {
    let folder = Folder::new("keys");
    let documented = documented();
    let tables: Vec<_> = documented.keys().map(String::as_str).collect();
    let expected = [
        "access",
        "camera.NAME",
        "camera.NAME.whip",
        "http",
        "log",
        "media",
        "media.ice_servers",
        "media.turn_servers",
        "service",
    ];
    assert_eq!(tables, expected);
    for (table, keys) in documented {
        assert_eq!(keys, known(&folder, &table), "[{table}]");
    }
}

#[test]
fn the_example_is_valid() {
    let text = std::fs::read_to_string(repository("serve/gateway.toml")).unwrap();
    let folder = Folder::new("example");
    for (path, contents) in [
        ("cert.pem", ""),
        ("tokens", "secret\n"),
        ("door.password", "x\n"),
    ] {
        folder.write(path, contents);
    }
    let file = folder.write("gateway.toml", &text);
    let done = run(&["--config", &file, "--check"]);
    assert!(
        done.status.success(),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
}

#[test]
fn the_exit_codes_and_options_of_the_help_are_in_the_document() {
    let help = String::from_utf8(run(&["--help"]).stdout).unwrap();
    let document = std::fs::read_to_string(repository("docs/serve.md")).unwrap();
    let options = help.split(|c: char| !(c.is_ascii_lowercase() || c == '-'));
    for option in options.filter(|word| word.starts_with("--") && word.len() > 2) {
        assert!(document.contains(option), "{option}");
    }
    for code in ["64", "66", "69", "70", "78"] {
        assert!(document.contains(&format!("| {code} |")), "{code}");
    }
}

/// The unit, with the program where the tests have it; needs systemd-analyze, which not all systems have.
#[test]
fn the_unit_is_valid_and_as_closed_as_the_document_says() {
    let analyze = |arguments: &[&str]| {
        let done = std::process::Command::new("systemd-analyze")
            .args(arguments)
            .output();
        let done = done.ok()?;
        let said = [done.stdout, done.stderr].concat();
        Some((done.status.success(), String::from_utf8(said).unwrap()))
    };
    let unit = std::fs::read_to_string(repository("serve/systemd/rtsp-webrtc-gateway.service"));
    let unit = unit.unwrap().replace(
        "/usr/bin/rtsp-webrtc-gateway",
        env!("CARGO_BIN_EXE_rtsp-webrtc-gateway"),
    );
    let folder = Folder::new("unit");
    let file = folder.write("rtsp-webrtc-gateway.service", &unit);
    let Some((valid, said)) = analyze(&["verify", "--man=no", &file]) else {
        println!("NOT TESTED: there is no systemd-analyze");
        return;
    };
    assert!(valid && said.is_empty(), "{said}");
    let (_, said) = analyze(&["security", "--offline=true", &file]).unwrap();
    let score = said
        .split("exposure level for rtsp-webrtc-gateway.service: ")
        .nth(1);
    let score: f64 = score.unwrap().split(' ').next().unwrap().parse().unwrap();
    let document = std::fs::read_to_string(repository("docs/serve.md")).unwrap();
    let promised = document.split("exposure level of ").nth(1).unwrap();
    let promised: f64 = promised.split(' ').next().unwrap().parse().unwrap();
    assert!(score <= promised, "{score} is more than {promised}");
}
