//! What is said twice is the same: the C header, the documents, the table of modules, the
//! licenses, the Rust version, copies of other crates.

mod features;
mod generated;
mod header;
mod licenses;
mod module_table;
mod quirk_docs;
mod rust_version;
mod status_docs;
mod third_party;
mod tuning_docs;
