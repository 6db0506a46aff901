//! README, pages and help match the code, and their examples run.

use std::path::{Path, PathBuf};
use std::process::Command;

use posweight::error::EXIT_CODES;
use posweight::testing::CHECKS;
use posweight::testing::FUNCTIONS;
use posweight::testing::LAYOUTS;
use posweight::testing::MEASURES;
use posweight::testing::METHODS;
use posweight::testing::ROW_MEASURES;
use posweight::testing::SCHEMES;

use crate::support::{Ended, Place, root};

const README_LINES_MAX: usize = 150;
/// Marks of examples that need more than sample_data: other features, machines or a build.
const NEEDS_MORE: [&str; 8] = [
    "cargo install",
    "cargo test",
    "posweight cluster",
    "s3://",
    "/shared/",
    "python3",
    "pip install",
    "maturin",
];

fn read(name: &str) -> String {
    std::fs::read_to_string(root().join(name)).unwrap()
}

fn page(name: &str) -> String {
    read(&format!("src/docs/{name}.md"))
}

/// README and every page, with their paths.
fn texts() -> Vec<(PathBuf, String)> {
    let pages = std::fs::read_dir(root().join("src/docs")).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<PathBuf> = pages.chain([root().join("README.md")]).collect();
    paths.sort();
    paths.into_iter().map(|path| (path.clone(), std::fs::read_to_string(path).unwrap())).collect()
}

/// The fenced blocks of a language.
fn blocks<'t>(text: &'t str, language: &str) -> Vec<&'t str> {
    let opening = format!("```{language}\n");
    text.split(&opening).skip(1).map(|rest| rest.split_once("```").unwrap().0).collect()
}

/// A cell of a Markdown table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

/// A name with its parameters, as the first cell of a row.
fn call(name: &str, parameters: &str) -> String {
    if parameters.is_empty() { format!("`{name}`") } else { format!("`{name}` (`{}`)", cell(parameters)) }
}

#[test]
fn readme_and_pages_have_the_tables_of_the_code() {
    let has = |text: &str, name: &str, row: String| assert!(text.contains(&row), "{name} lacks: {row}");
    let readme = read("README.md");
    for info in &LAYOUTS {
        has(&readme, "README", format!("| `{}` | {} | {} |", info.name, info.labels, info.types));
    }
    for (code, _, meaning, retry) in EXIT_CODES {
        let retry = if retry { "yes" } else { "no" };
        has(&readme, "README", format!("| {code} | {meaning} | {retry} |"));
    }
    let schemes = page("schemes");
    for info in &SCHEMES {
        let row =
            format!("| {} | {} | {} |", call(info.name, info.parameters), cell(info.formula), info.kind);
        has(&schemes, "schemes", row);
    }
    let measures = MEASURES.iter().map(|m| (m.name, m.range, m.formula, m.source));
    for (name, range, formula, source) in
        measures.chain(ROW_MEASURES.iter().map(|m| (m.name, m.range, m.formula, m.source)))
    {
        has(&schemes, "schemes", format!("| `{name}` | {range} | {} | {source} |", cell(formula)));
    }
    let sampling = page("sampling");
    for info in &METHODS {
        let row = format!("| {} | {} | {} |", call(info.name, info.parameters), info.about, info.when);
        has(&sampling, "sampling", row);
    }
    let sql = page("sql");
    for info in &FUNCTIONS {
        has(&sql, "sql", format!("| `{}` | {} |", info.call, info.gives));
    }
}

#[test]
fn the_readme_is_short_and_its_links_lead_somewhere() {
    let readme = read("README.md");
    let length = readme.lines().count();
    assert!(length <= README_LINES_MAX, "README has {length} lines, at most {README_LINES_MAX} are allowed");
    let links: Vec<&str> = readme.split("](").skip(1).map(|rest| rest.split_once(')').unwrap().0).collect();
    for link in &links {
        assert!(root().join(link).exists(), "README links to {link}, which does not exist");
    }
    for (path, _) in texts().iter().filter(|(path, _)| !path.ends_with("README.md")) {
        let link = format!("src/docs/{}", path.file_name().unwrap().to_str().unwrap());
        assert!(links.contains(&link.as_str()), "README does not link to {link}");
        let module = format!("include_str!(\"{}\")", link.trim_start_matches("src/"));
        assert!(read("src/lib.rs").contains(&module), "src/lib.rs lacks {module}");
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            std::fs::copy(&path, &target).unwrap();
        }
    }
}

/// A folder as examples expect it: sample_data, pipelines, and the reader's own shards in `data`, with a column
/// `split`.
fn checkout() -> Place {
    let place = Place::new();
    for folder in ["sample_data", "pipelines"] {
        copy(&root().join(folder), &place.path(folder));
    }
    for (part, split) in ["train", "train", "train", "test"].into_iter().enumerate() {
        let folder = place.path(&format!("data/split={split}"));
        std::fs::create_dir_all(&folder).unwrap();
        let name = format!("part-{part}.parquet");
        std::fs::copy(root().join("sample_data/labels270").join(&name), folder.join(&name)).unwrap();
    }
    place
}

