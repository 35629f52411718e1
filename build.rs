//! Writes the C header to OUT_DIR, names the ABI, and gives the shared library its soname, or its version resource.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

/// Sections of the header, in order: files of src/ffi.
const SECTIONS: [&str; 20] = [
    "version",
    "status",
    "user_data",
    "log",
    "handle",
    "tuning",
    "authorize",
    "events",
    "ice_server",
    "quality",
    "gateway",
    "stream",
    "push",
    "sink",
    "output",
    "whep",
    "http",
    "session",
    "wall",
    "metrics",
];

fn main() {
    let root = PathBuf::from(variable("CARGO_MANIFEST_DIR"));
    let (major, minor, patch) = (
        variable("CARGO_PKG_VERSION_MAJOR"),
        variable("CARGO_PKG_VERSION_MINOR"),
        variable("CARGO_PKG_VERSION_PATCH"),
    );
    let before_1 = major == "0";

    // The number changes exactly with the soname.
    let abi = match before_1 {
        true => minor.parse::<u32>().expect("a number"),
        false => major.parse::<u32>().expect("a number") << 16,
    };
    println!("cargo:rustc-env=RTSP_WEBRTC_GATEWAY_ABI_VERSION={abi}");

    let versioned = |file: &str| {
        read(&root.join("src/ffi").join(file))
            .replace("@MAJOR@", &major)
            .replace("@MINOR@", &minor)
            .replace("@PATCH@", &patch)
            .replace("@ABI@", &abi.to_string())
    };
    let preamble = versioned("preamble.h.in");
    let header = preamble + &sections(&root) + "\n#ifdef __cplusplus\n}\n#endif\n#endif\n";
    let path = Path::new(&variable("OUT_DIR")).join("rtsp_webrtc_gateway.h");
    fs::write(&path, header).unwrap_or_else(|e| panic!("{}: {e}", path.display()));

    let abi_suffix = match before_1 {
        true => format!("0.{minor}"),
        false => major.clone(),
    };
    match variable("CARGO_CFG_TARGET_OS").as_str() {
        "linux" | "android" | "freebsd" | "netbsd" | "openbsd" | "dragonfly" => {
            link_arg(&format!(
                "-Wl,-soname,librtsp_webrtc_gateway.so.{abi_suffix}"
            ));
            // Thread-local destructors keep it loaded anyway: say so to the loader.
            link_arg("-Wl,-z,nodelete");
        }
        "macos" => link_arg(&format!(
            "-Wl,-install_name,@rpath/librtsp_webrtc_gateway.{abi_suffix}.dylib"
        )),
        "windows" => add_version_resource(&versioned("version.rc.in")),
        _ => {}
    }
    println!("cargo:rerun-if-changed=build.rs");
}

/// Compiles it with the resource compiler of mingw, or the one that WINDRES names. The DLL works without it.
fn add_version_resource(source: &str) {
    println!("cargo:rerun-if-env-changed=WINDRES");
    if variable("CARGO_CFG_TARGET_ENV") != "gnu" {
        return println!("cargo:warning=no version resource: it is made by windres of mingw only");
    }
    let windres = env::var("WINDRES").unwrap_or_else(|_| {
        let arch = variable("CARGO_CFG_TARGET_ARCH");
        match env::var("HOST").is_ok_and(|host| host.contains("windows")) {
            true => "windres".to_owned(),
            false => format!("{arch}-w64-mingw32-windres"),
        }
    });
    let out = PathBuf::from(variable("OUT_DIR"));
    let (script, object) = (out.join("version.rc"), out.join("version.o"));
    let source = source
        .replace("@DESCRIPTION@", &variable("CARGO_PKG_DESCRIPTION"))
        .replace("@LICENSE@", &variable("CARGO_PKG_LICENSE"));
    fs::write(&script, source).unwrap_or_else(|e| panic!("{}: {e}", script.display()));
    match Command::new(&windres).arg(&script).arg(&object).status() {
        Ok(status) if status.success() => link_arg(&object.display().to_string()),
        Ok(status) => panic!("{windres} cannot compile {}: {status}", script.display()),
        Err(error) => println!("cargo:warning=no version resource: {windres}: {error}"),
    }
}

fn sections(root: &Path) -> String {
    let config_path = root.join("cbindgen.toml");
    println!("cargo:rerun-if-changed={}", config_path.display());
    let mut header = String::new();
    for section in SECTIONS {
        let path = root.join(format!("src/ffi/{section}.rs"));
        let mut config = cbindgen::Config::from_file(&config_path).expect("cbindgen.toml");
        config.export.include = public_types(&read(&path));
        let bindings = cbindgen::Builder::new()
            .with_config(config)
            .with_src(&path)
            .generate()
            .unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let mut text = Vec::new();
        bindings.write(&mut text);
        let text = String::from_utf8(text).expect("cbindgen writes UTF-8");
        let line = "-".repeat(72 - section.len());
        header += &format!("\n/* {line} {section} */\n\n{}\n", shorten(text.trim()));
    }
    header
}

/// Puts a comment of one line on one line.
fn shorten(text: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines() {
        if let [.., open, only] = &mut lines[..]
            && (open.trim(), line.trim()) == ("/**", "*/")
        {
            let comment = only.trim_start().trim_start_matches("* ");
            *open += &format!(" {comment} */");
            lines.pop();
        } else {
            lines.push(line.to_owned());
        }
    }
    lines.join("\n")
}

/// All types of a file: cbindgen leaves out what no function of the same file takes.
fn public_types(source: &str) -> Vec<String> {
    let name = |line: &str| {
        let words = ["pub struct ", "pub enum ", "pub type "];
        let rest = words.iter().find_map(|word| line.strip_prefix(word))?;
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_')?;
        Some(rest[..end].to_owned())
    };
    source.lines().filter_map(name).collect()
}

fn link_arg(arg: &str) {
    println!("cargo:rustc-cdylib-link-arg={arg}");
}

fn read(path: &Path) -> String {
    println!("cargo:rerun-if-changed={}", path.display());
    fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn variable(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| panic!("cargo sets {name}"))
}
