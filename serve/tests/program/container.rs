//! The root file system of the container image, as a container engine would run it: read-only, by a user without rights,
//! with processes of its own.
#![cfg(target_os = "linux")]

use std::process::Command;

use crate::running::{DEAD, Folder, Running, repository};

/// Runs the program in the root file system: namespaces of mounts and processes, nothing writable, user 65532.
fn inside(root: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new("unshare");
    command.args(["--mount", "--pid", "--fork", "--kill-child"]);
    let script = "mount --make-rprivate / && mount --bind \"$0\" \"$0\" && mount -o remount,bind,ro \"$0\" && \
        mount -t proc proc \"$0/proc\" && exec chroot --userspec=65532:65532 \"$0\" /rtsp-webrtc-gateway \"$@\"";
    command.args(["sh", "-c", script, root]).args(arguments);
    command
}

#[test]
fn the_image_serves_read_only_and_without_rights() {
    let folder = Folder::new("container");
    let root = folder.path("root");
    let root = root.to_str().unwrap();
    let made = Command::new(repository("scripts/rootfs.sh"))
        .args([root, env!("CARGO_BIN_EXE_rtsp-webrtc-gateway")])
        .status();
    assert!(made.unwrap().success());
    let text = format!(
        "[http]\nlisten = \"127.0.0.1:0\"\n[media]\nudp = \"127.0.0.1:0\"\n[camera.door]\nurl = \"{DEAD}\"\n"
    );
    folder.write("root/etc/rtsp-webrtc-gateway/gateway.toml", &text);
    let config = "/etc/rtsp-webrtc-gateway/gateway.toml";
    let checked = match inside(root, &["--config", config, "--check"]).output() {
        Ok(done) => done,
        Err(error) => panic!("unshare is missing: apt-get install util-linux: {error}"),
    };
    let said = String::from_utf8_lossy(&checked.stderr).into_owned();
    if said.contains("unshare failed") {
        println!("NOT TESTED: this user may make no namespaces");
        return;
    }
    assert!(checked.status.success(), "{said}");

    let mut running = Running::spawn(&mut inside(root, &["--config", config]));
    assert_eq!(running.names(), ["door"]);
    let healthy = inside(root, &["health", &running.address])
        .output()
        .unwrap();
    assert!(
        healthy.status.success(),
        "{}",
        String::from_utf8_lossy(&healthy.stderr)
    );

    // The child of unshare: what it is allowed to.
    let unshare = running.child.id();
    let children = std::fs::read_to_string(format!("/proc/{unshare}/task/{unshare}/children"));
    let pid = children.unwrap().trim().to_owned();
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    for line in [
        "Uid:\t65532\t65532",
        "NSpid:\t",
        "CapEff:\t0000000000000000",
    ] {
        assert!(status.contains(line), "{line} is not in:\n{status}");
    }
    let mounts = std::fs::read_to_string(format!("/proc/{pid}/mountinfo")).unwrap();
    let is_writable = |line: &&str| {
        let fields: Vec<_> = line.split(' ').collect();
        fields[4] == "/" && !fields[5].split(',').any(|option| option == "ro")
    };
    assert_eq!(mounts.lines().find(is_writable), None);
    let ended = Command::new("kill").arg(&pid).status().unwrap();
    assert!(ended.success());
    assert!(running.child.wait().unwrap().success());
}

/// What compose.yaml mounts, the image takes: the same paths, ports and user in all documents.
#[test]
fn the_image_and_the_compose_file_speak_of_the_same() {
    let read = |path: &str| std::fs::read_to_string(repository(path)).unwrap();
    let (image, compose) = (read("Dockerfile"), read("serve/compose.yaml"));
    for text in ["/etc/rtsp-webrtc-gateway", "8889", "5000"] {
        assert!(image.contains(text) && compose.contains(text), "{text}");
    }
    assert!(image.contains("USER 65532:65532") && image.contains("FROM scratch"));
    for line in compose.lines() {
        let path = line
            .trim()
            .strip_prefix("- ./")
            .and_then(|rest| rest.split(':').next());
        if let Some(path) = path.filter(|path| path.starts_with("monitoring")) {
            assert!(repository("serve").join(path).exists(), "{path}");
        }
    }
}
