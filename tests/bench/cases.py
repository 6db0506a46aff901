"""The rows of the benchmark: what is counted, and how posweight is asked."""

import typing

WIDE = ["--layout", "wide", "--labels", "l*"]
LIST = ["--layout", "list", "--labels", "labels"]
LONG = ["--layout", "long", "--id", "example_id", "--labels", "label"]
VECTOR = ["--layout", "vector", "--labels", "y"]
TRAIN = ["--where", "split = 'train'"]
SPLIT = ["--by", "split"]


class Case(typing.NamedTuple):
    workload: str
    flags: list
    # Columns whose names begin so are those that the floor reads.
    columns: str
    # What is asked beside positives per label: a condition, groups, a weight, a threshold, or masses of probabilities.
    question: str = ""

    @property
    def inexact(self):
        """Whether figures are sums of doubles, which tools add up in orders of their own."""
        return self.question in ("weight", "soft")


# Counts alone, in all layouts.
LAYOUTS = {
    "wide_bool": Case("wide_bool", WIDE, "l"),
    "wide_u8": Case("wide_u8", WIDE, "l"),
    "fixed_f32": Case("fixed_f32", VECTOR, "y"),
    "list_i32": Case("list_i32", LIST, "labels"),
    "list_str": Case("list_str", LIST, "labels"),
    "xmc_i32": Case("xmc_i32", LIST, "labels"),
    "long_str": Case("long_str", LONG, ""),
    "struct_bool": Case("struct_bool", ["--layout", "wide", "--labels", "target.*"], "target"),
    "list_struct": Case("list_struct", ["--layout", "list", "--labels", "objects.category"], "objects"),
    "map_f32": Case("map_f32", ["--layout", "map", "--labels", "scores"], "scores"),
    "json_list": Case("json_list", LIST, "labels"),
    "delimited": Case("delimited", ["--layout", "delimited", "--labels", "labels", "--delimiter", "|"], "labels"),
    "files_5000": Case("files_5000", WIDE, "l"),
    "columns_5000": Case("columns_5000", WIDE, "l"),
    "long_ids": Case("long_ids", LONG, ""),
}
# Counts with a question.
QUESTIONS = {
    "wide, --where": Case("wide_split", WIDE + TRAIN, "l", "where"),
    "wide, --by": Case("wide_split", WIDE + SPLIT, "l", "by"),
    "wide, --sample-weight": Case("wide_split", [*WIDE, "--sample-weight", "w"], "l", "weight"),
    "list, --where": Case("list_split", LIST + TRAIN, "labels", "where"),
    "list, --by": Case("list_split", LIST + SPLIT, "labels", "by"),
    "vector, --threshold": Case("scores_f32", [*VECTOR, "--threshold", "0.5"], "y", "threshold"),
    "vector, --soft": Case("scores_f32", [*VECTOR, "--soft"], "y", "soft"),
}
CASES = LAYOUTS | QUESTIONS
# A default run: counts, measures of rows, all files of a result. No peer writes these.
DEFAULT = ["wide_bool", "fixed_f32", "list_i32", "list_str", "xmc_i32", "long_str"]
# Cases that are measured at 1, 4 and 16 times the rows.
GROWTH = ["wide_u8", "list_i32", "wide, --where", "wide, --by", "wide, --sample-weight", "vector, --threshold"]
