//! The shell of `posweight sql`, and what messages about statements say.

use std::process::Command;

use arrow::array::{Int64Array, StringArray};

use crate::support::{Ended, Place, array, left_out, write};

fn sql(place: &Place, arguments: &[&str]) -> Ended {
    place.run(&[&["sql"], arguments].concat())
}

fn pets(place: &Place) {
    write(
        &place.path("pets/a.parquet"),
        vec![
            ("cat", array(Int64Array::from(vec![0, 1, 1]))),
            ("Dog", array(Int64Array::from(vec![0, 0, 1]))),
            ("split", array(StringArray::from(vec!["train", "train", "test"]))),
        ],
    );
}

/// The error and the hint of statements, one line each.
fn said(place: &Place, arguments: &[&str]) -> (String, String) {
    let ended = sql(place, arguments);
    assert_ne!(ended.code, 0, "{arguments:?}");
    let (error, hint) = ended.stderr.split_once("\n  hint: ").expect(&ended.stderr);
    (error.to_owned(), hint.trim_end().to_owned())
}

#[test]
fn a_query_without_its_flag_is_told_where_it_stands() {
    let place = Place::new();
    let ended = sql(&place, &["SELECT 'a' AS x"]);
    assert_eq!(ended.code, 2, "{}", ended.stderr);
    let told = r"a query stands behind -c: posweight sql -c 'SELECT '\''a'\'' AS x'";
    assert!(ended.stderr.contains(told), "{}", ended.stderr);
    let mistyped = sql(&place, &["--comand", "SELECT 1"]);
    assert!(mistyped.code == 2 && !mistyped.stderr.contains("behind -c"), "{}", mistyped.stderr);
}

#[test]
fn hints_fit_the_mistake() {
    let place = Place::new();
    pets(&place);
    place.weights(&["pets", "--labels", "cat"]);
    let table = ["--table", "pets=pets"];
    for (query, error, hint) in [
        ("SELECT dog FROM pets", "there is no column \"dog\"", "write \"Dog\" in double quotes"),
        (
            "SELECT 1 FROM pets WHERE split = \"train\"",
            "there is no column \"train\"",
            "texts are in single quotes: 'train'",
        ),
        ("SELECT splt FROM pets", "there is no column \"splt\"", "did you mean split?"),
        ("SELECT 1 FROM pest", "table 'pest' not found", "did you mean pets?"),
        ("SELECT 1 FROM 'otu'.counts", "table 'otu.counts' not found", "did you mean 'out'.counts?"),
        ("SELECT 1 FROM 'out'.cuonts", "table 'out.cuonts' not found", "did you mean 'out'.counts?"),
        ("SELECT positivs(cat) FROM pets", "Invalid function 'positivs'", "did you mean positives?"),
        ("SELECT 'a FROM pets", "Unterminated string", "close the quote"),
        ("SELECT cat FROM pets GROUP BY split", "GROUP BY", "add the column to GROUP BY"),
        ("SELECT year(cat) FROM pets", "Invalid function 'year'", "write date_part('year', x)"),
        (
            "SELECT max_by(cat, split) FROM pets",
            "Invalid function 'max_by'",
            "first_value(x ORDER BY y DESC NULLS LAST)",
        ),
        ("INSERT INTO pets VALUES (1)", "INSERT writes", "--allow-write"),
        ("UPDATE pets SET cat = 1", "UPDATE writes", "--allow-write"),
        ("DELETE FROM pets", "DELETE writes", "--allow-write"),
        ("SELECT 1 FROM out", "\"out\" is a finished run", "FROM 'out'.counts"),
        ("SELECT label_counts('pets')", "Invalid function 'label_counts'", "SELECT * FROM label_counts("),
        ("SELECT 1 FROM positives('pets')", "'positives' not found", "SELECT positives(x) FROM"),
        ("SELECT avg(split) FROM pets", "avg takes numbers, but split is text", "CAST(x AS DOUBLE)"),
        ("SELECT avg(cat = 1) FROM pets", "avg takes numbers, but cat = 1 is bool", "prevalence(cat = 1)"),
        ("SELECT 1 FROM pets WHERE cat = 'x'", "Cannot cast string 'x'", "TRY_CAST"),
    ] {
        let (found, advice) = said(&place, &[&table[..], &["-c", query]].concat());
        assert!(found.contains(error) && advice.contains(hint), "{query}: {found}\n{advice}");
        let about_quotes = hint.contains("quote");
        assert_eq!(advice.contains("quote"), about_quotes, "{query}: {advice}");
    }
    let (_, advice) = said(&place, &["--table", "Animals=pets", "-c", "SELECT 1 FROM Animals"]);
    assert!(advice.contains("write \"Animals\""), "{advice}");
    let (_, advice) = said(&place, &["--run", "otu", "-c", "SELECT 1"]);
    assert!(advice.contains("did you mean out?"), "{advice}");
    let (_, advice) =
        said(&place, &["--allow-write", "--table", "pets=pets", "-c", "INSERT INTO pets SELECT * FROM pets"]);
    assert!(advice.contains("CREATE EXTERNAL TABLE"), "{advice}");
}

