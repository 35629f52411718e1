//! The program as it is started: by a command line, by a file, by a service manager.

mod check_camera;
mod command_line;
mod configuration;
mod container;
mod dashboard;
mod documents;
mod reload;
mod running;
mod service;
mod small_box;
