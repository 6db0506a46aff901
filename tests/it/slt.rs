//! The query files of `tests/slt/`: statements, their answers and their refusals.
//!
//! `POSWEIGHT_SLT=update cargo test slt` writes the answers anew; read what changed before you keep it.

use std::path::PathBuf;

use arrow::util::display::{ArrayFormatter, FormatOptions};
use posweight::error::{Error, Result};
use posweight::testing::Queries;
use sqllogictest::{
    AsyncDB, DBOutput, DefaultColumnType, Runner, default_column_validator, default_normalizer,
    default_validator,
};

use crate::support::{Place, root};

struct Database(Queries);

#[async_trait::async_trait]
impl AsyncDB for Database {
    type Error = Error;
    type ColumnType = DefaultColumnType;

    async fn run(&mut self, sql: &str) -> Result<DBOutput<DefaultColumnType>> {
        let (columns, batches) = self.0.answer(sql).await?;
        let options = FormatOptions::default().with_null("NULL");
        let mut rows = Vec::new();
        for batch in batches {
            let cells: Vec<_> =
                batch.columns().iter().map(|c| ArrayFormatter::try_new(c, &options).unwrap()).collect();
            let row = |row| -> Vec<String> {
                cells.iter().map(|cell| cell.value(row).to_string().replace('\n', " ⏎ ")).collect()
            };
            rows.extend((0..batch.num_rows()).map(row));
        }
        if columns == 0 {
            return Ok(DBOutput::StatementComplete(0));
        }
        Ok(DBOutput::Rows { types: vec![DefaultColumnType::Any; columns], rows })
    }

    async fn shutdown(&mut self) {}
}

fn run(name: &'static str, paths: bool) {
    let place = Place::new();
    place.weights(&[&root().join("sample_data/wide").display().to_string()]);
    let table = |name: &str| format!("{name}={}", root().join("sample_data").join(name).display());
    let connect = || {
        let opened = Queries::open(vec![table("wide"), table("list")], &place.path("out"), paths);
        async move { opened.map(Database) }
    };
    let mut runner = Runner::new(connect);
    let file: PathBuf = root().join("tests/slt").join(name);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        if std::env::var_os("POSWEIGHT_SLT").is_some_and(|what| what == "update") {
            let updated = runner
                .update_test_file(&file, " ", default_validator, default_normalizer, default_column_validator)
                .await;
            updated.unwrap();
        } else if let Err(error) = runner.run_file_async(&file).await {
            panic!("{}", error.display(false));
        }
    });
}

#[test]
fn aggregates() {
    run("aggregates.slt", true);
}

#[test]
fn scalars() {
    run("scalars.slt", true);
}

#[test]
fn nulls() {
    run("nulls.slt", true);
}

#[test]
fn sums() {
    run("sums.slt", true);
}

#[test]
fn twice() {
    run("twice.slt", true);
}

#[test]
fn times() {
    run("times.slt", true);
}

#[test]
fn elsewhere() {
    run("elsewhere.slt", true);
}

#[test]
fn tables() {
    run("tables.slt", true);
}

#[test]
fn refusals() {
    run("refusals.slt", true);
}

#[test]
fn kinds() {
    run("kinds.slt", true);
}

#[test]
fn safe() {
    run("safe.slt", false);
}