#[test]
fn a_condition_explains_texts_in_double_quotes_as_a_query_does() {
    let place = Place::new();
    pets(&place);
    for (condition, hint) in [
        ("split = \"train\"", "texts are in single quotes: 'train'"),
        ("dog = 1", "write \"Dog\" in double quotes"),
        ("splt = 'train'", "did you mean split?"),
        ("nothing = 1", "the columns are cat, \"Dog\", split"),
        ("split = 'train", "close the quote"),
        ("cat IN ([1])", "SQL condition"),
    ] {
        let ended = place.run(&["compute", "pets", "--labels", "cat", "--where", condition, "--out", "o"]);
        assert_eq!(ended.code, 2, "{condition}: {}", ended.stderr);
        assert!(ended.stderr.contains(hint), "{condition}: {}", ended.stderr);
        for word in ["?table?", "__posweight", "Int64", "Utf8"] {
            assert!(!ended.stderr.contains(word), "{condition}: {}", ended.stderr);
        }
    }
}

#[test]
fn messages_of_sql_have_plain_words_for_types() {
    let place = Place::new();
    pets(&place);
    for query in [
        "SELECT 1 FROM 'pets' WHERE cat = [1]",
        "SELECT positives([1])",
        "SELECT cat + split FROM 'pets'",
        "SELECT abs(split, 1) FROM 'pets'",
        "SELECT nothing FROM 'pets'",
        "SELECT sum(9223372036854775807) FROM 'pets'",
        "SELECT positives(cat + 5) FROM 'pets'",
        "SELECT avg(split) FROM 'pets'",
        "SELECT upper(cat) FROM 'pets'",
        "SELECT 1 FROM 'pets' WHERE cat = 'x'",
        "SELECT CAST(split AS INT) FROM 'pets'",
    ] {
        let ended = sql(&place, &["-c", query]);
        for word in ["?table?", "__posweight", "Int64", "Utf8", "Float64"] {
            assert!(!ended.stderr.contains(word), "{query}: {}", ended.stderr);
        }
        assert!(
            ended.code != 0 && ended.stderr.contains("hint:"),
            "{query}: {} {}",
            ended.stdout,
            ended.stderr
        );
    }
}

