//! Each feature of cargo is an option of CMake, and docs/embedding.md names it.

/// Not for those who build the library.
const OTHERS: [&str; 3] = ["default", "capi", "test-panic"];

#[test]
fn each_feature_is_an_option_of_cmake_that_is_documented() {
    let manifest = include_str!("../../Cargo.toml");
    let (_, section) = manifest.split_once("[features]\n").unwrap();
    let section = section.split("\n[").next().unwrap();
    let names = section.lines().filter(|line| !line.starts_with('#'));
    let names: Vec<_> = names
        .filter_map(|line| Some(line.split_once(" = ")?.0))
        .filter(|name| !OTHERS.contains(name))
        .collect();
    assert!(names.len() >= 3, "{names:?}");
    for name in names {
        let option = name.to_uppercase().replace('-', "_");
        let option = format!("RTSP_WEBRTC_GATEWAY_{option}");
        let cmake = include_str!("../../CMakeLists.txt");
        assert!(cmake.contains(&format!("option({option} ")), "{option}");
        let document = include_str!("../../docs/embedding.md");
        assert!(document.contains(&format!("`{option}=")), "{option}");
    }
}
