//! The Rust version that Cargo.toml and the README state is enough for every crate that is used.
//! Clippy (`incompatible_msrv`) checks the same of what the code uses of the standard library.

use std::process::Command;

use serde_json::Value;

/// "1.95" or "1.95.0" as numbers.
fn version(text: &str) -> Vec<u32> {
    let numbers = text.split('.').map(|number| number.parse().unwrap());
    numbers.chain([0]).take(3).collect()
}

#[test]
fn no_crate_needs_a_newer_rust_than_we_state() {
    let ours = env!("CARGO_PKG_RUST_VERSION");
    let output = Command::new(env!("CARGO"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args([
            "metadata",
            "--locked",
            "--all-features",
            "--format-version",
            "1",
        ])
        .output()
        .expect("cargo runs");
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    assert!(packages.len() > 50, "{} packages only", packages.len());
    let newer: Vec<String> = packages
        .iter()
        .filter_map(|package| Some((package, package["rust_version"].as_str()?)))
        .filter(|(_, theirs)| version(theirs) > version(ours))
        .map(|(package, theirs)| format!("{} {theirs}", package["name"]))
        .collect();
    assert_eq!(newer, [""; 0], "need more than Rust {ours}");
    let readme = include_str!("../../README.md");
    let statement = format!("The minimum supported Rust version is {ours}.");
    assert!(
        readme.contains(&statement),
        "the README does not say: {statement}"
    );
}
