//! `jobruns` archives the job-run history of Symantec/Broadcom Control Compliance Suite (CCS) into SQLite.
//!
//! Which module may use which (`tests/documents/architecture.rs` compares it with every `crate::` path, and finds files that use one another):
//!
//! ```text
//! cli       -> sync, report, lake, evidence, archive, simulator, config, ccs, decode, model, text, memory
//! sync      -> ccs, archive, decode, model, text
//! report    -> archive, model, text, memory
//! lake      -> archive, model
//! evidence  -> report, archive, decode, model, text
//! archive   -> decode, model, memory
//! config    -> ccs, model, text
//! ccs       -> model, text
//! decode    -> model
//! simulator ->
//! text      ->
//! memory    ->
//! model     ->
//! ```
//!
//! | module | contents | guarantees |
//! | --- | --- | --- |
//! | [`model`] | jobs, runs, messages, statuses, instants | no I/O, no SQL, no HTTP, no JSON |
//! | [`decode`] | the bytes of an answer to runs, one at a time | pure; holds one run; never panics on foreign bytes |
//! | [`ccs`] | the REST client: token, TLS, retry | the only HTTP client |
//! | [`archive`] | the SQLite file: opening, writing, ledger, queries, verify, repair, retention, backup | the only SQL that is run; no async |
//! | [`sync`] | joins `ccs`, `decode` and `archive` | one writer; no printing |
//! | [`report`] | rows of the archive to tables, tables to bytes | rows in, bytes out |
//! | [`lake`] | the archive as Parquet files for other engines, brought up to date | only the manifest's files count |
//! | [`evidence`] | the package for an outside auditor | made from ledger and payloads alone; the same bytes each time |
//! | [`config`] | flags, environment, file; credentials | secrets print as redacted |
//! | [`simulator`] | a CCS look-alike for demo and tests | written from the API document and what is known of real servers; shares no code with `decode` or `ccs` |
//! | [`text`] | foreign texts made printable, and cut to a length | none of their characters can control a terminal |
//! | [`memory`] | limits on this process's memory and threads | reports what the operating system reports |
//! | [`cli`] | one file per command | the only printing, prompting and exit codes |
//!
//! The package is a program: what of this library is public is there for the binary, tests, benches and fuzzing. The rest is
//! private, so that the compiler reports unused code.

pub mod archive;
pub mod ccs;
pub mod cli;
mod config;
pub mod decode;
pub mod evidence;
mod lake;
pub mod memory;
pub mod model;
mod report;
pub mod simulator;
pub mod sync;
mod text;
