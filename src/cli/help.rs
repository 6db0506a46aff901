//! `--help` shows the flags that most people need; `--help-all` shows every flag by group.

use clap::Command;

/// Verbs whose help would not fit two screens, with the flags that it shows first.
const COMMON: [(&str, &[&str]); 6] = [
    (
        "compute",
        &[
            "shards",
            "out",
            "overwrite",
            "layout",
            "labels",
            "delimiter",
            "vocabulary",
            "positive_values",
            "negative_values",
            "missing_values",
            "threshold",
            "null_as",
            "where",
            "by",
            "sample_weight",
            "scheme",
            "clip",
            "zero_positives",
            "memory_limit",
            "state",
            "quiet",
        ],
    ),
    (
        "run",
        &[
            "spec",
            "out",
            "overwrite",
            "set",
            "explain",
            "publish_on_check_failure",
            "state",
            "full",
            "skip_exit_code",
            "memory_limit",
            "quiet",
        ],
    ),
    (
        "sample",
        &[
            "shards",
            "plan",
            "groups",
            "seed",
            "epoch",
            "materialize",
            "dry_run",
            "out",
            "overwrite",
            "layout",
            "labels",
            "where",
            "memory_limit",
            "quiet",
        ],
    ),
    (
        "apply",
        &[
            "weights",
            "shards",
            "column",
            "targets",
            "scheme",
            "out",
            "overwrite",
            "layout",
            "labels",
            "vocabulary",
            "threshold",
            "memory_limit",
            "quiet",
        ],
    ),
    (
        "tee",
        &[
            "on_broken_pipe",
            "out",
            "overwrite",
            "layout",
            "labels",
            "delimiter",
            "vocabulary",
            "threshold",
            "null_as",
            "where",
            "by",
            "sample_weight",
            "scheme",
            "clip",
            "memory_limit",
            "quiet",
        ],
    ),
    (
        "watch",
        &[
            "shards",
            "every",
            "max_failures",
            "out",
            "state",
            "layout",
            "labels",
            "vocabulary",
            "where",
            "by",
            "scheme",
            "metrics_textfile",
            "memory_limit",
            "quiet",
        ],
    ),
];

/// Asks for the help with every flag.
const ALL: &str = "--help-all";

/// The command line with the short help of each verb.
pub(super) fn shortened(mut command: Command) -> Command {
    for (verb, common) in COMMON {
        command = command.mut_subcommand(verb, |verb| {
            let more = format!(
                "{}\n\nMore flags: posweight {} {ALL}",
                verb.get_after_help().map(ToString::to_string).unwrap_or_default(),
                verb.get_name()
            );
            verb.after_help(more).mut_args(|flag| {
                let is_common = common.contains(&flag.get_id().as_str());
                flag.hide(!is_common)
            })
        });
    }
    command
}

/// The help of a verb with every flag, if `arguments` ask for it.
pub(super) fn help_all(arguments: &[String], mut command: Command) -> Option<String> {
    arguments.iter().skip(1).take_while(|argument| *argument != "--").find(|argument| *argument == ALL)?;
    command.build();
    let verb = arguments.iter().find_map(|argument| command.find_subcommand(argument)).unwrap_or(&command);
    Some(verb.clone().render_help().to_string())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;
    use crate::cli::Cli;

    #[test]
    fn every_common_flag_is_a_flag_of_its_verb() {
        let command = Cli::command();
        for (verb, common) in COMMON {
            let verb = command.find_subcommand(verb).unwrap();
            for name in common {
                assert!(verb.get_arguments().any(|flag| flag.get_id() == name), "{} {name}", verb.get_name());
            }
        }
    }
}
