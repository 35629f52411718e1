#![cfg_attr(fuzzing, no_main)]

fuzz::program!("stun_server");
