//! Columns that labels and weights give each row: one weight, a weight per label, or the target tensor itself.

use std::str::FromStr;

use super::method::Combine;
use crate::error::{Error, Result};

/// A column to add.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct AddedColumn {
    /// Its name.
    pub name: String,
    /// Its values.
    pub values: AddedValues,
}

/// What a column to add holds.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum AddedValues {
    /// One weight per row; `unlabelled` of a row without a positive label.
    SampleWeight { rule: RowRule, unlabelled: f64 },
    /// A weight for each label of each row; 0 where nothing is known.
    LossWeights(CellRule),
    /// The target tensor.
    Targets(TargetForm),
    /// The fold of the row, by the sampling plan in this folder; without one, by that of the result.
    Fold(Option<String>),
}

/// How the labels of a row become its weight.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum RowRule {
    /// The mean, maximum or sum of the weights of its labels.
    Labels(Combine),
    /// The weight by which a label is drawn evenly, then one of its rows.
    ClassUniform,
    /// The mean of the rebalanced weights of its labels.
    Rebalance(Rebalance),
}

/// How a label of a row gets its weight.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum CellRule {
    /// The weight of the label; of a negative label what is said here, or what the scheme means.
    Weights(Option<NegativeCells>),
    /// That of the distribution-balanced loss.
    Rebalance(Rebalance),
}

/// The weight of a label that a row does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NegativeCells {
    /// 1.
    One,
    /// The weight of the label.
    Weight,
}

/// The smoothing of the distribution-balanced loss: alpha + 1 / (1 + exp(-beta (r - mu))).
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Rebalance {
    pub(super) alpha: f64,
    pub(super) beta: f64,
    pub(super) mu: f64,
}

/// How targets are written.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum TargetForm {
    /// C numbers a row: 1, 0, and this for a missing label.
    Dense(MissingCell),
    /// Positions of the labels that a row has (value 1), and of its missing labels (value NaN).
    Sparse,
    /// Positions of the labels that a row has; NULL for a row of which nothing is known.
    Indices,
}

/// A missing cell of a target tensor.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum MissingCell {
    Nan,
    Null,
    Number(f32),
}

/// What a flag takes: its value, the parameters, what the column holds.
pub(crate) const ADDED: [(&str, &str, &str, &str); 6] = [
    (
        "--column",
        "sample_weight",
        "rule=mean|max|sum|class-uniform|rebalance, unlabelled=1, alpha=0.1, beta=10, mu=0.2, as=sample_weight",
        "one weight per row",
    ),
    (
        "--column",
        "loss_weights",
        "rule=weights|rebalance, negatives=one|weight, alpha=0.1, beta=10, mu=0.2, as=loss_weights",
        "one weight per label, 0 where nothing is known",
    ),
    ("--column", "fold", "plan=WEIGHTS, as=fold", "fold of the row by a plan of posweight sample"),
    ("--targets", "dense", "missing=nan|null|NUMBER, as=targets", "1, 0 or missing for each label"),
    ("--targets", "sparse", "as=targets", "positions of positive and missing labels, with their values"),
    ("--targets", "indices", "as=targets", "positions of positive labels"),
];

/// `key=value` pairs of a column that are not yet used.
struct ColumnParameters<'t> {
    flag: &'static str,
    text: &'t str,
    usual: &'static str,
    left: Vec<(&'t str, &'t str)>,
}

impl<'t> ColumnParameters<'t> {
    /// The name before the colon, and the parameters behind it.
    fn of(flag: &'static str, text: &'t str) -> Result<(&'static str, Self)> {
        let (name, pairs) = text.split_once(':').unwrap_or((text, ""));
        let known = || ADDED.iter().filter(|row| row.0 == flag);
        let Some((_, name, usual, _)) = known().find(|row| row.1 == name) else {
            let names: Vec<&str> = known().map(|row| row.1).collect();
            return Err(Error::usage(format!("{flag}: there is no column \"{name}\""))
                .hint(format!("{flag} takes {}", names.join(", "))));
        };
        let mut parameters = Self { flag, text, usual, left: Vec::new() };
        for pair in pairs.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
            let Some((key, value)) = pair.split_once('=') else {
                return Err(parameters.wrong(&format!("\"{pair}\" is not key=value")));
            };
            if parameters.left.iter().any(|(known, _)| *known == key) {
                return Err(parameters.wrong(&format!("{key} is given twice")));
            }
            parameters.left.push((key, value));
        }
        Ok((name, parameters))
    }

    fn wrong(&self, what: &str) -> Error {
        Error::usage(format!("{} {}: {what}", self.flag, self.text)).hint(format!("it has {}", self.usual))
    }

    fn take(&mut self, key: &str) -> Option<&'t str> {
        let place = self.left.iter().position(|(known, _)| *known == key)?;
        Some(self.left.remove(place).1)
    }

    fn number(&mut self, key: &str, usual: f64, (low, high): (f64, f64)) -> Result<f64> {
        let Some(text) = self.take(key) else { return Ok(usual) };
        let number: f64 = text.parse().map_err(|_| self.wrong(&format!("{key}={text} is not a number")))?;
        if (low..=high).contains(&number) {
            Ok(number)
        } else {
            Err(self.wrong(&format!("{key}={text} is outside {low} … {high}")))
        }
    }

    /// One of several words; by default the first.
    fn word<T: Copy>(&mut self, key: &str, words: &[(&str, T)]) -> Result<T> {
        let text = self.take(key).unwrap_or(words[0].0);
        let known = words.iter().find(|(word, _)| *word == text);
        known.map(|(_, value)| *value).ok_or_else(|| self.wrong(&format!("{key}={text} is not a choice")))
    }

    fn rebalance(&mut self) -> Result<Rebalance> {
        Ok(Rebalance {
            alpha: self.number("alpha", 0.1, (0.0, 1e3))?,
            beta: self.number("beta", 10.0, (0.0, 1e3))?,
            mu: self.number("mu", 0.2, (-1e3, 1e3))?,
        })
    }

    /// The column of these values, once all parameters are used.
    fn finish(mut self, usual: &str, values: AddedValues) -> Result<AddedColumn> {
        let name = self.take("as").unwrap_or(usual).to_owned();
        if name.is_empty() {
            return Err(self.wrong("as= names no column"));
        }
        match self.left.first() {
            Some((key, _)) => Err(self.wrong(&format!("{key} does not apply"))),
            None => Ok(AddedColumn { name, values }),
        }
    }
}

