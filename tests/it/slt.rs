//! The query files of `tests/slt/`: statements, their answers and their refusals.
//!
//! `POSWEIGHT_SLT=update cargo test slt` writes the answers anew; read what changed before you keep it.

use std::path::PathBuf;

use arrow::util::display::{ArrayFormatter, FormatOptions};
use posweight::engine::session::Limits;
use posweight::engine::sql::{Access, Session};
use posweight::error::{Error, Result};
use posweight::pipeline::sql::{SqlRequest, open};
use sqllogictest::{
    AsyncDB, DBOutput, DefaultColumnType, Runner, default_column_validator, default_normalizer,
    default_validator,
};

use crate::support::{Place, root};

struct Queries(Session);

#[async_trait::async_trait]
impl AsyncDB for Queries {
    type Error = Error;
    type ColumnType = DefaultColumnType;

    async fn run(&mut self, sql: &str) -> Result<DBOutput<DefaultColumnType>> {
        let mut rows = Vec::new();
        let mut columns = 0;
        for statement in self.0.parse(sql)? {
            let mut answer = self.0.run(statement).await?;
            columns = answer.schema().fields().len();
            while let Some(batch) = answer.next().await {
                let batch = batch?;
                let options = FormatOptions::default().with_null("NULL");
                let cells: Vec<_> =
                    batch.columns().iter().map(|c| ArrayFormatter::try_new(c, &options).unwrap()).collect();
                let row = |row| {
                    cells
                        .iter()
                        .map(|cell| cell.value(row).to_string().replace('\n', " ⏎ "))
                        .collect::<Vec<_>>()
                };
                rows.extend((0..batch.num_rows()).map(row));
            }
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
    let request = SqlRequest {
        tables: vec![table("wide"), table("list")],
        run: Some(place.path("out")),
        limits: Limits::new(512 << 20, 2, None, 1 << 30),
        access: Access { paths, write: false },
    };
    let connect = || {
        let request = request.clone();
        async move { open(&request).map(Queries) }
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
fn tables() {
    run("tables.slt", true);
}

#[test]
fn refusals() {
    run("refusals.slt", true);
}

#[test]
fn safe() {
    run("safe.slt", false);
}
