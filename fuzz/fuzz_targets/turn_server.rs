#![cfg_attr(fuzzing, no_main)]

fuzz::program!(TURN_SERVER);
