//! The configuration file.

use std::process::Output;

use crate::running::{DEAD, Folder, Running, program, run};

fn check(folder: &Folder, text: &str) -> Output {
    run(&["--config", &folder.write("gateway.toml", text), "--check"])
}

fn said(done: &Output) -> String {
    String::from_utf8(done.stderr.clone()).unwrap()
}

#[test]
fn everything_that_is_wrong_is_said_with_its_line() {
    let folder = Folder::new("wrong");
    let done = check(
        &folder,
        "[http]\nlissten = \"0.0.0.0:80\"\nmax_connections = 0\n\
         [media]\nudp = \"everywhere\"\ntcp = 1\n\
         [log]\nlevel = \"loud\"\n\
         [tuning]\nnak = 1\nmax_sessions = 99999999999999999999\n\
         [camera.door]\nurl = 7\ntransprot = \"tcp\"\nvariants = [\"yard\"]\n\
         [camera.gate]\nurl = \"rtsp://a/\"\nurl_env = \"GATE\"\n\
         [unknown]\n",
    );
    let said = said(&done);
    assert_eq!(done.status.code(), Some(78));
    for sentence in [
        "line 2: [http] has no key \"lissten\": did you mean \"listen\"?",
        "line 3: http.max_connections must be 1 to 65536",
        "line 5: media.udp must be an address and a port",
        "line 6: media.tcp must be true or false, not an integer",
        "line 8: log.level must be one of \"error\", \"warn\", \"info\", \"debug\", not \"loud\"",
        "line 10: [tuning] has no key \"nak\": did you mean \"nack\"?",
        "line 11: tuning.max_sessions must be 0 to 1000000",
        "line 13: camera.door.url must be a string, not an integer",
        "line 14: [camera.door] has no key \"transprot\": did you mean \"transport\"?",
        "line 12: camera.door: there is no camera \"yard\"",
        "line 17: camera.gate.url excludes url_file and url_env: one of them",
        "line 19: the file has no key \"unknown\": there are: http, media, access, log, service, tuning, camera",
    ] {
        assert!(said.contains(sentence), "{sentence} is not in:\n{said}");
    }
    assert_eq!(said.lines().count(), 13, "{said}");
}

#[test]
fn what_the_library_would_refuse_is_refused_before() {
    let folder = Folder::new("refused");
    for (text, sentence) in [
        (
            "[camera.door]\nurl = \"http://user:hunter2@a/\"\n",
            "line 1: camera door: ",
        ),
        (
            "[camera.door]\nurl = \"rtsp://a/\"\n[[camera.door.whip]]\nurl = \"rtsp://user:hunter2@b/\"\n",
            "line 3: camera door: whip: the URL of an output must be http or https",
        ),
        (
            "[camera.door]\nurl = \"rtsp://a/\"\n[[camera.door.whip]]\nurl = \"https://b/\"\ntoken = \"hunter2 \"\n",
            "line 3: camera door: whip: bearer_token must have",
        ),
        (
            "\n[camera.api]\nurl = \"rtsp://a/\"\n",
            "line 2: camera api: \"api\" cannot be the name",
        ),
        (
            "[camera.\"a b\"]\nurl = \"rtsp://a/\"\n",
            "a stream name must have",
        ),
        ("[access]\ntokens = [\"hunter2 \"]\n", "bearer_tokens takes"),
        ("[access]\ntokens = []\n", "line 1: access names no token"),
        ("[media]\nstun_servers = [\"\"]\n", "stun_servers: "),
        (
            "[media]\npublic_addresses = [\"here\"]\n",
            "line 2: media.public_addresses must be IP addresses",
        ),
        (
            "[http]\ntls_certificate = \"gateway.toml\"\n",
            "need each other",
        ),
        (
            "[http]\ntls_certificate = \"gateway.toml\"\ntls_private_key = \"gateway.toml\"\n",
            "http: ",
        ),
        (
            "[camera.a]\nurl = \"rtsp://a/\"\nretry_min_ms = 5000\nretry_max_ms = 1000\n",
            "line 1: camera a: ",
        ),
        (
            "[camera.a]\nurl = \"rtsp://a/\"\nvariants = [\"b\", \"b\"]\n[camera.b]\nurl = \"rtsp://b/\"\n",
            "line 1: camera a: ",
        ),
        (
            "[camera.a]\npassword_file = \"none\"\n",
            "line 2: camera.a.password_file is of no use: cannot read",
        ),
        (
            "[camera.a]\nurl_env = \"NO_SUCH\"\n",
            "line 2: camera.a.url_env is of no use: the environment has no",
        ),
        ("camera = 1\n", "camera must be a table"),
        (
            "[camera]\ndoor = \"rtsp://user:hunter2@a/\"\n",
            "camera.door must be a table",
        ),
        (
            "[camera.door\nurl = \"rtsp://user:hunter2@a/\"\n",
            "line 1: ",
        ),
        (
            "[camera.door]\nurl = \"rtsp://user:hunter2@a/\n",
            "line 2: ",
        ),
    ] {
        let done = check(&folder, text);
        let said = said(&done);
        assert_eq!(done.status.code(), Some(78), "{text}: {said}");
        assert!(said.contains(sentence), "{sentence} is not in:\n{said}");
        assert!(!said.contains("hunter2"), "{said}");
    }
}

#[test]
fn secrets_come_from_files_and_the_environment() {
    let folder = Folder::new("secrets");
    folder.write("tokens", "from-file\n\nsecond\n");
    folder.write("password", "hunter2\n");
    let file = folder.write(
        "gateway.toml",
        &format!(
            "[http]\nlisten = \"127.0.0.1:0\"\n\
             [access]\ntokens = [\"plain\"]\ntoken_files = [\"tokens\"]\ntoken_env = [\"TOKEN\"]\n\
             [camera.door]\nurl = \"{DEAD}\"\nusername = \"admin\"\npassword_file = \"password\"\n\
             [camera.yard]\nurl_env = \"YARD\"\n"
        ),
    );
    let mut command = program();
    command.env("TOKEN", "from-env").env("YARD", DEAD);
    let running = Running::spawn(command.args(["--config", &file]));
    assert_eq!(running.get("/api/streams", None).0, 401);
    assert_eq!(running.get("/api/streams", Some("wrong")).0, 403);
    for token in ["plain", "from-file", "second", "from-env"] {
        assert_eq!(running.get("/api/streams", Some(token)).0, 200, "{token}");
    }
    assert_eq!(run(&["health", &running.address]).status.code(), Some(0));
    assert!(!running.said().contains("hunter2"));
}

#[test]
fn an_empty_file_is_valid() {
    assert!(check(&Folder::new("empty"), "").status.success());
}
