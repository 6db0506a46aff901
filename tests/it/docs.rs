//! README and help say what the code does.

use posweight::checks::CHECKS;
use posweight::engine::functions::FUNCTIONS;
use posweight::error::EXIT_CODES;
use posweight::sampling::METHODS;
use posweight::source::layout::LAYOUTS;
use posweight::weights::SCHEMES;

use crate::support::{Place, root};

fn readme() -> String {
    std::fs::read_to_string(root().join("README.md")).unwrap()
}

#[test]
fn the_readme_lists_every_layout_scheme_function_and_exit_code() {
    let readme = readme();
    for info in &LAYOUTS {
        let row = format!("| `{}` | {} | {} |", info.name, info.labels, info.types);
        assert!(readme.contains(&row), "README lacks: {row}");
    }
    for info in &SCHEMES {
        let parameters =
            if info.parameters.is_empty() { String::new() } else { format!(" (`{}`)", info.parameters) };
        let row =
            format!("| `{}`{parameters} | {} | {} |", info.name, info.formula.replace('|', "\\|"), info.kind);
        assert!(readme.contains(&row), "README lacks: {row}");
    }
    for info in &METHODS {
        let row = format!("| `{}` (`{}`) | {} |", info.name, info.parameters, info.about);
        assert!(readme.contains(&row), "README lacks: {row}");
    }
    for info in &FUNCTIONS {
        let row = format!("| `{}` | {} |", info.call, info.gives);
        assert!(readme.contains(&row), "README lacks: {row}");
    }
    for (code, _, meaning, _) in EXIT_CODES {
        assert!(readme.contains(&format!("| {code} | {meaning} |")), "README lacks exit code {code}");
    }
}

#[test]
fn every_verb_has_help_with_three_examples() {
    let place = Place::new();
    for verb in
        ["compute", "run", "sample", "inspect", "weigh", "diff", "sql", "report", "list", "completions"]
    {
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
    assert!(METHODS.iter().all(|info| plans.contains(info.name) && plans.contains(info.about)));
    let checks = place.run(&["list", "checks"]).stdout;
    assert!(CHECKS.iter().all(|info| checks.contains(info.name) && checks.contains(info.about)));
    let codes = place.run(&["list", "exit-codes"]).stdout;
    assert!(EXIT_CODES.iter().all(|(_, name, ..)| codes.contains(name)));
}