/// Runs a line of shell in the folder.
fn shell(place: &Place, line: &str) -> Ended {
    let program = Path::new(env!("CARGO_BIN_EXE_posweight"));
    let path = std::env::join_paths(
        [program.parent().unwrap().to_owned()]
            .into_iter()
            .chain(std::env::split_paths(&std::env::var_os("PATH").unwrap())),
    );
    let line = line.replace("cargo run -- ", "posweight ");
    let mut shell = Command::new("sh");
    shell.args(["-ec", &line]).env("PATH", path.unwrap()).current_dir(place.dir.path());
    Ended::of(&shell.output().unwrap())
}

/// Runs the lines of one text, in order; the number of those that ran.
fn run_examples(name: &str, text: &str) -> usize {
    let place = checkout();
    let mut ran = 0;
    let lines: Vec<&str> = blocks(text, "sh").into_iter().flat_map(str::lines).collect();
    for line in lines.into_iter().filter(|line| NEEDS_MORE.iter().all(|mark| !line.contains(mark))) {
        // Each job has its index in the environment.
        let jobs = line
            .split_once("--shard-count ")
            .map_or(1, |(_, count)| count.split(' ').next().unwrap().parse::<usize>().unwrap());
        for job in 0..jobs {
            let ended = shell(&place, &format!("JOB_COMPLETION_INDEX={job}; {line}"));
            assert_eq!(ended.code, 0, "{name}: {line}\n{}", ended.stderr);
        }
        ran += 1;
    }
    ran
}

#[test]
fn examples_of_readme_and_pages_run_on_sample_data() {
    let texts = texts();
    let ran: usize = std::thread::scope(|scope| {
        let running: Vec<_> = texts
            .iter()
            .map(|(path, text)| {
                scope.spawn(|| run_examples(path.file_name().unwrap().to_str().unwrap(), text))
            })
            .collect();
        running.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert!(ran >= 25, "only {ran} examples ran");
}

#[test]
fn examples_that_need_other_machines_have_flags_that_exist() {
    let place = Place::new();
    let mut checked = 0;
    for (path, text) in texts() {
        for line in blocks(&text, "sh").into_iter().flat_map(str::lines) {
            let needs_more = NEEDS_MORE.iter().any(|mark| line.contains(mark));
            if needs_more && (line.starts_with("posweight compute") || line.starts_with("posweight sample")) {
                let line = line.split(" #").next().unwrap();
                let ended = shell(&place, &format!("{line} --emit-spec"));
                assert_eq!(ended.code, 0, "{}: {line}\n{}", path.display(), ended.stderr);
                checked += 1;
            }
        }
    }
    assert!(checked >= 2, "only {checked} examples were checked");
}

/// What a run prints, without seconds and megabytes, which begin the last line and differ from run to run.
fn without_costs(text: &str) -> String {
    let (lines, last) = text.trim().rsplit_once('\n').unwrap();
    let (_, next) = last.split_once(" MB").unwrap();
    format!("{lines}\n{next}")
}

#[test]
fn the_first_command_prints_what_the_readme_shows() {
    let readme = read("README.md");
    let first = blocks(&readme, "sh")[0].lines().next().unwrap();
    assert!(first.starts_with("cargo run -- run pipelines/"), "{first}");
    let ended = shell(&checkout(), first);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let shown = blocks(&readme, "text")[0];
    assert_eq!(without_costs(shown), without_costs(&ended.stdout), "it prints:\n{}", ended.stdout);
}

#[test]
fn every_verb_has_help_with_three_examples() {
    let place = Place::new();
    for verb in [
        "compute",
        "run",
        "sample",
        "inspect",
        "weigh",
        "diff",
        "sql",
        "report",
        "list",
        "demo",
        "doctor",
        "completions",
    ] {
        let help = place.run(&[verb, "--help"]);
        assert_eq!(help.code, 0);
        let (_, examples) = help.stdout.split_once("Examples:\n").expect(verb);
        assert_eq!(examples.matches("  posweight ").count(), 3, "{verb}");
    }
}

#[test]
fn lists_show_the_tables_of_the_code() {
    let place = Place::new();
    let schemes = place.run(&["list", "schemes"]).stdout;
    assert!(SCHEMES.iter().all(|info| schemes.contains(info.name)));
    let plans = place.run(&["list", "plans"]).stdout;
    assert!(
        METHODS
            .iter()
            .all(|info| plans.contains(info.name) && plans.contains(info.about) && plans.contains(info.when))
    );
    let checks = place.run(&["list", "checks"]).stdout;
    assert!(CHECKS.iter().all(|info| checks.contains(info.name) && checks.contains(info.about)));
    let codes = place.run(&["list", "exit-codes"]).stdout;
    assert!(EXIT_CODES.iter().all(|(_, name, ..)| codes.contains(name)));
}
