//! Cameras, viewers and a host that come, go and misbehave for as long as one wants; at the end nothing may
//! have grown, and those who behaved must not have noticed. `make soak MINUTES=60`; two minutes in `make test`.
//!
//! The gateway is in a process of its own, with a host that never rests ([`host`]). This process has the
//! cameras, the viewers ([`viewers`]) and the watch ([`figures`]).

#[cfg(target_os = "linux")]
mod cameras;
#[cfg(target_os = "linux")]
mod figures;
#[cfg(target_os = "linux")]
mod host;
#[cfg(target_os = "linux")]
#[allow(dead_code)] // it draws bars, too
#[path = "../../benches/load/plot.rs"]
mod plot;
#[cfg(target_os = "linux")]
mod process;
#[cfg(target_os = "linux")]
mod run;
#[cfg(target_os = "linux")]
#[allow(dead_code)] // it describes the machine, too
#[path = "../../benches/load/usage.rs"]
mod usage;
#[cfg(target_os = "linux")]
mod viewers;
#[cfg(target_os = "linux")]
#[allow(dead_code)] // it serves, too
#[path = "../../benches/load/whep.rs"]
mod whep;

#[cfg(target_os = "linux")]
fn main() -> std::process::ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [host::ROLE, ref cameras @ ..] => {
            host::run(cameras);
            std::process::ExitCode::SUCCESS
        }
        // What `cargo test` asks of a program of tests.
        [.., "--list"] => {
            println!("soak: test");
            std::process::ExitCode::SUCCESS
        }
        _ => run::run(),
    }
}

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("What a process uses is read from /proc, which only Linux has.");
}
