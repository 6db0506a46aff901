//! One integration binary, so that DataFusion is linked once.
//!
//! Tests of random cases and of large tables try a fourth of them; `POSWEIGHT_CASES=all` tries all.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, reason = "tests")]

/// What tests are written with: a folder, shards, runs of the program.
mod support;
/// Random shards and specs for property tests.
mod generate;
/// A small S3 server.
#[cfg(feature = "cloud")]
mod s3;
/// A scheduler and executors.
#[cfg(feature = "cluster")]
mod machines;

/// The shape of src/.
mod layers;
/// Which file of src/ names which.
mod imports;
/// No two files of src/ import each other.
mod circles;
/// One name, one type.
mod type_names;
/// Flags that reshape weights or messages.
mod flags;
/// Flags about values in every layout.
mod layout_flags;
/// README, pages and help match the code; their examples run.
mod docs;
/// What a new user meets first.
mod first_steps;
/// sample_data/ equals its generator.
mod sample_data;
/// Every file of pipelines/ runs.
mod pipelines;
/// The examples for schedulers are well-formed, with existing flags and exit codes.
mod schedulers;

/// Every layout and physical type gives the same counts.
mod counts;
/// Which columns are labels: a sure reading, or a question.
mod source_detect;
/// What a question about columns offers, which works as it is printed.
mod readings;
/// Columns without values, rare values, rows without labels.
mod detection;
mod detection_results;
/// Guesses that all rows do not bear out.
mod guesses;
/// Columns that are named, offered or like labels are never passed over in silence.
mod passed_over;
/// Readings that cells and rows show, whatever columns are called.
mod other_readings;
/// Columns that hold the same labels as others.
mod same_labels;
/// What a path stands for.
mod source_listing;
/// Files of other formats than Parquet.
mod formats;
/// The names of labels and their order.
mod source_names;
/// The meaning of values.
mod source_values;
/// Types that differ between shards, and those of keys of folders.
mod types;
/// Dictionaries of every type, from Arrow files, streams and Parquet.
mod dictionaries;
/// Soft values, weights and row measures of layout long.
mod pairs;
/// Elements of lists as units.
mod units;
/// Ancestors of labels that have a cell of their own, or a line.
mod hierarchy;
/// Labels inside other columns.
mod nested;
/// Labels with a value each.
mod maps;
/// The labels of rows, with their positions.
mod rows;
/// Page indexes are used to skip pages.
mod page_index;
/// All engines give the same bytes.
mod engines;
/// What is asked of rows beside their labels.
mod row_questions;
/// Comparisons with NaN.
mod nan;
/// Casts in conditions.
mod casts;
/// Patients, users or documents are counted beside rows.
mod groups;
/// Thresholds and soft values.
mod judged;
/// Shards of other Parquet writers.
mod writers;
/// Damaged shards are errors, never panics or wrong counts.
mod fuzz;
/// The same in every verb and layout, and of every file that is read back.
mod gauntlet;
/// Memory limits hold.
mod memory;

/// Numbers at their limits.
mod huge;

/// Every artifact reads back, the same for any thread count and shard order.
mod artifacts;
/// What reports show, and the HTML page.
mod reports;
/// Findings that apply, hints that work, code that fits.
mod wording;
mod wording_hints;
/// Checks that keep a result from being published.
mod checks;
/// Two results compared.
mod diff;
/// Saved counts of shards.
mod states;
/// Two runs at once, shards that change, shards that cannot be read.
mod nightly;
/// What decides a result from night to night, and what does not.
mod nights;
/// Many pipelines every night: skipped shards, checks, states, jobs.
mod fleets;
/// Several jobs share the shards.
mod jobs;

/// Sampling plans.
mod sampler;
mod sampling;
/// Plans of layout long name rows by id.
mod sampling_ids;
/// Sampling plans equal a slow, obvious implementation.
mod sampling_oracle;
/// Shards with the plan applied.
mod sampling_copies;
/// Shards with columns more: weights of rows, and the target tensor.
mod apply;
/// Shards of every layout for it.
mod apply_sets;
/// The fold of each row, by a plan of the same shards.
mod apply_folds;
/// Plans side by side, and folds that keep groups together.
mod sampling_plans;
/// What is said of folds and of labels on both sides of MeanIR; results inside their sources are refused.
mod sampling_folds;
/// INT96 timestamps: compared, queried and copied as they are, or refused.
mod int96;

/// The verb sql: formats, refusals, tables.
mod sql;
/// Queries whose numbers must not be wrong without a word.
mod sql_numbers;
/// Tables that statements of sql name, rows with their places, names of columns.
mod sql_tables;
mod sql_types;
/// Ways out of what sql refuses.
mod sql_ways;
/// Scripts of sql, and the file for the rows.
mod sql_scripts;
/// The shell of sql, and messages about statements.
mod sql_shell;
/// COPY and INSERT.
mod sql_copies;
/// Queries and their answers, as sqllogictest files.
mod slt;
mod small_tables;

/// Bad input: exit code, message, remedy; nothing published.
mod bad_input;
mod beside;
mod doubtful;
/// Small things that messages and summaries must get right.
mod messages;
/// The process is killed and the disk fails at every step of writing.
mod faults;
/// Few open files, little memory, closed streams, many runs at once.
mod surroundings;
/// Rows of stdin: counted as they come, and passed on.
mod streams;
/// The live view of a run on a terminal.
mod live;
/// `watch` follows shards that come and go.
mod watch;
mod well_known;
mod handed;
/// Streams, variables, schemas and collectors: the world around a run.
mod outside;

/// Shards and results in stores that fail, delay, cut off and replace objects.
mod stores;
/// Shards and results in an S3 server over HTTP.
#[cfg(feature = "cloud")]
mod stores_s3;
/// What services answer decides the exit code.
#[cfg(feature = "cloud")]
mod store_answers;
/// The same with moto as the server.
#[cfg(feature = "cloud")]
mod stores_moto;
/// Datasets of a Hub: a small server lists them, another host has the bytes.
#[cfg(feature = "cloud")]
mod hub;
/// The program as a job in the cloud.
#[cfg(feature = "cloud")]
mod cloud;
/// A cluster that is only simulated.
mod simulation;
/// A scheduler and two executors give the bytes of one process, even if one of them is killed.
#[cfg(feature = "cluster")]
mod cluster;
/// A cluster with a token: encrypted, and closed for everyone else.
#[cfg(feature = "cluster")]
mod cluster_tokens;
/// Machines that are lost, paused, full or cut off.
#[cfg(feature = "cluster")]
mod cluster_faults;
/// The examples that start a cluster: well-formed, and their commands count on this machine.
#[cfg(feature = "cluster")]
mod cluster_examples;
/// The same with shards in a store.
#[cfg(all(feature = "cluster", feature = "cloud"))]
mod cluster_stores;
#[cfg(feature = "cluster")]
mod cluster_work;
/// Nights that nobody watches.
mod unattended;
/// Files in which it is not clear what the labels are.
mod unclear;
/// What results say of themselves, and how they are read again.
mod reopened;
/// Several class columns.
mod heads;
/// Labels in strings, bits, and their ancestors.
mod texts;
/// Panics of the Parquet reader are bad input.
mod trust;
/// The same rows in every shape.
mod shapes;
/// Tables of Delta Lake and Iceberg.
#[cfg(all(feature = "delta", feature = "iceberg"))]
mod tables;