#[test]
fn several_runs_are_tables_by_name() {
    let place = Place::new();
    pets(&place);
    place.weights(&["pets", "--labels", "cat"]);
    let second = place.run(&["compute", "pets", "--labels", "Dog", "--out", "runs/dogs"]);
    assert_eq!(second.code, 0, "{}", second.stderr);
    let rows = |arguments: &[&str]| {
        let ended = sql(&place, arguments);
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        ended.stdout
    };
    let query = "SELECT a.label AS a, b.label AS b FROM out.counts a, dogs.weights b";
    assert_eq!(rows(&["--run", "out", "--run", "runs/dogs/", "-c", query]), "a,b\ncat,Dog\n");
    let named = "SELECT a.label AS a, b.label AS b FROM new.counts a, old.counts b";
    assert_eq!(
        rows(&["--safe", "--run", "new=runs/dogs", "--run", "old=out", "-c", named]),
        "a,b\nDog,cat\n"
    );
    assert_eq!(rows(&["--run", "out", "-c", "SELECT label FROM counts"]), "label\ncat\n");
    assert_eq!(rows(&["--run", "out", "-c", "SELECT label FROM out.counts"]), "label\ncat\n");
    let (error, hint) = said(&place, &["--run", "out", "--run", "out", "-c", "SELECT 1"]);
    assert!(error.contains("two runs \"out\"") && hint.contains("--run old=DIR"), "{error} {hint}");
    let (_, hint) = said(&place, &["--run", "out", "--run", "runs/dogs", "-c", "SELECT 1 FROM dgos.counts"]);
    assert_eq!(hint, "did you mean dogs.counts?");
    let capital = ["--run", "Old=out", "--run", "New=runs/dogs", "-c"];
    let (_, hint) = said(&place, &[&capital[..], &["SELECT 1 FROM Old.counts"]].concat());
    assert!(hint.contains("write \"Old\".counts"), "{hint}");
    assert_eq!(rows(&[&capital[..], &["SELECT label FROM \"Old\".counts"]].concat()), "label\ncat\n");
    for name in ["public", "information_schema"] {
        let runs = ["--run", &format!("{name}=out"), "--run", "runs/dogs", "-c", "SELECT 1"];
        let (error, hint) = said(&place, &runs);
        assert!(
            error.contains(&format!("cannot be called {name:?}")) && hint.contains("--run old=out"),
            "{error} {hint}"
        );
    }
    let (error, hint) = said(&place, &["--table", "counts=pets", "--run", "out", "-c", "SELECT 1"]);
    assert!(
        error.contains("two tables \"counts\"") && hint.contains("--table another name"),
        "{error} {hint}"
    );
}

#[test]
fn an_output_has_one_document_of_json() {
    let place = Place::new();
    let two = ["-c", "SELECT 1 AS a; SELECT 2 AS a"];
    let ended = sql(&place, &[&["--format", "json"][..], &two].concat());
    assert_eq!((ended.code, ended.stdout.as_str()), (2, ""), "{}", ended.stderr);
    assert!(ended.stderr.contains("ndjson"), "{}", ended.stderr);
    let ended = sql(&place, &[&["--out", "o.json"][..], &two].concat());
    assert_eq!((ended.code, place.path("o.json").exists()), (2, false));
    assert_eq!(sql(&place, &[&["--format", "ndjson"][..], &two].concat()).stdout, "{\"a\":1}\n{\"a\":2}\n");
    let view = "CREATE VIEW v AS SELECT 1 AS a; SELECT a FROM v";
    assert_eq!(sql(&place, &["--format", "json", "-c", view]).stdout, "[\n{\"a\":1}\n]\n");
}

#[test]
fn plans_are_text_and_options_take_lists() {
    let place = Place::new();
    pets(&place);
    let plan = sql(&place, &["-c", "EXPLAIN SELECT cat FROM 'pets/' WHERE cat = 1"]).stdout;
    let lines: Vec<&str> = plan.lines().collect();
    assert_eq!(lines[0], "logical plan", "{plan}");
    assert!(lines[1].starts_with("  ") && !plan.contains('|') && !plan.contains("\\n"), "{plan}");
    let rows = sql(&place, &["--format", "csv", "-c", "EXPLAIN SELECT 1"]).stdout;
    assert!(rows.starts_with("plan_type,plan\n"), "{rows}");
    let call = "SELECT label, positives FROM label_counts('pets/', 'labels=[\"cat\", \"Dog\"], missing_values=[-1, 7]')";
    let ended = sql(&place, &["-c", call]);
    assert_eq!(
        (ended.stdout.as_str(), ended.code),
        ("label,positives\ncat,2\nDog,1\n", 0),
        "{}",
        ended.stderr
    );
}