impl FromStr for AddedColumn {
    type Err = Error;

    /// What `--column` takes.
    fn from_str(text: &str) -> Result<Self> {
        /// What a rule is before its parameters are read.
        #[derive(Clone, Copy)]
        enum Word {
            Labels(Combine),
            ClassUniform,
            Rebalance,
        }
        let (name, mut given) = ColumnParameters::of("--column", text)?;
        if name == "fold" {
            let plan = given.take("plan").map(str::to_owned);
            if plan.as_ref().is_some_and(String::is_empty) {
                return Err(given.wrong("plan= names no folder"));
            }
            return given.finish(name, AddedValues::Fold(plan));
        }
        if name == "loss_weights" {
            let rule = if given.word("rule", &[("weights", false), ("rebalance", true)])? {
                CellRule::Rebalance(given.rebalance()?)
            } else {
                let words =
                    [("", None), ("one", Some(NegativeCells::One)), ("weight", Some(NegativeCells::Weight))];
                CellRule::Weights(given.word("negatives", &words)?)
            };
            return given.finish(name, AddedValues::LossWeights(rule));
        }
        let words = [
            ("mean", Word::Labels(Combine::Mean)),
            ("max", Word::Labels(Combine::Max)),
            ("sum", Word::Labels(Combine::Sum)),
            ("class-uniform", Word::ClassUniform),
            ("rebalance", Word::Rebalance),
        ];
        let (rule, usual) = match given.word("rule", &words)? {
            Word::Labels(combine) => (RowRule::Labels(combine), 1.0),
            // No label is drawn for it.
            Word::ClassUniform => (RowRule::ClassUniform, 0.0),
            Word::Rebalance => (RowRule::Rebalance(given.rebalance()?), 1.0),
        };
        let unlabelled = given.number("unlabelled", usual, (0.0, 1e6))?;
        given.finish(name, AddedValues::SampleWeight { rule, unlabelled })
    }
}

impl AddedColumn {
    /// What `--targets` takes.
    ///
    /// # Errors
    /// [`Error::Usage`] for an unknown form or parameter.
    pub(crate) fn targets(text: &str) -> Result<Self> {
        let (name, mut given) = ColumnParameters::of("--targets", text)?;
        let form = match name {
            "sparse" => TargetForm::Sparse,
            "indices" => TargetForm::Indices,
            _ => TargetForm::Dense(match given.take("missing") {
                None | Some("nan") => MissingCell::Nan,
                Some("null") => MissingCell::Null,
                Some(text) => match text.parse::<f32>() {
                    // A missing cell that looks like a known one is none.
                    Ok(number) if number.is_finite() && number != 0.0 && number != 1.0 => {
                        MissingCell::Number(number)
                    }
                    _ => {
                        return Err(given.wrong(&format!(
                            "missing={text} is not nan, null or a number other than 0 and 1"
                        )));
                    }
                },
            }),
        };
        given.finish("targets", AddedValues::Targets(form))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_is_read_or_refused() {
        let targets = |text: &str| AddedColumn::targets(text).map(|column| (column.name, column.values));
        let dense = |cell| AddedValues::Targets(TargetForm::Dense(cell));
        assert_eq!(targets("dense").unwrap(), ("targets".to_owned(), dense(MissingCell::Nan)));
        assert_eq!(
            targets("dense:missing=-1,as=y").unwrap(),
            ("y".to_owned(), dense(MissingCell::Number(-1.0)))
        );
        for wrong in
            ["dens", "dense:missing=0", "dense:missing=x", "sparse:missing=nan", "dense:as=", "dense:as"]
        {
            assert_eq!(targets(wrong).unwrap_err().exit_code(), 2, "{wrong}");
        }
        let fold = |text: &str| text.parse::<AddedColumn>().unwrap();
        assert_eq!(fold("fold").values, AddedValues::Fold(None));
        let (name, values) = ("f".to_owned(), AddedValues::Fold(Some("a/b".to_owned())));
        assert_eq!(fold("fold:plan=a/b,as=f"), AddedColumn { name, values });
        for wrong in [
            "weight",
            "fold:plan=",
            "fold:rule=max",
            "sample_weight:rule=min",
            "sample_weight:alpha=1",
            "loss_weights:unlabelled=1",
            "sample_weight:rule=max,rule=sum",
            "sample_weight:unlabelled=-1",
        ] {
            let error = wrong.parse::<AddedColumn>().unwrap_err();
            assert!(error.exit_code() == 2 && error.remedy().is_some(), "{wrong}: {error}");
        }
    }
}