/// Types lines into the shell on a terminal, and prints what it shows.
const TERMINAL: &str = r#"
import os, pty, select, sys, time
program, folder, lines = sys.argv[1], sys.argv[2], sys.argv[3:]
pid, terminal = pty.fork()
if pid == 0:
    os.chdir(folder)
    os.environ.update(TERM="xterm", HOME=folder, XDG_STATE_HOME=folder)
    os.execv(program, [program, "sql", "--table", "pets=pets", "--threads", "1"])
shown = b""
def read(seconds):
    global shown
    start = len(shown)
    end = time.time() + seconds
    while time.time() < end:
        if select.select([terminal], [], [], 0.05)[0]:
            try:
                new = os.read(terminal, 65536)
            except OSError:
                return
            if not new:
                return
            shown += new
            if b"> " in new[-60:]:
                end = min(end, time.time() + 0.3)
read(20)
for line in lines:
    os.write(terminal, line.encode().decode("unicode_escape").encode())
    read(20)
for end in range(100):
    done, status = os.waitpid(pid, os.WNOHANG)
    if done:
        break
    time.sleep(0.1)
else:
    os.kill(pid, 9)
    status = -1
sys.stdout.buffer.write(shown)
sys.exit(0 if status == 0 else 1)
"#;

/// What the shell shows when `lines` are typed, each with its end; it must quit by itself.
fn typed(place: &Place, lines: &[&str]) -> Option<String> {
    let python = std::env::var("POSWEIGHT_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    if !Command::new(&python).args(["-c", "import pty"]).output().is_ok_and(|ended| ended.status.success()) {
        left_out("the shell on a terminal", &format!("{python} has no pty"));
        return None;
    }
    let mut run = Command::new(&python);
    run.args(["-c", TERMINAL, env!("CARGO_BIN_EXE_posweight")]).arg(place.dir.path()).args(lines);
    let output = run.output().unwrap();
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "the shell did not quit: {shown}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    Some(shown)
}

#[test]
fn a_stray_statement_in_the_shell_can_be_left() {
    let place = Place::new();
    pets(&place);
    let lines = [
        "hepl\\r",
        "help\\r",
        "\\r",
        "SELECT 40 +\\r",
        "2 AS n;\\r",
        "SELECT 'x\\r",
        "\\x03",
        "wrong\\r",
        "\\\\r\\r",
        "EXPLAIN SELECT 1 AS one;\\r",
        "select\\r",
        "exit\\r",
    ];
    let Some(shown) = typed(&place, &lines) else { return };
    assert_eq!(shown.matches("the statement was left").count(), 3, "{shown}");
    assert!(shown.contains("      ...> ") && shown.contains("        '> "), "{shown}");
    assert!(shown.contains(".timer on|off"), "help is shown inside a statement: {shown}");
    assert!(shown.contains("| 42 |"), "{shown}");
    assert!(shown.contains("logical plan"), "{shown}");
    assert!(!shown.contains("error:"), "{shown}");
}

/// As `tmux send-keys`, expect and editors send them: no line is lost, in whatever pieces they arrive.
#[test]
fn lines_that_arrive_at_once_are_all_read() {
    let place = Place::new();
    pets(&place);
    let lines = ["SELECT 40 + 1 AS a;\\rSELECT 40 + 2 AS b;\\rSELECT 40\\r+ 3\\r AS c;\\r", "quit\\r"];
    let Some(shown) = typed(&place, &lines) else { return };
    for answer in ["| 41 |", "| 42 |", "| 43 |"] {
        assert!(shown.contains(answer), "{answer}: {shown}");
    }
    assert!(!shown.contains("error:"), "{shown}");
}

#[test]
fn the_shell_completes_by_place() {
    let place = Place::new();
    pets(&place);
    let Some(shown) = typed(
        &place,
        &["SELECT spl\\t FROM pe\\t WHERE spli\\t = 'test';\\r", "SELECT 1 FROM 'pe\\t';\\r", "quit\\r"],
    ) else {
        return;
    };
    assert!(shown.contains("| test  |"), "{shown}");
    assert!(shown.contains("FROM 'pets/") && !shown.contains("error:"), "{shown}");
}
